// The formats of vault/README.md, octet by octet, and what their parsers refuse.

#include <doctest/doctest.h>

#include "cardea/vault/sealed_key.h"
#include "cardea/vault/worker_protocol.h"

namespace cardea::vault {

namespace {

SealedKey example() {
  SealedKey key;
  key.kek_version = 2;
  key.kek_id = {0xAA, 0xBB};
  key.tenant = "t";
  key.card = "c1";
  key.slot = {0x9A, 5};
  key.algorithm = card::Algorithm::p256;
  key.public_digest.fill(0x11);
  key.wrapped = {0xDE, 0xAD};
  key.tag.fill(0x22);
  return key;
}

Bytes octets_of(const SealedKey& key) {
  auto out = key.authenticated_part().value();
  append(out, key.tag);
  return out;
}

}  // namespace

TEST_CASE("a sealed key has the layout of the README") {
  const Bytes head{0x01, 0x01, 0,    0, 0, 2, 2, 0xAA, 0xBB, 1, 't', 2,
                   'c',  '1',  0x9A, 0, 0, 0, 0, 0,    0,    0, 5,   32};
  const Bytes tail{0x00, 0x02, 0xDE, 0xAD};
  CHECK(octets_of(example()) == concat({head, Bytes(32, 0x11), tail, Bytes(32, 0x22)}));
}

TEST_CASE("a sealed key that says how it was made is of format 3") {
  auto key = example();
  key.origin = KeyMaking::generated;
  const Bytes head{0x03, 0x01, 0, 0, 0, 2, 2, 0xAA, 0xBB, 1, 't', 2, 'c',
                   '1',  0x9A, 0, 0, 0, 0, 0, 0,    0,    5, 32,  1};
  const Bytes tail{0x00, 0x02, 0xDE, 0xAD};
  const auto octets = concat({head, Bytes(32, 0x11), tail, Bytes(32, 0x22)});
  CHECK(octets_of(key) == octets);
  CHECK(SealedKey::parse(octets).value().origin == KeyMaking::generated);
  for (const auto unknown : Bytes{0, 3, 255}) {
    auto damaged = octets;
    damaged[head.size() - 1] = unknown;
    CHECK(SealedKey::parse(damaged).error().code == Errc::corrupt);
  }
}

TEST_CASE("a sealed key is read back; every shortening and every lengthening is corrupt") {
  const auto octets = octets_of(example());
  const auto back = SealedKey::parse(octets).value();
  CHECK(back.kek_version == 2);
  CHECK(back.tenant == "t");
  CHECK(back.card == "c1");
  CHECK(back.slot.reference == 0x9A);
  CHECK(back.slot.version == 5);
  CHECK(octets_of(back) == octets);
  for (std::size_t size = 0; size < octets.size(); ++size) {
    CHECK(SealedKey::parse(BytesView{octets}.first(size)).error().code == Errc::corrupt);
  }
  CHECK(SealedKey::parse(concat({octets, Bytes{0}})).error().code == Errc::corrupt);
}

TEST_CASE("names longer than 255 octets cannot be sealed") {
  auto key = example();
  key.card = std::string(256, 'c');
  CHECK(key.authenticated_part().error().code == Errc::invalid);
}

TEST_CASE("requests and replies survive the wire; shorter and longer ones do not") {
  wire::Request request;
  request.op = wire::Op::ecdsa_sign;
  request.tenant = "acme";
  request.card = "card-1";
  request.slot = {0x9C, 3};
  request.algorithm = card::Algorithm::p384;
  request.public_key.point = {4, 5, 6};
  request.sealed = {7, 8};
  request.fields.emplace_back(as_bytes("digest"));
  const auto message = wire::encode(request).value();
  const auto back = wire::decode_request(message).value();
  CHECK(back.op == request.op);
  CHECK(back.card == "card-1");
  CHECK(back.slot.version == 3);
  CHECK(back.public_key.point == request.public_key.point);
  REQUIRE(back.fields.size() == 1);
  CHECK(equal(back.fields[0].expose(), as_bytes("digest")));
  for (std::size_t size = 0; size < message.size(); ++size) {
    CHECK(wire::decode_request(BytesView{message}.first(size)).error().code == Errc::corrupt);
  }
  CHECK(wire::decode_request(concat({message, Bytes{0}})).error().code == Errc::corrupt);

  wire::Reply reply;
  reply.error = Error{Errc::denied, "no"};
  reply.resident_bytes = 1U << 20U;
  const auto answer = wire::encode(reply).value();
  CHECK(wire::decode_reply(answer).value().error == reply.error);
  CHECK(wire::decode_reply(answer).value().resident_bytes == 1U << 20U);
  for (std::size_t size = 0; size < answer.size(); ++size) {
    CHECK(wire::decode_reply(BytesView{answer}.first(size)).error().code == Errc::corrupt);
  }
}

TEST_CASE("a request beyond the limit is not sent, and not read") {
  wire::Request request;
  request.fields.emplace_back(wire::kMaxMessage);
  CHECK(wire::encode(request).error().code == Errc::invalid);
  CHECK(wire::decode_request(Bytes(wire::kMaxMessage + 1)).error().code == Errc::corrupt);
  CHECK(wire::decode_reply(Bytes(wire::kMaxMessage + 1)).error().code == Errc::corrupt);
}

}  // namespace cardea::vault
