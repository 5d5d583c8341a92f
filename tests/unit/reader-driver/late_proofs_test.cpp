#include "late_proofs.h"

#include <doctest/doctest.h>

#include "card_bench.h"

using namespace cardea;
using agent::LateProofs;
using test::CardBench;
using Mishap = test::FakeServer::Mishap;
using Heard = test::FakeServer::Heard;

namespace {

constexpr std::uint8_t kPin = 0x80;
constexpr std::uint8_t kPuk = 0x81;

LateProofs::Proof proof(std::uint8_t of) {
  LateProofs::Proof out{};
  out.fill(of);
  return out;
}

}  // namespace

TEST_CASE("[C3] late proofs: the newest of each PIN, for its owner only, beyond the life of the process") {
  const test::TempFolder folder;
  {
    LateProofs proofs{folder.path(), "0b5a-4E"};
    CHECK_FALSE(proofs.kept(kPin));
    REQUIRE(proofs.keep(kPin, proof(1)));
    REQUIRE(proofs.keep(kPin, proof(2)));
    REQUIRE(proofs.keep(kPuk, proof(3)));
  }
  CHECK(test::mode_of(folder / "late-proof-0b5a-4E-80") == 0600);
  LateProofs proofs{folder.path(), "0b5a-4E"};
  CHECK(proofs.kept(kPin) == proof(2));
  CHECK(proofs.kept(kPuk) == proof(3));
  CHECK_FALSE(LateProofs(folder.path(), "0b5a").kept(kPin));
  proofs.forget(kPin);
  proofs.forget(kPin);
  CHECK_FALSE(proofs.kept(kPin));
  CHECK(proofs.kept(kPuk) == proof(3));
}

TEST_CASE("late proofs: a file of another size is none, and there may be no place for one") {
  const test::TempFolder folder;
  for (const std::size_t size : {0U, 63U, 65U}) {
    test::write_file(folder / "late-proof-c-80", std::string(size, 'x'));
    CHECK_FALSE(LateProofs(folder.path(), "c").kept(kPin));
  }
  CHECK_FALSE(LateProofs(folder / "none", "c").keep(kPin, proof(1)));
  for (const auto* card : {"", "../c", "a/b", "a b", ".."}) {
    CAPTURE(card);
    LateProofs proofs{folder.path(), card};
    CHECK_FALSE(proofs.keep(kPin, proof(1)));
    CHECK_FALSE(proofs.kept(kPin));
  }
  CHECK_FALSE(LateProofs({}, "c").keep(kPin, proof(1)));
}

TEST_CASE("[C3] a card comes into the reader when the server has seen the proofs that were left") {
  const CardBench bench;
  REQUIRE(LateProofs(bench.folder.path(), "c").keep(kPin, proof(7)));
  const Heard shown{"s1", {1, {api::LateProofStep{kPin, proof(7)}}}};
  SUBCASE("at once") {
    const auto card = bench.insert();
    bench.settle(true);
    CHECK(bench.server->exchanges() == std::vector<Heard>{shown});
    CHECK(bench.server->opened() == 1);
  }
  SUBCASE("in a new session where the first one broke off") {
    bench.server->next_exchanges({Mishap::not_reached, Mishap::not_reached});
    const auto card = bench.insert();
    bench.settle(true);
    CHECK(bench.server->exchanges() ==
          std::vector<Heard>{shown, shown, {"s2", {1, {api::LateProofStep{kPin, proof(7)}}}}});
  }
  SUBCASE("without it where the server does not understand") {
    bench.server->next_exchanges({Mishap::nonsense});
    const auto card = bench.insert();
    bench.settle(true);
    CHECK(bench.server->exchanges() == std::vector<Heard>{shown});
    CHECK(bench.server->opened() == 2);
  }
  CHECK_FALSE(LateProofs(bench.folder.path(), "c").kept(kPin));
}
