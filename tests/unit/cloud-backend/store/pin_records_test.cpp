#include <SQLiteCpp/Database.h>

#include <atomic>
#include <thread>

#include "fixture.h"

namespace cardea::store::test {

namespace {

using card::PinEvidence;
using card::PinRef;
using card::PinUpdate;
using card::PlainPin;

PinEvidence pin(std::string_view text) {
  return PlainPin{SecretBytes{as_bytes(text)}};
}

void set(card::PinVault& vault, std::string_view value, std::optional<unsigned> tries = std::nullopt,
         PinRef ref = PinRef::application) {
  const auto evidence = pin(value);
  const PinUpdate update{ref, &evidence, false, tries};
  must(vault.replace(std::span{&update, 1}));
}

}  // namespace

TEST_CASE("a try is spent by a wrong PIN and all come back with the right one") {
  Furnished it;
  const auto vault = pins_of(*it.db, "card");
  CHECK_FAILS(vault->status(PinRef::application), Errc::not_found, "the card has no PIN");
  CHECK_FAILS(vault->verify(PinRef::puk, pin("1")), Errc::not_found, "the card has no PUK");
  set(*vault, "123456");
  CHECK(must(vault->status(PinRef::application)).tries_left == 3);
  CHECK(must(vault->status(PinRef::application)).tries_max == 3);

  auto verdict = must(vault->verify(PinRef::application, pin("654321")));
  CHECK_FALSE(verdict.match);
  CHECK(verdict.status.tries_left == 2);
  CHECK(must(vault->verify(PinRef::application, pin("12345"))).status.tries_left == 1);
  verdict = must(vault->verify(PinRef::application, pin("123456")));
  CHECK(verdict.match);
  CHECK(verdict.status.tries_left == 3);
}

TEST_CASE("with no tries left nothing is compared, not even the right value") {
  Furnished it;
  auto vault = pins_of(*it.db, "card");
  set(*vault, "123456", 2);
  must(vault->verify(PinRef::application, pin("x")));
  must(vault->verify(PinRef::application, pin("x")));
  const auto compared = it.db->stats().pin_comparisons;
  const auto verdict = must(vault->verify(PinRef::application, pin("123456")));
  CHECK_FALSE(verdict.match);
  CHECK(verdict.status.tries_left == 0);
  CHECK(it.db->stats().pin_comparisons == compared);
  vault.reset();
  it.reopen();
  CHECK(must(pins_of(*it.db, "card")->status(PinRef::application)).tries_left == 0);
}

TEST_CASE("a new value fills the counter, counts the version up and keeps or sets the limit") {
  Furnished it;
  const auto vault = pins_of(*it.db, "card");
  set(*vault, "111111", 5);
  must(vault->verify(PinRef::application, pin("x")));
  set(*vault, "222222");
  auto status = must(vault->status(PinRef::application));
  CHECK(status.version == 2);
  CHECK(status.tries_left == 5);
  CHECK_FALSE(status.factory_value);
  CHECK_FALSE(must(vault->verify(PinRef::application, pin("111111"))).match);
  CHECK(must(vault->verify(PinRef::application, pin("222222"))).match);

  const auto factory = pin("123456");
  const auto puk = pin("12345678");
  const std::vector<PinUpdate> both{{PinRef::application, &factory, true, 255}, {PinRef::puk, &puk, true, 1}};
  must(vault->replace(both));
  status = must(vault->status(PinRef::application));
  CHECK(status.factory_value);
  CHECK(status.version == 3);
  CHECK(status.tries_max == 255);
  CHECK(must(vault->status(PinRef::puk)).tries_left == 1);
}

TEST_CASE("a replacement that makes no sense changes nothing") {
  Furnished it;
  const auto vault = pins_of(*it.db, "card");
  set(*vault, "111111");
  const auto value = pin("222222");
  const std::vector<PinUpdate> none{{PinRef::application, &value, false, std::nullopt},
                                    {PinRef::puk, nullptr, false, std::nullopt}};
  CHECK_FAILS(vault->replace(none), Errc::invalid, "a new PIN has no value");
  for (const unsigned tries : {0U, 256U}) {
    const PinUpdate bad{PinRef::puk, &value, false, tries};
    CHECK_FAILS(vault->replace(std::span{&bad, 1}), Errc::invalid, "a PIN has 1 to 255 tries");
  }
  CHECK(must(vault->status(PinRef::application)).version == 1);
  CHECK(must(vault->verify(PinRef::application, pin("111111"))).match);
  const PinUpdate good{PinRef::puk, &value, false, std::nullopt};
  CHECK_FAILS(pins_of(*it.db, "none")->replace(std::span{&good, 1}), Errc::not_found,
              "there is no card none");
}

TEST_CASE("PIN changes count the card's generation up, reading a status does not") {
  Furnished it;
  const auto vault = pins_of(*it.db, "card");
  const auto store = it.db->card_store("card");
  auto last = must(store->generation());
  const auto grew = [&] {
    const auto now = must(store->generation());
    return now > std::exchange(last, now);
  };
  set(*vault, "123456", 1);
  CHECK(grew());
  must(vault->status(PinRef::application));
  CHECK_FALSE(grew());
  must(vault->verify(PinRef::application, pin("123456")));
  CHECK(grew());
  must(vault->verify(PinRef::application, pin("x")));
  CHECK(grew());
  must(vault->verify(PinRef::application, pin("x")));
  CHECK_FALSE(grew());
}

TEST_CASE("64 wrong guesses at once: no more comparisons than tries") {
  Furnished it;
  set(*pins_of(*it.db, "card"), "123456", 5);
  const auto before = it.db->stats().pin_comparisons;
  std::atomic<int> matches = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 64; ++t) {
    threads.emplace_back([&] {
      const auto vault = pins_of(*it.db, "card");
      if (must(vault->verify(PinRef::application, pin("000000"))).match) ++matches;
    });
  }
  for (auto& thread : threads)
    thread.join();
  CHECK(matches == 0);
  CHECK(it.db->stats().pin_comparisons - before == 5);
  CHECK(must(pins_of(*it.db, "card")->status(PinRef::application)).tries_left == 0);
}

