#include "cardea/api/hpke.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "cardea/hex.h"

namespace cardea::api::hpke {
namespace {

const Bytes kInfo = to_bytes(as_bytes("info"));
const Bytes kAad = to_bytes(as_bytes("aad"));
const Bytes kPlain = to_bytes(as_bytes("wrapped key"));

}  // namespace

TEST_CASE("what was sealed for a key opens with that key, info and associated data only [RFC9180/6.1]") {
  const auto recipient = generate_key_pair();
  const auto sealed = seal(recipient.public_key, kInfo, kAad, kPlain);
  REQUIRE(sealed);
  CHECK(sealed->size() == 32 + kPlain.size() + kAeadTagSize);
  CHECK(to_bytes(open(recipient, kInfo, kAad, *sealed)->expose()) == kPlain);

  CHECK(open(generate_key_pair(), kInfo, kAad, *sealed).error().code == Errc::denied);
  CHECK(open(recipient, as_bytes("inf0"), kAad, *sealed).error().code == Errc::denied);
  CHECK(open(recipient, kInfo, {}, *sealed).error().code == Errc::denied);
  for (std::size_t i = 0; i < sealed->size(); ++i) {
    CAPTURE(i);
    auto changed = *sealed;
    changed[i] ^= 0x40;
    CHECK_FALSE(open(recipient, kInfo, kAad, changed));
  }
  CHECK(open(recipient, kInfo, kAad, BytesView{*sealed}.first(sealed->size() - 1)).error().code ==
        Errc::denied);
  CHECK(open(recipient, kInfo, kAad, BytesView{*sealed}.first(47)).error() ==
        Error{Errc::invalid, "this is too short for a sealed message"});
}

TEST_CASE("an empty message has a length and a tag too") {
  const auto recipient = generate_key_pair();
  const auto sealed = seal(recipient.public_key, {}, {}, {});
  REQUIRE(sealed);
  CHECK(open(recipient, {}, {}, *sealed)->empty());
}

TEST_CASE("sealing twice gives different octets") {
  const auto recipient = generate_key_pair();
  CHECK(*seal(recipient.public_key, kInfo, kAad, kPlain) != *seal(recipient.public_key, kInfo, kAad, kPlain));
}

TEST_CASE("keys of small order are refused on both sides [RFC9180/7.1.4]") {
  const auto recipient = generate_key_pair();
  const Error small{Errc::invalid, "the public key has small order"};
  for (const auto& point : {
           "0000000000000000000000000000000000000000000000000000000000000000"_hex,
           "0100000000000000000000000000000000000000000000000000000000000000"_hex,
           "E0EB7A7C3B41B8AE1656E3FAF19FC46ADA098DEB9C32B1FD866205165F49B800"_hex,
           "5F9C95BCA3508C24B1D0B1559C83EF5B04445CC4581C8E86D8224EDDD09F1157"_hex,
           "ECFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF7F"_hex,
       }) {
    CHECK(seal(point, kInfo, kAad, kPlain).error() == small);
    CHECK(open(recipient, kInfo, kAad, concat({point, Bytes(40)})).error() == small);
  }
}

TEST_CASE("a context numbers its messages: no replay, no other order [RFC9180/5.2]") {
  const auto recipient = generate_key_pair();
  auto sender = setup_sender(recipient.public_key, kInfo);
  auto receiver = setup_recipient(recipient, sender->encapsulated_key, kInfo);
  const auto first = sender->context.seal({}, as_bytes("1"));
  const auto second = sender->context.seal({}, as_bytes("2"));
  CHECK_FALSE(receiver->open({}, *second));
  CHECK(receiver->open({}, *first));
  CHECK_FALSE(receiver->open({}, *first));
  CHECK(receiver->open({}, *second));
}

TEST_CASE("an AEAD that is not in the list is unsupported, not a crash") {
  const auto other = static_cast<Aead>(7);
  CHECK_FALSE(available(other));
  CHECK(seal(generate_key_pair().public_key, {}, {}, {}, other).error().code == Errc::unsupported);
}

}  // namespace cardea::api::hpke
