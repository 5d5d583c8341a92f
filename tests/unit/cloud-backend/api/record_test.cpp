#include "cardea/api/record.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "cardea/hex.h"

namespace cardea::api::record {
namespace {

Secret<64> session_key(std::uint8_t fill = 7) {
  Secret<64> key;
  std::ranges::fill(key.expose(), fill);
  return key;
}

constexpr Binding kBinding{"session-1", 42};
const Bytes kPlain = to_bytes(as_bytes("steps"));

Bytes sealed_as(std::uint64_t sequence, Direction direction = Direction::to_server,
                const Binding& binding = kBinding, std::uint8_t key = 7) {
  return *Sealer{session_key(key), direction, binding}.seal(sequence, kPlain);
}

Opener server(std::uint64_t next = 5) {
  return Opener{session_key(), Direction::to_server, kBinding, next};
}

}  // namespace

TEST_CASE("records open at the other end, in their order") {
  Sealer agent{session_key(), Direction::to_server, kBinding};
  auto opener = server();
  for (std::uint64_t n = 5; n < 9; ++n) {
    const auto sealed = agent.seal(n, kPlain);
    REQUIRE(sealed);
    CHECK(sealed->size() == kPlain.size() + kOverhead);
    CHECK(to_bytes(opener.open(n, *sealed)->expose()) == kPlain);
  }
}

TEST_CASE("a replayed record is refused, under its own number and under the next") {
  auto opener = server();
  const auto once = sealed_as(5);
  REQUIRE(opener.open(5, once));
  CHECK(opener.open(5, once).error() == Error{Errc::conflict, "this record is not the next one"});
  CHECK(opener.open(6, once).error().code == Errc::denied);
}

TEST_CASE("records in another order, or with one left out, are refused") {
  auto opener = server();
  const auto five = sealed_as(5);
  const auto six = sealed_as(6);
  CHECK(opener.open(6, six).error().code == Errc::conflict);
  CHECK(opener.open(5, six).error().code == Errc::denied);
  CHECK(opener.open(5, five));
  CHECK(opener.open(6, six));
  CHECK(opener.open(4, sealed_as(4)).error().code == Errc::conflict);
}

TEST_CASE("a record cut anywhere, or longer, is refused") {
  const auto whole = sealed_as(5);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    CHECK_FALSE(server().open(5, BytesView{whole}.first(n)));
  }
  CHECK(server().open(5, concat({whole, "00"_hex})).error().code == Errc::denied);
  CHECK(server().open(5, {}).error() == Error{Errc::invalid, "this is no record of this session"});
}

TEST_CASE("a record with one bit changed is refused, whichever") {
  const auto whole = sealed_as(5);
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    CAPTURE(bit);
    auto changed = whole;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    CHECK_FALSE(server().open(5, changed));
  }
}

TEST_CASE("a record of another session, login or generation is refused") {
  CHECK(server().open(5, sealed_as(5, Direction::to_server, {"session-2", 42})).error().code == Errc::denied);
  CHECK(server().open(5, sealed_as(5, Direction::to_server, {"session-", 42})).error().code == Errc::denied);
  CHECK(server().open(5, sealed_as(5, Direction::to_server, {"session-1", 43})).error().code == Errc::denied);
  CHECK(server().open(5, sealed_as(5, Direction::to_server, kBinding, 8)).error().code == Errc::denied);
}

TEST_CASE("a record sent back to its sender is refused") {
  Opener agent{session_key(), Direction::to_client, kBinding, 5};
  CHECK(agent.open(5, sealed_as(5, Direction::to_server)).error().code == Errc::denied);
  CHECK(server().open(5, sealed_as(5, Direction::to_client)).error().code == Errc::denied);
}

TEST_CASE("the AEAD of a record cannot be changed on the way") {
  auto record = sealed_as(5);
  CHECK(record[0] == 3);
  record[0] = 2;
  CHECK(server().open(5, record).error().code == Errc::invalid);
  const Binding aes{"session-1", 42, Aead::aes256gcm};
  Sealer sealer{session_key(), Direction::to_server, aes};
  if (!available(Aead::aes256gcm)) {
    CHECK(sealer.seal(5, kPlain).error().code == Errc::unsupported);
    return;
  }
  const auto other = sealer.seal(5, kPlain);
  REQUIRE(other);
  CHECK((*other)[0] == 2);
  Opener opener{session_key(), Direction::to_server, aes, 5};
  CHECK(opener.open(5, *other));
  CHECK(server().open(5, *other).error().code == Errc::invalid);
}

TEST_CASE("a failed record does not move the receiver on") {
  auto opener = server();
  CHECK_FALSE(opener.open(5, Bytes(30, 3)));
  CHECK(opener.open(5, sealed_as(5)));
}

TEST_CASE("one number never seals two texts") {
  Sealer agent{session_key(), Direction::to_server, kBinding};
  REQUIRE(agent.seal(5, kPlain));
  CHECK(agent.seal(5, kPlain).error() ==
        Error{Errc::conflict, "a record with this number was sealed already"});
  CHECK(agent.seal(4, kPlain).error().code == Errc::conflict);
  CHECK(agent.seal(0, kPlain).error().code == Errc::conflict);
  CHECK(agent.seal(6, kPlain));
}

}  // namespace cardea::api::record