TEST_CASE("right and wrong values at once: each wrong one costs a try, whichever is compared first") {
  Furnished it;
  set(*pins_of(*it.db, "card"), "123456", 200);
  for (int round = 0; round < 5; ++round) {
    std::vector<std::thread> threads;
    std::atomic<int> matches = 0;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        const auto vault = pins_of(*it.db, "card");
        if (must(vault->verify(PinRef::application, pin(t % 2 == 0 ? "123456" : "wrong"))).match) ++matches;
      });
    }
    for (auto& thread : threads)
      thread.join();
    CHECK(matches == 4);
    // The right ones forgave what was spent before them only: at most the four wrong ones are still spent.
    const auto left = must(pins_of(*it.db, "card")->status(PinRef::application)).tries_left;
    CHECK(left >= 196);
    CHECK(left <= 200);
    must(pins_of(*it.db, "card")->verify(PinRef::application, pin("123456")));
  }
}

TEST_CASE("replacing while others verify: an old value never fills the new value's counter") {
  Furnished it;
  const auto vault = pins_of(*it.db, "card");
  set(*vault, "1", 200);
  std::atomic<bool> stop = false;
  std::atomic<int> odd = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      const auto mine = pins_of(*it.db, "card");
      while (!stop) {
        const auto verdict = must(mine->verify(PinRef::application, pin("1")));
        // "1" is the value of the odd versions.
        if (verdict.match && verdict.status.version % 2 == 0) ++odd;
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    set(*vault, i % 2 == 0 ? "2" : "1");
    must(vault->verify(PinRef::application, pin("wrong")));
  }
  stop = true;
  for (auto& thread : threads)
    thread.join();
  CHECK(odd == 0);
  set(*vault, "2");
  must(vault->verify(PinRef::application, pin("wrong")));
  CHECK(must(vault->status(PinRef::application)).tries_left == 199);
}

