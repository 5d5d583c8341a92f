// Random conversations against the model, and the laws of purity. RC_PARAMS="seed=… max_success=…" repeats or
// extends a run; rapidcheck prints the seed and the shortest failing conversation.

#include <doctest/doctest.h>

#include <rapidcheck.h>

#include "cardea/hex.h"
#include "driver.h"
#include "piv_model.h"

namespace cardea::model {

namespace {

/// Commands that only look, in every form that matters for the state they read.
const std::vector<std::string> kProbes = {"00CB3FFF035C017E00",
                                          "00CB3FFF035C017E08",
                                          "00CB3FFF055C035FC10200",
                                          "00CB3FFF055C035FC10500",
                                          "00CB3FFF055C035FC10900",
                                          "00C0000000",
                                          "00FD000000",
                                          "00F8000000",
                                          "00F7008000",
                                          "00F7009B00",
                                          "00F7009A00",
                                          "00200080",
                                          "00A4040005A000000308",
                                          "00A4040006A0000000010100",
                                          "00B0000000"};

bool is_expected(const PivModel::Expected& expected, const std::string& answer) {
  const auto word = answer.substr(answer.size() - 4);
  const auto data = answer.substr(0, answer.size() - 4);
  return expected.words.find(word) != std::string::npos && (!expected.data || *expected.data == data);
}

}  // namespace

TEST_CASE("any conversation goes as the model says") {
  CHECK(rc::check("card = model", [] {
    const auto ops = *conversations();
    Driver driver;
    PivModel model;
    for (const auto& op : ops) {
      const auto expected = model.apply(op);
      const auto answer = driver.apply(op);
      if (answer.empty()) continue;
      if (!is_expected(expected, answer)) {
        RC_LOG() << name(op.kind) << ": got " << answer << ", want " << expected.data.value_or("*") << " "
                 << expected.words << "\n";
        RC_FAIL("the card and the model disagree");
      }
    }
    driver.finish();
  }));
}

TEST_CASE("a pure command answers alike wherever state digest and generation are alike") {
  CHECK(rc::check("pure = memoisable", [] {
    const auto ops = *conversations();
    Driver driver;
    for (const auto& op : ops) {
      (void)driver.apply(op);
      const auto probe = *rc::gen::elementOf(kProbes);
      (void)driver.send(probe);
      (void)driver.send(probe);
    }
    // Both sessions from a reset have the same state; everything that only looks is compared between them.
    for (std::uint8_t session = 0; session < 2; ++session) {
      (void)driver.apply({Kind::switch_session, session, 0});
      (void)driver.apply({Kind::power_cycle, 0, 0});
      for (const auto& probe : kProbes)
        (void)driver.send(probe);
    }
    RC_ASSERT(driver.repetitions() > 0U);
  }));
}

TEST_CASE("equal digests after a reset, in any session") {
  CHECK(rc::check("reset = one state", [] {
    const auto ops = *conversations();
    Driver driver;
    const auto fresh = driver.card().card().state_digest();
    for (const auto& op : ops)
      (void)driver.apply(op);
    driver.card().power_cycle();
    RC_ASSERT(driver.card().card().state_digest() == fresh);
  }));
}

TEST_CASE("a refused command changes no record and no PIN value, whatever fails below it") {
  CHECK(rc::check("refused = unchanged", [] {
    const auto ops = *conversations();
    Driver driver;
    (void)driver.apply({Kind::authenticate, 0, 0});
    (void)driver.apply({Kind::verify, 0, 0});
    auto& world = driver.card().world();
    const auto versions = [&world] {
      return std::pair{world.pins.status(card::PinRef::application)->version,
                       world.pins.status(card::PinRef::puk)->version};
    };
    for (const auto& op : ops) {
      const auto records = world.store.snapshot();
      const auto before = versions();
      const auto failure = *rc::gen::inRange(0U, 5U);  // 0 and 4: as good as none
      if (failure > 0) world.medium.fail_after(failure);
      const auto answer = driver.apply(op);
      world.medium.revive();
      if (answer.empty() || answer.ends_with("9000") || answer.substr(answer.size() - 4, 2) == "61") continue;
      RC_ASSERT(world.store.snapshot() == records);
      RC_ASSERT(versions() == before);
    }
    driver.finish();
  }));
}

TEST_CASE("guessing with a failing store never makes more comparisons than there are tries") {
  CHECK(rc::check("comparisons <= tries", [] {
    const auto failures = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 4));
    test::TestCard card;
    for (const int failure : failures) {
      if (failure > 0) card.fail_store_after(static_cast<unsigned>(failure), test::Failure::crashed);
      (void)card.send("00 20 00 80 08 393939393939FFFF");
      if (failure == 1) card.power_cycle();
    }
    card.power_cycle();
    RC_ASSERT(card.world().pins.comparisons() <= 3U);
    RC_ASSERT(card.world().pins.status(card::PinRef::application)->tries_left <=
              3U - card.world().pins.comparisons());
  }));
}

TEST_CASE("no conversation without the right PIN opens what the PIN protects") {
  CHECK(rc::check("closed stays closed", [] {
    const auto ops = *conversations();
    Driver driver;
    (void)driver.apply({Kind::authenticate, 0, 0});
    (void)driver.apply({Kind::put, 2, 2});
    (void)driver.apply({Kind::generate, 0, 0});
    for (auto op : ops) {
      // Values 1 and 2 are wrong for PIN and PUK of a factory card, and nothing here changes them.
      if (op.kind == Kind::verify || op.kind == Kind::change_pin || op.kind == Kind::change_puk ||
          op.kind == Kind::unblock) {
        op.a = static_cast<std::uint8_t>(1 + op.a % 2);
      }
      (void)driver.apply(op);
      // 6A80 when the conversation left the beginning of a chain behind.
      const auto read = driver.send("00CB3FFF055C035FC10900");
      RC_ASSERT(read == "6982" || (op.kind == Kind::chain_piece && read == "6A80"));
      RC_ASSERT(driver.send("0087119A267C2482008120" + to_hex(Bytes(32, 0x11)) + "00") == "6982");
    }
  }));
}

}  // namespace cardea::model
