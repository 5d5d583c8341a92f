#pragma once

// The laws of card::PinVault as doctest cases, for any implementation; used as store_laws.h is.

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "cardea/card/ports/pin_vault.h"
#include "cardea/card/ports/store.h"
#include "cardea/test/print.h"

namespace cardea::test {

/// One card without PINs, and what a law needs to do to it.
class PinVaultBench {
 public:
  PinVaultBench() = default;
  PinVaultBench(const PinVaultBench&) = delete;
  PinVaultBench& operator=(const PinVaultBench&) = delete;
  virtual ~PinVaultBench() = default;

  /// The card's vault as session `n` sees it; each session is used by one thread. Good until `reopen`.
  virtual card::PinVault& session(unsigned n) = 0;
  /// A store of the same card, whose generation has to grow with PIN changes; null when there is none.
  virtual card::Store* store() { return nullptr; }
  /// Closes and opens again, as a restart does. False when the implementation cannot.
  virtual bool reopen() { return false; }
  /// The n-th durable step from now fails. False when the implementation cannot.
  virtual bool fail_step(unsigned /*n*/) { return false; }
  /// Comparisons ever made; nothing when the implementation does not count.
  virtual std::optional<std::uint64_t> comparisons() { return std::nullopt; }
};

using MakePinVaultBench = std::function<std::unique_ptr<PinVaultBench>()>;

namespace detail {

inline card::PinEvidence pin(std::string_view value) {
  return card::PlainPin{SecretBytes{as_bytes(value)}};
}
inline const card::PinEvidence kRight = pin("123456\xFF\xFF");
inline const card::PinEvidence kWrong = pin("999999\xFF\xFF");
inline const card::PinEvidence kPuk = pin("12345678");

inline Result<void> set(card::PinVault& vault, card::PinRef ref, const card::PinEvidence& value,
                        std::optional<unsigned> tries = std::nullopt, bool factory = false) {
  const card::PinUpdate update{ref, &value, factory, tries};
  return vault.replace({&update, 1});
}

}  // namespace detail

inline void pin_vault_basics(const MakePinVaultBench& make) {
  using namespace detail;  // NOLINT(google-build-using-namespace): the law's own helpers
  const auto bench = make();
  auto& vault = bench->session(0);

  SUBCASE("a PIN that was never set is not found") {
    CHECK(vault.status(card::PinRef::application).error().code == Errc::not_found);
    CHECK(vault.verify(card::PinRef::application, kRight).error().code == Errc::not_found);
  }
  SUBCASE("a new PIN has 3 tries and the factory flag it was given") {
    REQUIRE(set(vault, card::PinRef::application, kRight, std::nullopt, true));
    const auto status = vault.status(card::PinRef::application).value();
    CHECK(status.tries_left == 3);
    CHECK(status.tries_max == 3);
    CHECK(status.factory_value);
    CHECK(vault.status(card::PinRef::puk).error().code == Errc::not_found);
  }
  SUBCASE("right, wrong, right: the counter goes down with each miss and is full after a match") {
    REQUIRE(set(vault, card::PinRef::application, kRight, 5));
    CHECK(vault.verify(card::PinRef::application, kRight).value().match);
    auto verdict = vault.verify(card::PinRef::application, kWrong).value();
    CHECK_FALSE(verdict.match);
    CHECK(verdict.status.tries_left == 4);
    verdict = vault.verify(card::PinRef::application, kWrong).value();
    CHECK(verdict.status.tries_left == 3);
    verdict = vault.verify(card::PinRef::application, kRight).value();
    CHECK(verdict.match);
    CHECK(verdict.status.tries_left == 5);
    CHECK(vault.status(card::PinRef::application).value().tries_left == 5);
  }
  SUBCASE("a part, an extension, and nothing at all are wrong values") {
    REQUIRE(set(vault, card::PinRef::application, kRight, 10));
    CHECK_FALSE(vault.verify(card::PinRef::application, pin("12345\xFF\xFF\xFF")).value().match);
    CHECK_FALSE(vault.verify(card::PinRef::application, pin("1234567\xFF")).value().match);
    CHECK_FALSE(vault.verify(card::PinRef::application, pin("")).value().match);
  }
  SUBCASE("PIN and PUK have counters of their own") {
    REQUIRE(set(vault, card::PinRef::application, kRight));
    REQUIRE(set(vault, card::PinRef::puk, kPuk));
    CHECK_FALSE(vault.verify(card::PinRef::puk, kRight).value().match);
    CHECK(vault.status(card::PinRef::puk).value().tries_left == 2);
    CHECK(vault.status(card::PinRef::application).value().tries_left == 3);
  }
  SUBCASE("replacing keeps the limit, or sets it; the counter becomes full and the flag goes") {
    REQUIRE(set(vault, card::PinRef::application, kRight, 7, true));
    REQUIRE(vault.verify(card::PinRef::application, kWrong).has_value());
    REQUIRE(set(vault, card::PinRef::application, kPuk));
    auto status = vault.status(card::PinRef::application).value();
    CHECK(status.tries_left == 7);
    CHECK(status.tries_max == 7);
    CHECK_FALSE(status.factory_value);
    CHECK(vault.verify(card::PinRef::application, kPuk).value().match);
    CHECK_FALSE(vault.verify(card::PinRef::application, kRight).value().match);
    REQUIRE(set(vault, card::PinRef::application, kRight, 255));
    status = vault.status(card::PinRef::application).value();
    CHECK(status.tries_left == 255);
  }
  SUBCASE("limits are 1 to 255, and a refused replacement changes nothing") {
    REQUIRE(set(vault, card::PinRef::application, kRight));
    const auto version = vault.status(card::PinRef::application).value().version;
    CHECK(set(vault, card::PinRef::application, kPuk, 0).error().code == Errc::invalid);
    CHECK(set(vault, card::PinRef::application, kPuk, 256).error().code == Errc::invalid);
    CHECK(vault.status(card::PinRef::application).value().version == version);
    CHECK(vault.verify(card::PinRef::application, kRight).value().match);
  }
}

inline void pin_vault_laws(const MakePinVaultBench& make) {
  using namespace detail;  // NOLINT(google-build-using-namespace): the law's own helpers
  const auto bench = make();
  auto& vault = bench->session(0);
  REQUIRE(set(vault, card::PinRef::application, kRight));

  SUBCASE(
      "law 1: a try is spent before the comparison: a failure after it costs the try, one before it does "
      "not") {
    if (bench->fail_step(1)) {
      CHECK_FALSE(vault.verify(card::PinRef::application, kRight).has_value());
      CHECK(vault.status(card::PinRef::application).value().tries_left == 3);
      REQUIRE(bench->fail_step(2));
      CHECK_FALSE(vault.verify(card::PinRef::application, kRight).has_value());
      CHECK(vault.status(card::PinRef::application).value().tries_left == 2);
      CHECK(vault.verify(card::PinRef::application, kRight).value().status.tries_left == 3);
    }
  }
  SUBCASE("law 1: counters survive closing and opening again") {
    REQUIRE(vault.verify(card::PinRef::application, kWrong).has_value());
    if (bench->reopen()) CHECK(bench->session(0).status(card::PinRef::application).value().tries_left == 2);
  }
  SUBCASE("law 2: without tries the right value does not match either, and nothing is compared") {
    for (int i = 0; i < 3; ++i)
      CHECK_FALSE(vault.verify(card::PinRef::application, kWrong).value().match);
    const auto before = bench->comparisons();
    const auto verdict = vault.verify(card::PinRef::application, kRight).value();
    CHECK_FALSE(verdict.match);
    CHECK(verdict.status.tries_left == 0);
    CHECK(bench->comparisons() == before);
  }
  SUBCASE("law 3: guessing from many sessions at once makes no more comparisons than there were tries") {
    constexpr unsigned kSessions = 4;
    REQUIRE(set(vault, card::PinRef::application, kRight, 10));
    const auto before = bench->comparisons();
    std::vector<card::PinVault*> sessions;
    for (unsigned n = 0; n < kSessions; ++n)
      sessions.push_back(&bench->session(n));
    std::atomic<unsigned> errors{0};
    std::vector<std::thread> threads;
    for (auto* session : sessions) {
      threads.emplace_back([session, &errors] {
        for (int i = 0; i < 6; ++i) {
          const auto verdict = session->verify(card::PinRef::application, kWrong);
          if (!verdict || verdict->match) ++errors;
        }
      });
    }
    for (auto& thread : threads)
      thread.join();
    CHECK(errors == 0);
    CHECK(vault.status(card::PinRef::application).value().tries_left == 0);
    if (before) CHECK(*bench->comparisons() - *before == 10);
  }
  SUBCASE("law 4: several replacements happen together") {
    const std::vector<card::PinUpdate> updates{{card::PinRef::application, &kPuk, true, 8},
                                               {card::PinRef::puk, &kPuk, true, 4}};
    if (bench->fail_step(1)) {
      CHECK_FALSE(vault.replace(updates).has_value());
      CHECK(vault.status(card::PinRef::puk).error().code == Errc::not_found);
      CHECK(vault.status(card::PinRef::application).value().tries_max == 3);
    }
    REQUIRE(vault.replace(updates));
    CHECK(vault.status(card::PinRef::application).value().tries_max == 8);
    CHECK(vault.status(card::PinRef::puk).value().tries_left == 4);
    if (bench->reopen()) CHECK(bench->session(0).verify(card::PinRef::puk, kPuk).value().match);
  }
  SUBCASE("law 4: versions grow with each new value and with nothing else") {
    const auto first = vault.status(card::PinRef::application).value().version;
    REQUIRE(vault.verify(card::PinRef::application, kWrong).has_value());
    REQUIRE(vault.verify(card::PinRef::application, kRight).has_value());
    CHECK(vault.status(card::PinRef::application).value().version == first);
    REQUIRE(set(vault, card::PinRef::application, kRight));
    CHECK(bench->session(1).status(card::PinRef::application).value().version > first);
  }
  SUBCASE("law 4: of two that replace the same version one succeeds, and the other changes nothing") {
    const auto first = vault.status(card::PinRef::application).value().version;
    const card::PinUpdate right{card::PinRef::application, &kWrong, false, std::nullopt, first};
    REQUIRE(vault.replace({&right, 1}));
    REQUIRE(vault.verify(card::PinRef::application, kRight).has_value());
    const std::vector<card::PinUpdate> late{{card::PinRef::puk, &kPuk, false, std::nullopt, 0},
                                            {card::PinRef::application, &kRight, false, 5, first}};
    CHECK(bench->session(1).replace(late).error().code == Errc::conflict);
    CHECK(vault.status(card::PinRef::application).value().tries_left == 2);
    CHECK(vault.status(card::PinRef::application).value().version > first);
    CHECK(vault.status(card::PinRef::puk).error().code == Errc::not_found);
    CHECK(vault.verify(card::PinRef::application, kWrong).value().match);
  }
  SUBCASE("law 4: version 0 is that of a PIN which was never set") {
    const card::PinUpdate fresh{card::PinRef::puk, &kPuk, false, std::nullopt, 0};
    REQUIRE(vault.replace({&fresh, 1}));
    CHECK(vault.replace({&fresh, 1}).error().code == Errc::conflict);
  }
  SUBCASE("sessions share the counter") {
    REQUIRE(vault.verify(card::PinRef::application, kWrong).has_value());
    CHECK(bench->session(1).status(card::PinRef::application).value().tries_left == 2);
    CHECK(bench->session(1).verify(card::PinRef::application, kWrong).value().status.tries_left == 1);
    CHECK(vault.status(card::PinRef::application).value().tries_left == 1);
  }
  SUBCASE("the card's generation grows when a counter or a value changes") {
    if (auto* store = bench->store(); store != nullptr) {
      const auto before = store->generation().value();
      REQUIRE(vault.verify(card::PinRef::application, kWrong).has_value());
      const auto after_try = store->generation().value();
      CHECK(after_try > before);
      REQUIRE(set(vault, card::PinRef::application, kRight));
      CHECK(store->generation().value() > after_try);
    }
  }
}

}  // namespace cardea::test
