#pragma once

// Known answers that every card::KeyVault has to give, whoever computes them.

#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "cardea/card/ports/key_vault.h"
#include "cardea/test/print.h"

namespace cardea::test {

/// One case of a vector file: names and values, cases apart by an empty line, the origin in the first line.
using Vector = std::map<std::string, std::string>;

inline std::vector<Vector> read_vectors(const std::string& path) {
  std::ifstream in{path};
  REQUIRE_MESSAGE(in.is_open(), path);
  std::vector<Vector> out;
  bool open = false;
  for (std::string line; std::getline(in, line);) {
    const auto equals = line.find(" = ");
    if (line.empty()) open = false;
    if (line.empty() || line[0] == '#' || equals == std::string::npos) continue;
    if (!open) out.emplace_back();
    open = true;
    out.back()[line.substr(0, equals)] = line.substr(equals + 3);
  }
  REQUIRE_FALSE(out.empty());
  return out;
}

namespace detail {

inline card::Algorithm algorithm_of(const Vector& v) {
  using card::Algorithm;
  for (const auto a : {Algorithm::tdes, Algorithm::aes128, Algorithm::aes192, Algorithm::aes256,
                       Algorithm::rsa2048, Algorithm::rsa3072, Algorithm::rsa4096, Algorithm::p256,
                       Algorithm::p384, Algorithm::p521, Algorithm::ed25519, Algorithm::x25519}) {
    if (card::name(a) == v.at("algorithm")) return a;
  }
  FAIL("unknown algorithm");
  return {};
}
inline Bytes octets(const Vector& v, const char* name) {
  return from_hex(v.at(name)).value();
}
inline SecretBytes secret(const Vector& v, const char* name) {
  return SecretBytes{BytesView{octets(v, name)}};
}

}  // namespace detail

/// `folder`: tests/vectors.
inline void key_vault_vectors(card::KeyVault& vault, const std::string& folder) {
  using namespace detail;  // NOLINT(google-build-using-namespace): helpers of this header
  for (const auto& v : read_vectors(folder + "/aes-tdes-ecb.txt")) {
    if (!vault.supports(algorithm_of(v))) continue;
    CAPTURE(v.at("algorithm"));
    const auto key = vault.import_symmetric({0x9B, 1}, algorithm_of(v), secret(v, "key")).value();
    CHECK(to_bytes(vault.encrypt_block(key, octets(v, "block")).value().expose()) == octets(v, "result"));
    CHECK(to_bytes(vault.decrypt_block(key, octets(v, "result")).value().expose()) == octets(v, "block"));
  }
  for (const auto& v : read_vectors(folder + "/ec-public.txt")) {
    if (!vault.supports(algorithm_of(v))) continue;
    CAPTURE(v.at("algorithm"));
    CHECK(vault.import_ec({0x9D, 1}, algorithm_of(v), secret(v, "scalar"))->public_key.point ==
          octets(v, "point"));
  }
  for (const auto& v : read_vectors(folder + "/ecdh.txt")) {
    if (!vault.supports(algorithm_of(v))) continue;
    CAPTURE(v.at("scalar"));
    const auto key = vault.import_ec({0x9D, 1}, algorithm_of(v), secret(v, "scalar")).value();
    CHECK(to_bytes(vault.ecdh(key, octets(v, "peer")).value().expose()) == octets(v, "result"));
  }
  for (const auto& v : read_vectors(folder + "/ed25519.txt")) {
    if (!vault.supports(card::Algorithm::ed25519)) continue;
    CAPTURE(v.at("secret"));
    const auto key = vault.import_ec({0x9A, 1}, card::Algorithm::ed25519, secret(v, "secret")).value();
    CHECK(key.public_key.point == octets(v, "public"));
    const auto message = v.contains("message") ? octets(v, "message") : Bytes{};
    CHECK(vault.eddsa_sign(key, message).value() == octets(v, "signature"));
  }
  for (const auto& v : read_vectors(folder + "/rsa-raw.txt")) {
    if (!vault.supports(algorithm_of(v))) continue;
    CAPTURE(v.at("algorithm"));
    const card::RsaPrivateParts parts{secret(v, "p"), secret(v, "q"), secret(v, "dp"), secret(v, "dq"),
                                      secret(v, "qinv")};
    const auto key = vault.import_rsa({0x9A, 1}, algorithm_of(v), parts).value();
    CHECK(key.public_key.modulus == octets(v, "modulus"));
    CHECK(to_bytes(vault.rsa_private(key, octets(v, "block")).value().expose()) == octets(v, "result"));
  }
}

}  // namespace cardea::test
