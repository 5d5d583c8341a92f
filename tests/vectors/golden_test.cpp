// The stored and sent formats, against files that a second implementation has written from their descriptions
// (tests/golden/make_golden.py).

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <string>

#include "cardea/api/card_secret.h"
#include "cardea/api/kdf.h"
#include "cardea/api/opaque.h"
#include "cardea/api/record.h"
#include "cardea/hex.h"
#include "cardea/vault/passcode_key.h"
#include "cardea/vault/sealed_key.h"
#include "golden.h"

namespace cardea::test {
namespace {

using namespace api;  // NOLINT(google-build-using-namespace): the thing under test

template <std::size_t N>
Secret<N> secret(const Vector& v, const char* name) {
  const auto from = octets(v, name);
  REQUIRE(from.size() == N);
  Secret<N> out;
  std::ranges::copy(from, out.expose().begin());
  return out;
}

Randomness always(Bytes value) {
  return [value = std::move(value)](std::span<std::uint8_t> out) {
    REQUIRE(value.size() == out.size());
    std::ranges::copy(value, out.begin());
  };
}

/// The handle that a file describes, with `sealed` of that name.
card::KeyHandle handle(const Vector& v, const char* sealed) {
  card::KeyHandle key;
  key.algorithm = static_cast<card::Algorithm>(octets(v, "algorithm")[0]);
  key.slot = {octets(v, "reference")[0], read_be(octets(v, "version"))};
  key.public_key.algorithm = key.algorithm;
  key.public_key.point = octets(v, "point");
  key.sealed = octets(v, sealed);
  return key;
}

}  // namespace

TEST_CASE("golden: a sealed key of format 1 reads and writes") {
  const auto v = golden("sealed-key-1.txt").front();
  const auto key = handle(v, "sealed");
  const auto sealed = vault::SealedKey::parse(key.sealed);
  REQUIRE(sealed);
  CHECK(sealed->mode == vault::SealedKey::kModeWrapped);
  CHECK(sealed->kek_version == 1);
  CHECK(sealed->kek_id == octets(v, "kek_id"));
  CHECK(sealed->tenant == text(v, "tenant"));
  CHECK(sealed->card == text(v, "card"));
  CHECK(sealed->slot.reference == key.slot.reference);
  CHECK(sealed->slot.version == key.slot.version);
  CHECK(sealed->algorithm == key.algorithm);
  CHECK(sealed->public_digest == sha256({vault::public_key_encoding(key.algorithm, key.public_key)}));

  const auto covered = sealed->authenticated_part();
  REQUIRE(covered);
  const auto binding = hmac_sha256(octets(v, "mac_key"), {as_bytes("cardea binding 1")});
  CHECK(to_hex(hmac_sha256(binding.expose(), {*covered}).expose()) == to_hex(sealed->tag));
  CHECK(to_hex(concat({*covered, sealed->tag})) == v.at("sealed"));
}

TEST_CASE("golden: sealed keys of format 3 read and write") {
  for (const auto& v : golden("sealed-key-3.txt")) {
    CAPTURE(v.at("sealed"));
    const auto key = handle(v, "sealed");
    const auto sealed = vault::SealedKey::parse(key.sealed);
    REQUIRE(sealed);
    CHECK(Bytes{sealed->mode} == octets(v, "mode"));
    CHECK(Bytes{static_cast<std::uint8_t>(sealed->origin)} == octets(v, "origin"));
    CHECK(sealed->algorithm == key.algorithm);
    CHECK(sealed->public_digest == sha256({vault::public_key_encoding(key.algorithm, key.public_key)}));
    const auto covered = sealed->authenticated_part();
    REQUIRE(covered);
    const auto binding = hmac_sha256(octets(v, "mac_key"), {as_bytes("cardea binding 1")});
    CHECK(to_hex(hmac_sha256(binding.expose(), {*covered}).expose()) == to_hex(sealed->tag));
    CHECK(to_hex(concat({*covered, sealed->tag})) == v.at("sealed"));
  }
}

TEST_CASE("golden: a sealed key of format 2 opens and is sealed the same [B4]") {
  const auto v = golden("sealed-key-2.txt").front();
  const auto pair = hpke::key_pair_of(secret<32>(v, "card_secret"));
  const auto opened =
      vault::open_with_passcode(handle(v, "sealed"), text(v, "tenant"), text(v, "card"), pair);
  REQUIRE(opened);
  CHECK(to_hex(*opened) == v.at("inner"));
  const auto sealed = vault::seal_with_passcode(handle(v, "inner"), text(v, "tenant"), text(v, "card"),
                                                pair.public_key, always(octets(v, "ephemeral")));
  REQUIRE(sealed);
  CHECK(to_hex(*sealed) == v.at("sealed"));
}

TEST_CASE("golden: copies of a card's secret open and are made the same [B4]") {
  unsigned read = 0;
  for (const auto& v : golden("secret-copies.txt")) {
    ++read;
    const auto holder = text(v, "holder");
    const auto tenant = text(v, "tenant");
    const auto card = text(v, "card");
    CAPTURE(holder);
    const card_secret::Place place{tenant, card, holder};
    const auto pair = hpke::key_pair_of(secret<32>(v, "card_secret"));
    const bool escrow = v.contains("escrow_secret");
    const auto owner = escrow ? hpke::key_pair_of(secret<32>(v, "escrow_secret")) : hpke::KeyPair{};
    const auto opened = escrow ? card_secret::open_copy_with(place, owner, octets(v, "copy"))
                               : card_secret::open_copy(place, octets(v, "material"), octets(v, "copy"));
    REQUIRE(opened);
    CHECK(same_secret(opened->private_key, pair.private_key));
    const auto copy =
        escrow ? card_secret::seal_copy_to(place, owner.public_key, pair, always(octets(v, "ephemeral")))
               : card_secret::seal_copy(place, octets(v, "material"), pair, always(octets(v, "nonce")));
    REQUIRE(copy);
    CHECK(to_hex(*copy) == v.at("copy"));
  }
  CHECK(read == 4);
}

TEST_CASE("golden: records open and are sealed the same [F1]") {
  unsigned read = 0;
  for (const auto& v : golden("records.txt")) {
    ++read;
    const auto session = text(v, "session");
    const record::Binding binding{session, read_be(octets(v, "generation"))};
    const auto direction = static_cast<record::Direction>(octets(v, "direction")[0]);
    const auto sequence = read_be(octets(v, "sequence"));
    record::Opener opener{secret<64>(v, "session_key"), direction, binding, sequence};
    const auto plain = opener.open(sequence, octets(v, "record"));
    REQUIRE(plain);
    CHECK(to_hex(plain->expose()) == v.at("plain"));
    record::Sealer sealer{secret<64>(v, "session_key"), direction, binding};
    CHECK(to_hex(sealer.seal(sequence, octets(v, "plain")).value()) == v.at("record"));
  }
  CHECK(read == 3);
}

TEST_CASE("golden: what a PIN login is bound to") {
  const auto v = golden("login-names.txt").front();
  const auto tenant = text(v, "tenant");
  const auto card = text(v, "card");
  const auto exporter = octets(v, "exporter");
  const auto thumbprint = text(v, "thumbprint");
  const auto token = octets(v, "token_hash");
  const auto reference = octets(v, "reference")[0];
  CHECK(to_hex(opaque::encode(opaque::LoginContext{tenant, card, reference, exporter, thumbprint, token})) ==
        v.at("context"));
  CHECK(to_hex(opaque::credential_identifier(tenant, card, reference)) == v.at("identifier"));
  const opaque::Ksf ksf{opaque::Ksf::Function::argon2id,
                        static_cast<std::uint32_t>(read_be(octets(v, "ksf_memory_kib"))),
                        static_cast<std::uint32_t>(read_be(octets(v, "ksf_passes")))};
  CHECK(to_hex(opaque::encode(ksf)) == v.at("ksf"));
  CHECK(opaque::parse_ksf(octets(v, "ksf")).value() == ksf);
}

}  // namespace cardea::test