TEST_CASE("each new value says whether it is its holder's; a factory value never is [C5]") {
  Furnished it;
  auto records = it.db->pin_records("card");
  const PinRecord value{Bytes(16, 1), Bytes(9, 2), Bytes(192, 3)};
  const auto set = [&](bool factory, bool must_change) {
    PinRecordUpdate update{PinRef::application, value, factory};
    update.must_change = must_change;
    must(records->replace(std::span{&update, 1}, {}));
    return must(records->status(PinRef::application));
  };
  CHECK_FALSE(set(false, false).must_change);
  CHECK(set(false, true).must_change);
  CHECK(set(true, false).must_change);
  CHECK_FALSE(set(false, false).must_change);
  CHECK(set(false, true).must_change);
  // Whoever reads the row with a try, too.
  CHECK(must(records->expectation(PinRef::application)).record == value);
  CHECK(must(records->expectation(PinRef::application)).status.must_change);
  const auto attempt = must(records->spend(PinRef::application));
  CHECK(attempt.status.must_change);
  CHECK(attempt.number == 1);
  CHECK(attempt.expected == value);
  CHECK(must(records->forgive(PinRef::application, attempt)).status.must_change);
  records.reset();  // goes before the database
  it.reopen();
  CHECK(must(it.db->pin_records("card")->status(PinRef::application)).must_change);
}

TEST_CASE("a record of the wrong size is refused, and an attempt that was not paid for forgives nothing") {
  Furnished it;
  const auto records = it.db->pin_records("card");
  const PinRecord good{Bytes(16, 1), Bytes(9, 2), Bytes(192, 3)};
  for (const auto& bad :
       {PinRecord{Bytes(15, 1), good.ksf, good.record}, PinRecord{good.nonce, {}, good.record},
        PinRecord{good.nonce, good.ksf, Bytes(191, 3)}}) {
    const PinRecordUpdate update{PinRef::application, bad, false};
    CHECK_FAILS(records->replace(std::span{&update, 1}, {}), Errc::invalid,
                "a PIN's record has the wrong size");
  }
  const PinRecordUpdate update{PinRef::application, good, false};
  must(records->replace(std::span{&update, 1}, {}));
  const auto attempt = must(records->spend(PinRef::application));
  CHECK(attempt.paid);
  CHECK(attempt.number == 1);
  CHECK(attempt.expected == good);
  CHECK_FAILS(records->forgive(PinRef::application, {}), Errc::invalid,
              "an attempt that was not paid for cannot be forgiven");
  CHECK(must(records->forgive(PinRef::application, attempt)).status.tries_left == 3);
}

namespace {

constexpr std::chrono::hours kDay{24};

ProofDigest digest(std::uint8_t of) {
  ProofDigest out{};
  out.fill(of);
  return out;
}

/// One PIN whose logins break off: `pay` is a try of which nothing more is heard.
struct BrokenLogins {
  Furnished it;
  std::unique_ptr<PinRecords> records = it.db->pin_records("card");
  Time now = at(1'000'000);

  explicit BrokenLogins(unsigned tries) { set(*pins_of(*it.db, "card"), "123456", tries); }
  PinAttempt pay(std::uint8_t proof) {
    const auto version = must(records->expectation(PinRef::application)).status.version;
    return must(records->spend(PinRef::application, {version, digest(proof), now}));
  }
  bool refund(std::uint8_t proof) {
    return must(records->refund(PinRef::application, digest(proof), now)).match;
  }
  unsigned left() { return must(records->status(PinRef::application)).tries_left; }
};

}  // namespace

TEST_CASE("a proof that comes late gives its try back once, after a restart too [C3]") {
  BrokenLogins it{3};
  CHECK(it.pay(1).number == 1);
  CHECK(it.left() == 2);
  it.records.reset();
  it.it.reopen();
  it.records = it.it.db->pin_records("card");
  const auto generation = must(it.it.db->card_store("card")->generation());
  CHECK_FALSE(it.refund(2));
  CHECK(must(it.it.db->card_store("card")->generation()) == generation);
  CHECK(it.refund(1));
  CHECK(it.left() == 3);
  CHECK(must(it.it.db->card_store("card")->generation()) > generation);
  it.pay(3);
  CHECK_FALSE(it.refund(1));
  CHECK(it.left() == 2);
}

