#include <doctest/doctest.h>

#include "cardea/hex.h"
#include "cardea/test/print.h"
#include "piv/card_record.h"
#include "piv/key_record.h"

using namespace cardea;
using namespace cardea::card;
using namespace cardea::card::piv;

namespace {

KeyRecord p256_record() {
  KeyRecord out;
  out.handle.algorithm = Algorithm::p256;
  out.handle.slot = {0x9C, 0x0102030405060708};
  out.handle.sealed = from_hex("DEADBEEF").value();
  out.handle.public_key.algorithm = Algorithm::p256;
  out.handle.public_key.point = Bytes(65, 0x04);
  out.origin = KeyOrigin::imported;
  out.pin_policy = PinPolicy::always;
  out.touch_policy = TouchPolicy::cached;
  return out;
}

bool damaged(const Bytes& octets) {
  const auto record = decode_key_record(octets);
  return !record && record.error().code == Errc::corrupt;
}

}  // namespace

TEST_CASE("a key record is written field by field, the version octet first") {
  CHECK(to_hex(encode(p256_record())) ==
        "01"
        "9C"
        "20"
        "02"
        "03"
        "03"
        "00"
        "0102030405060708"
        "00000004DEADBEEF"
        "00000000"
        "00000000"
        "00000041" +
            to_hex(Bytes(65, 0x04)));
}

TEST_CASE("a key record comes back as it was") {
  const auto record = p256_record();
  const auto back = decode_key_record(encode(record));
  REQUIRE(back);
  CHECK(back->handle.algorithm == Algorithm::p256);
  CHECK(back->handle.slot.reference == 0x9C);
  CHECK(back->handle.slot.version == 0x0102030405060708);
  CHECK(back->handle.sealed == record.handle.sealed);
  CHECK(back->handle.public_key == record.handle.public_key);
  CHECK(back->origin == KeyOrigin::imported);
  CHECK(back->pin_policy == PinPolicy::always);
  CHECK(back->touch_policy == TouchPolicy::cached);
  CHECK_FALSE(back->factory_value);
}

TEST_CASE("every truncation and every addition of a key record is corrupt") {
  const auto good = encode(p256_record());
  for (std::size_t n = 0; n < good.size(); ++n)
    CHECK(damaged(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n))));
  auto longer = good;
  longer.push_back(0);
  CHECK(damaged(longer));
}

TEST_CASE("values that are not written are not read: each field of a key record by itself") {
  const auto good = encode(p256_record());
  const auto with = [&good](std::size_t at, std::uint8_t value) {
    auto out = good;
    out[at] = value;
    return out;
  };
  CHECK(damaged(with(0, 2)));  // version
  CHECK(damaged(with(2, 0)));  // algorithm
  CHECK(damaged(with(2, 0x7F)));
  CHECK(damaged(with(2, 0x21)));  // P-384 does not go with a point of P-256
  CHECK(damaged(with(2, 0x10)));  // RSA without modulus
  CHECK(damaged(with(2, 0x01)));  // a symmetric key has no public half
  CHECK(damaged(with(3, 0)));     // origin
  CHECK(damaged(with(3, 3)));
  CHECK(damaged(with(4, 0)));  // PIN policy
  CHECK(damaged(with(4, 4)));
  CHECK(damaged(with(5, 0)));  // touch policy
  CHECK(damaged(with(5, 4)));
  CHECK(damaged(with(6, 2)));      // factory value
  CHECK(damaged(with(15, 0xFF)));  // a length of 4 GiB
}

TEST_CASE("the card record: serial number and key versions") {
  CHECK(to_hex(encode(CardRecord{0x00C0FFEE, 258})) == "0100C0FFEE0000000000000102");
  const auto back = decode_card_record("0100C0FFEE0000000000000102"_hex);
  REQUIRE(back);
  CHECK(back->serial == 0x00C0FFEE);
  CHECK(back->key_versions == 258);
  CHECK(decode_card_record("0200C0FFEE0000000000000102"_hex).error().code == Errc::corrupt);
  CHECK(decode_card_record("0100C0FFEE00000000000001"_hex).error().code == Errc::corrupt);
  CHECK(decode_card_record({}).error().code == Errc::corrupt);
}
