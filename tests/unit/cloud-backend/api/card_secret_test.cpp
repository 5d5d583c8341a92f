#include "cardea/api/card_secret.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "cardea/hex.h"

namespace cardea::api::card_secret {
namespace {

const hpke::KeyPair& pair() {
  static const auto made = hpke::generate_key_pair();
  return made;
}

Bytes export_key(std::uint8_t fill = 5) {
  return Bytes(64, fill);
}

constexpr Place kPlace{"tenant", "card", kPin};

}  // namespace

TEST_CASE("a copy of the card's secret opens with its key, in its place only [B4]") {
  const auto copy = seal_copy(kPlace, export_key(), pair());
  REQUIRE(copy);
  CHECK(copy->size() == kKeyCopySize);
  CHECK(*subject_of(*copy) == pair().public_key);
  const auto opened = open_copy(kPlace, export_key(), *copy);
  REQUIRE(opened);
  CHECK(same_secret(opened->private_key, pair().private_key));
  CHECK(opened->public_key == pair().public_key);

  const auto denied = [&](const Place& place, std::uint8_t key = 5) {
    return open_copy(place, export_key(key), *copy).error().code == Errc::denied;
  };
  CHECK(denied(kPlace, 6));
  CHECK(denied({"tenant", "card", kPuk}));
  CHECK(denied({"tenant", "card2", kPin}));
  CHECK(denied({"other", "card", kPin}));
  CHECK(denied({"tenantc", "ard", kPin}));
}

TEST_CASE("each octet of a copy is checked") {
  const auto copy = *seal_copy(kPlace, export_key(), pair());
  for (std::size_t i = 0; i < copy.size(); ++i) {
    CAPTURE(i);
    auto changed = copy;
    changed[i] ^= 0x10;
    CHECK_FALSE(open_copy(kPlace, export_key(), changed));
  }
  for (std::size_t n = 0; n < copy.size(); ++n)
    CHECK(open_copy(kPlace, export_key(), BytesView{copy}.first(n)).error().code == Errc::invalid);
  CHECK(open_copy(kPlace, export_key(), concat({copy, "00"_hex})).error().code == Errc::invalid);
}

TEST_CASE("two copies for the same holder differ: nothing repeats under one key") {
  CHECK(*seal_copy(kPlace, export_key(), pair()) != *seal_copy(kPlace, export_key(), pair()));
}

TEST_CASE("an escrow copy opens with the escrow's private key, in its place only") {
  const auto escrow = hpke::generate_key_pair();
  const Place place{"tenant", "card", kEscrow};
  const auto copy = seal_copy_to(place, escrow.public_key, pair());
  REQUIRE(copy);
  CHECK(copy->size() == kEscrowCopySize);
  CHECK(*subject_of(*copy) == pair().public_key);
  CHECK(same_secret(open_copy_with(place, escrow, *copy)->private_key, pair().private_key));
  CHECK(open_copy_with(place, hpke::generate_key_pair(), *copy).error().code == Errc::denied);
  CHECK(open_copy_with({"tenant", "card2", kEscrow}, escrow, *copy).error().code == Errc::denied);
  CHECK(open_copy(place, export_key(), *copy).error().code == Errc::invalid);
  CHECK(seal_copy_to(place, {}, pair()).error() == Error{Errc::invalid, "the public key has small order"});
}

TEST_CASE("a copy that holds another secret than it names is corrupt") {
  // Somebody with the key makes a copy that names this card's public key.
  const hpke::KeyPair liar{hpke::generate_key_pair().private_key, pair().public_key};
  CHECK(open_copy(kPlace, export_key(), *seal_copy(kPlace, export_key(), liar)).error() ==
        Error{Errc::corrupt, "the copy holds another secret than the one it names"});
}

TEST_CASE("what is no copy names nobody") {
  CHECK(subject_of({}).error().code == Errc::invalid);
  CHECK(subject_of(Bytes(95)).error() == Error{Errc::invalid, "this is no copy of a card's secret"});
}

}  // namespace cardea::api::card_secret