TEST_CASE("a late proof counts where its try stands: what was spent after it stays spent [C3]") {
  BrokenLogins it{5};
  it.pay(1);  // wrong
  it.pay(2);  // right, lost
  it.pay(3);  // wrong
  it.pay(4);  // wrong
  CHECK(it.refund(2));
  CHECK(it.left() == 3);
  CHECK_FALSE(it.refund(1));
  CHECK(it.left() == 3);
}

TEST_CASE("a PIN that its own lost proofs have blocked is not blocked any more, with all of them back [C3]") {
  BrokenLogins it{3};
  for (std::uint8_t proof = 1; proof <= 3; ++proof)
    it.pay(proof);
  CHECK(it.left() == 0);
  CHECK_FALSE(it.pay(4).paid);
  CHECK_FALSE(it.refund(4));  // it was not paid for
  SUBCASE("the newest one is enough") {
    CHECK(it.refund(3));
    CHECK(it.left() == 3);
  }
  SUBCASE("each is worth its own and those before") {
    CHECK(it.refund(1));
    CHECK(it.left() == 1);
    CHECK(it.refund(2));
    CHECK(it.left() == 2);
    CHECK(it.refund(3));
    CHECK(it.left() == 3);
  }
}

TEST_CASE("a late proof is worth nothing when the PIN has another value, even the same one again") {
  BrokenLogins it{3};
  it.pay(1);
  set(*pins_of(*it.it.db, "card"), "123456");
  it.pay(2);
  CHECK_FALSE(it.refund(1));
  CHECK(it.left() == 2);
  CHECK(it.refund(2));
  const auto version = must(it.records->status(PinRef::application)).version;
  CHECK_FAILS(it.records->spend(PinRef::application, {version - 1, digest(3), it.now}), Errc::conflict,
              "the PIN has another value by now");
  CHECK(it.left() == 3);
}

TEST_CASE("a late proof that was heard in time is awaited no more") {
  BrokenLogins it{3};
  const auto attempt = it.pay(1);
  CHECK(must(it.records->forgive(PinRef::application, attempt)).match);
  it.pay(2);
  CHECK_FALSE(it.refund(1));
  CHECK(it.left() == 2);
}

TEST_CASE("late proofs are taken for 24 hours, and of the newest eight tries") {
  BrokenLogins it{20};
  it.pay(1);
  it.now += kDay;
  CHECK_FALSE(it.refund(1));
  it.now -= std::chrono::milliseconds{1};
  SUBCASE("up to the last moment") {
    CHECK(it.refund(1));
  }
  SUBCASE("eight and no more") {
    for (std::uint8_t proof = 2; proof <= 9; ++proof)
      it.pay(proof);
    CHECK_FALSE(it.refund(1));
    CHECK(it.refund(2));
    CHECK(it.left() == 13);
    CHECK(it.refund(9));
    CHECK(it.left() == 20);
  }
  SUBCASE("nothing older stays when another try is paid for") {
    it.now += kDay;
    it.pay(2);
    it.records.reset();
    it.it.db.reset();
    SQLite::Database raw{(it.it.directory / "cardea.db").string(), SQLite::OPEN_READONLY};
    CHECK(raw.execAndGet("SELECT length(awaited) FROM pins").getInt() == 48);
  }
}

TEST_CASE("refunds at once, and guesses with them: never more back than was right") {
  BrokenLogins it{100};
  for (std::uint8_t proof = 1; proof <= 8; ++proof)
    it.pay(proof);
  std::atomic<int> back = 0;
  std::vector<std::thread> threads;
  for (std::uint8_t t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      const auto records = it.it.db->pin_records("card");
      if (must(records->refund(PinRef::application, digest(8), it.now)).match) ++back;
      must(records->spend(PinRef::application));
    });
  }
  for (auto& thread : threads)
    thread.join();
  CHECK(back == 1);
  CHECK(it.left() == 92);
}

}  // namespace cardea::store::test
