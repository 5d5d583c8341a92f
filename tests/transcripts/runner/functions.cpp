#include "functions.h"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

#include "cardea/apdu/tlv.h"
#include "cardea/hex.h"
#include "cardea/test/block_cipher.h"
#include "cardea/test/host_crypto.h"
#include "cardea/test/ports.h"

namespace cardea::transcript {

namespace {

using card::Algorithm;

/// The arguments of one call, read as each function needs them.
struct Arguments {
  const std::vector<std::string>& text;
  const Variables& variables;

  [[nodiscard]] const std::string& word(std::size_t i) const {
    if (i >= text.size()) throw Mismatch{"a function misses an argument"};
    return text[i];
  }
  [[nodiscard]] bool has(std::size_t i) const { return i < text.size(); }
  [[nodiscard]] Bytes octets(std::size_t i) const { return evaluate(word(i), variables); }
  [[nodiscard]] std::size_t number(std::size_t i) const { return number_argument(word(i)); }
};

Bytes need(const std::optional<Bytes>& value, std::string_view what) {
  if (!value) throw Mismatch{std::string{what}};
  return *value;
}

Algorithm aes_for(BytesView key) {
  if (key.size() == 16) return Algorithm::aes128;
  return key.size() == 24 ? Algorithm::aes192 : Algorithm::aes256;
}

Algorithm curve_named(std::string_view name) {
  if (name == "p256") return Algorithm::p256;
  if (name == "p384") return Algorithm::p384;
  if (name == "ed25519") return Algorithm::ed25519;
  if (name == "x25519") return Algorithm::x25519;
  throw Mismatch{"curves are p256, p384, ed25519 and x25519"};
}

Algorithm rsa_named(std::string_view bits) {
  if (bits == "2048") return Algorithm::rsa2048;
  if (bits == "3072") return Algorithm::rsa3072;
  if (bits == "4096") return Algorithm::rsa4096;
  throw Mismatch{"RSA sizes are 2048, 3072 and 4096"};
}

card::PublicKey point_key(const Bytes& point) {
  card::PublicKey out;
  out.algorithm = point.size() == 32   ? Algorithm::x25519
                  : point.size() == 97 ? Algorithm::p384
                                       : Algorithm::p256;
  out.point = point;
  return out;
}

card::PublicKey rsa_key(const Bytes& modulus) {
  card::PublicKey out;
  out.modulus = modulus;
  out.exponent = {1, 0, 1};
  return out;
}

test::HostKey host(const Arguments& a) {
  return test::host_key(curve_named(a.word(0)), static_cast<std::uint8_t>(a.has(1) ? a.number(1) : 1));
}

Bytes tdes(const Arguments& a) {
  return need(test::ecb_encrypt(Algorithm::tdes, a.octets(0), a.octets(1)), "tdes: wrong sizes");
}
Bytes untdes(const Arguments& a) {
  return need(test::ecb_decrypt(Algorithm::tdes, a.octets(0), a.octets(1)), "untdes: wrong sizes");
}
Bytes aes(const Arguments& a) {
  return need(test::ecb_encrypt(aes_for(a.octets(0)), a.octets(0), a.octets(1)), "aes: wrong sizes");
}
Bytes unaes(const Arguments& a) {
  return need(test::ecb_decrypt(aes_for(a.octets(0)), a.octets(0), a.octets(1)), "unaes: wrong sizes");
}
Bytes rsa(const Arguments& a) {
  return need(test::rsa_raw_public(rsa_key(a.octets(0)), a.octets(1)), "rsa: unusable key or block");
}
Bytes ecdsa(const Arguments& a) {
  const bool good = test::ecdsa_verify_der(point_key(a.octets(0)), a.octets(1), a.octets(2));
  return {static_cast<std::uint8_t>(good ? 1 : 0)};
}
Bytes ed25519(const Arguments& a) {
  const bool good = test::ed25519_verify(point_key(a.octets(0)), a.octets(1), a.octets(2));
  return {static_cast<std::uint8_t>(good ? 1 : 0)};
}
Bytes host_point(const Arguments& a) {
  return host(a).point;
}
Bytes host_scalar(const Arguments& a) {
  return host(a).scalar;
}
Bytes ecdh(const Arguments& a) {
  const auto theirs = point_key(a.octets(0));
  return need(test::host_ecdh(test::host_key(theirs.algorithm), theirs), "ecdh: not a point of the curve");
}
Bytes rsa_part(const Arguments& a) {
  const auto parts = test::rsa_parts(rsa_named(a.word(0)), a.has(2) ? a.number(2) : 1);
  const std::pair<std::string_view, const SecretBytes*> named[] = {
      {"p", &parts.p}, {"q", &parts.q}, {"dp", &parts.dp}, {"dq", &parts.dq}, {"qinv", &parts.qinv}};
  for (const auto& [name, part] : named) {
    if (name == a.word(1)) return to_bytes(part->expose());
  }
  throw Mismatch{"rsa-part: p, q, dp, dq or qinv"};
}
Bytes rsa_block(const Arguments& a) {
  const auto size = a.number(0);
  const auto tail = a.octets(1);
  if (size < tail.size() + 11) throw Mismatch{"rsa-block: too small"};
  Bytes out{0x00, 0x01};
  out.resize(size - tail.size() - 1, 0xFF);
  out.push_back(0x00);
  append(out, tail);
  return out;
}
Bytes fill(const Arguments& a) {
  const auto octet = a.octets(0);
  if (octet.size() != 1) throw Mismatch{"fill: one octet, then how many"};
  return Bytes(a.number(1), octet[0]);
}
Bytes slice(const Arguments& a) {
  const auto from = a.octets(0);
  const auto begin = a.number(1);
  const auto count = a.has(2) ? a.number(2) : from.size() - std::min(from.size(), begin);
  if (begin + count > from.size()) throw Mismatch{"slice: beyond the end"};
  return to_bytes(BytesView{from}.subspan(begin, count));
}
Bytes tlv(const Arguments& a) {
  return apdu::make_tlv(static_cast<std::uint32_t>(read_be(a.octets(0))), a.octets(1));
}
Bytes lc(const Arguments& a) {
  const auto data = a.octets(0);
  if (data.size() > 255) throw Mismatch{"lc: more than 255 octets need lcx"};
  return concat({Bytes{static_cast<std::uint8_t>(data.size())}, data});
}
Bytes lcx(const Arguments& a) {
  const auto data = a.octets(0);
  Bytes out{0};
  append_be16(out, static_cast<std::uint16_t>(data.size()));
  append(out, data);
  return out;
}
Bytes exclusive_or(const Arguments& a) {
  auto out = a.octets(0);
  const auto other = a.octets(1);
  if (out.size() != other.size()) throw Mismatch{"xor: as many octets on both sides"};
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::uint8_t>(out[i] ^ other[i]);
  return out;
}
Bytes cmac(const Arguments& a) {
  const auto key = a.octets(0);
  const auto message = a.octets(1);
  const auto* const cipher = key.size() == 32   ? "AES-256-CBC"
                             : key.size() == 24 ? "AES-192-CBC"
                                                : "AES-128-CBC";
  Bytes out(16);
  std::size_t size = 0;
  if (EVP_Q_mac(nullptr, "CMAC", nullptr, cipher, nullptr, key.data(), key.size(), message.data(),
                message.size(), out.data(), out.size(), &size) == nullptr) {
    throw Mismatch{"cmac: wrong sizes"};
  }
  return out;
}
Bytes sha256(const Arguments& a) {
  const auto digest = test::OpenSslCrypto{}.sha256(a.octets(0));
  return to_bytes(digest);
}

struct Function {
  std::string_view name;
  Bytes (*run)(const Arguments&);
};
constexpr Function kFunctions[] = {
    {"tdes", tdes},         {"untdes", untdes},
    {"aes", aes},           {"unaes", unaes},
    {"rsa", rsa},           {"ecdsa", ecdsa},
    {"ed25519", ed25519},   {"host-point", host_point},
    {"ecdh", ecdh},         {"host-scalar", host_scalar},
    {"rsa-part", rsa_part}, {"rsa-block", rsa_block},
    {"fill", fill},         {"slice", slice},
    {"tlv", tlv},           {"lc", lc},
    {"lcx", lcx},           {"sha256", sha256},
    {"cmac", cmac},         {"xor", exclusive_or},
};

}  // namespace

std::span<const std::string_view> function_names() {
  static const auto names = [] {
    std::vector<std::string_view> out;
    for (const auto& function : kFunctions)
      out.push_back(function.name);
    return out;
  }();
  return names;
}

Bytes call_function(std::string_view name, const std::vector<std::string>& arguments,
                    const Variables& variables) {
  for (const auto& function : kFunctions) {
    if (function.name == name) return function.run({arguments, variables});
  }
  throw Mismatch{"no function is called " + std::string{name}};
}

std::size_t number_argument(const std::string& text) {
  std::size_t out = 0;
  const auto* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, out);
  if (error != std::errc{} || at != end) throw Mismatch{"not a number: " + text};
  return out;
}

}  // namespace cardea::transcript
