#include "cardea/resource/manager.h"

#include <doctest/doctest.h>

#include <future>
#include <thread>
#include <vector>

#include "cardea/test/print.h"
#include "context.h"
#include "fake_card.h"

using namespace cardea;
using namespace cardea::pcsc_link;
using resource::Context;
using resource::Manager;
using test::FakeCard;

namespace {

const std::string kFirst = "Cardea 00 00";
constexpr auto kEither = protocol::kT0 | protocol::kT1;
const Bytes kCommand{0x00, 0xA4, 0x04, 0x00};

/// A manager with a card in its reader, and contexts to work with.
struct Bench {
  explicit Bench(resource::Options options = {"Cardea", std::chrono::hours{1}})
      : manager{std::make_unique<Manager>(std::move(options))} {
    CHECK(manager->insert(card) == kFirst);
    (void)card->diary();
  }

  [[nodiscard]] std::unique_ptr<Context> context() const {
    std::unique_ptr<Context> out;
    CHECK(manager->establish(scope::kSystem, out) == code::kSuccess);
    return out;
  }
  CardId connect(Context& from, std::uint32_t mode = share::kShared) const {
    Connected out;
    CHECK(from.connect(kFirst, mode, kEither, out) == code::kSuccess);
    return out.card;
  }
  static Code transmit(Context& from, CardId id) {
    Transmitted out;
    return from.transmit(id, protocol::kT1, kCommand, out);
  }
  static Code reconnect(Context& from, CardId id, std::uint32_t how = disposition::kLeave,
                        std::uint32_t mode = share::kShared) {
    Connected out;
    return from.reconnect(id, mode, kEither, how, out);
  }
  static ReaderRecord record(Context& from, std::size_t index = 0) {
    ReaderList list;
    CHECK(from.readers(list) == code::kSuccess);
    return list.readers.at(index);
  }

  std::unique_ptr<Manager> manager;
  std::shared_ptr<FakeCard> card = std::make_shared<FakeCard>();
};

}  // namespace

TEST_CASE("An empty reader is there from the beginning; more come as cards do, and stay [A2]") {
  Manager manager;
  std::unique_ptr<Context> context;
  REQUIRE(manager.establish(scope::kUser, context) == code::kSuccess);
  CHECK(Bench::record(*context) == ReaderRecord{kFirst, reader_state::kAbsent, 0, 0, 0, {}});

  std::vector<std::shared_ptr<FakeCard>> cards(258);
  for (auto& card : cards) {
    card = std::make_shared<FakeCard>();
    (void)manager.insert(card);
  }
  CHECK(Bench::record(*context, 1).name == "Cardea 00 01");
  CHECK(Bench::record(*context, 255).name == "Cardea 00 FF");
  CHECK(Bench::record(*context, 257).name == "Cardea 01 01");
  manager.remove(cards[1]);
  CHECK(Bench::record(*context, 1).state == reader_state::kAbsent);
  CHECK(manager.insert(cards[1]) == "Cardea 00 01");
  ReaderList list;
  REQUIRE(context->readers(list) == code::kSuccess);
  CHECK(list.readers.size() == 258);
}

TEST_CASE("A scope that is none makes no context [A2]") {
  Manager manager;
  std::unique_ptr<Context> context;
  CHECK(manager.establish(4, context) == code::kInvalidValue);
  CHECK(context == nullptr);
}

TEST_CASE("Insertion and removal are counted, and the card is powered before anybody sees it [A2]") {
  Manager manager;
  std::unique_ptr<Context> context;
  REQUIRE(manager.establish(scope::kSystem, context) == code::kSuccess);
  const auto card = std::make_shared<FakeCard>();
  (void)manager.insert(card);
  CHECK(card->diary() == "on");
  auto record = Bench::record(*context);
  CHECK(record.state == (reader_state::kPresent | reader_state::kPowered | reader_state::kNegotiable));
  CHECK(record.events == 1);
  CHECK(record.atr == card->atr());
  manager.remove(card);
  record = Bench::record(*context);
  CHECK(record == ReaderRecord{kFirst, reader_state::kAbsent, 2, 0, 0, {}});
  manager.remove(card);  // once is enough
  CHECK(Bench::record(*context).events == 2);
}

TEST_CASE("Connecting: what is wrong is said in the order in which pcscd says it [A2]") {
  const Bench bench;
  const auto context = bench.context();
  Connected out;
  CHECK(context->connect("none", 9, 0, out) == code::kProtocolMismatch);
  CHECK(context->connect("none", 9, kEither, out) == code::kInvalidValue);
  CHECK(context->connect("none", share::kShared, kEither, out) == code::kUnknownReader);
  CHECK(context->connect(kFirst, share::kDirect, 0, out) == code::kSuccess);
  CHECK(out.protocol == protocol::kUndefined);
  bench.manager->remove(bench.card);
  CHECK(context->connect(kFirst, share::kShared, kEither, out) == code::kNoSmartcard);
  CHECK(context->connect(kFirst, share::kDirect, 0, out) == code::kSuccess);
}

TEST_CASE("The protocol: T=1 first, of those that the card has; one for all connections [A2]") {
  const auto chosen = [](const std::string& atr, std::uint32_t preferred) {
    Manager manager;
    (void)manager.insert(std::make_shared<FakeCard>(atr));
    std::unique_ptr<Context> context;
    CHECK(manager.establish(scope::kSystem, context) == code::kSuccess);
    Connected out;
    const auto got = context->connect(kFirst, share::kShared, preferred, out);
    return std::pair{got, out.protocol};
  };
  const auto good = [](std::uint32_t which) { return std::pair{code::kSuccess, which}; };
  const std::pair<Code, std::uint32_t> wrong{code::kProtocolMismatch, 0};
  // ISO/IEC 7816-3, 8.2.3: T=0 only, T=1 only, both.
  CHECK(chosen("3B00", kEither) == good(protocol::kT0));
  CHECK(chosen("3B00", protocol::kT1) == wrong);
  CHECK(chosen("3B800181", kEither) == good(protocol::kT1));
  CHECK(chosen("3B800181", protocol::kT0) == wrong);
  CHECK(chosen("3B80800101", kEither) == good(protocol::kT1));
  CHECK(chosen("3B80800101", protocol::kT0) == good(protocol::kT0));
  CHECK(chosen("3B800181", protocol::kAnyOld) == good(protocol::kT1));
  CHECK(chosen("3B800181", protocol::kRaw) == good(protocol::kRaw));
}

TEST_CASE("Shared, exclusive, direct [A2]") {
  const Bench bench;
  const auto one = bench.context();
  const auto two = bench.context();
  Connected out;
  const auto first = bench.connect(*one);
  CHECK(Bench::record(*one).sharing == 1);
  CHECK(two->connect(kFirst, share::kExclusive, kEither, out) == code::kSharingViolation);
  CHECK(two->connect(kFirst, share::kDirect, 0, out) == code::kSuccess);
  CHECK(Bench::record(*one).sharing == 2);
  CHECK(two->disconnect(out.card, disposition::kLeave) == code::kSuccess);
  CHECK(Bench::reconnect(*one, first, disposition::kLeave, share::kExclusive) == code::kSuccess);
  CHECK(Bench::record(*one).sharing == kExclusivelyShared);
  for (const auto mode : {share::kShared, share::kExclusive, share::kDirect})
    CHECK(two->connect(kFirst, mode, kEither, out) == code::kSharingViolation);
  CHECK(Bench::reconnect(*one, first) == code::kSuccess);
  const auto second = bench.connect(*two);
  CHECK(Bench::reconnect(*one, first, disposition::kLeave, share::kExclusive) == code::kSharingViolation);
  CHECK(two->disconnect(second, disposition::kLeave) == code::kSuccess);
  CHECK(one->disconnect(first, disposition::kLeave) == code::kSuccess);
  CHECK(Bench::record(*one).sharing == 0);
  CHECK(one->disconnect(first, disposition::kLeave) == code::kInvalidHandle);
}

TEST_CASE("A reset is told to all connections until they connect anew [A2]") {
  const Bench bench;
  const auto one = bench.context();
  const auto two = bench.context();
  const auto mine = bench.connect(*one);
  const auto theirs = bench.connect(*two);
  ReaderRecord record;

  CHECK(Bench::reconnect(*one, mine, disposition::kReset) == code::kSuccess);
  CHECK(bench.card->diary() == "reset");
  CHECK(Bench::transmit(*one, mine) == code::kSuccess);
  for (int i = 0; i < 2; ++i) {
    CHECK(Bench::transmit(*two, theirs) == code::kResetCard);
    CHECK(two->status(theirs, true, record) == code::kResetCard);
    CHECK(two->begin(theirs) == code::kResetCard);
    CHECK(two->end(theirs, disposition::kLeave) == code::kResetCard);
  }
  CHECK(record.name == kFirst);
  CHECK(Bench::reconnect(*two, theirs) == code::kSuccess);
  CHECK(Bench::transmit(*two, theirs) == code::kSuccess);

  (void)bench.card->diary();
  CHECK(Bench::reconnect(*two, theirs, disposition::kUnpower) == code::kSuccess);
  CHECK(bench.card->diary() == "off on");
  CHECK(Bench::transmit(*one, mine) == code::kResetCard);
}

TEST_CASE("What is done to the card at the end of a connection [A2]") {
  const Bench bench;
  const auto context = bench.context();
  CHECK(context->disconnect(bench.connect(*context), disposition::kLeave) == code::kSuccess);
  CHECK(context->disconnect(bench.connect(*context), disposition::kEject) == code::kSuccess);
  CHECK(bench.card->diary().empty());
  CHECK(context->disconnect(bench.connect(*context), disposition::kReset) == code::kSuccess);
  CHECK(bench.card->diary() == "reset");
  const auto card = bench.connect(*context);
  CHECK(context->disconnect(card, 4) == code::kInvalidValue);
  CHECK(context->disconnect(card, disposition::kUnpower) == code::kSuccess);
  CHECK(bench.card->diary() == "off");
  CHECK(Bench::record(*context).state == reader_state::kPresent);
  (void)bench.connect(*context);
  CHECK(bench.card->diary() == "on");
}

TEST_CASE("Removal is told to all connections; a card that comes back needs connecting anew [A2]") {
  const Bench bench;
  const auto context = bench.context();
  const auto card = bench.connect(*context);
  bench.manager->remove(bench.card);
  CHECK(Bench::transmit(*context, card) == code::kRemovedCard);
  CHECK(context->begin(card) == code::kRemovedCard);
  CHECK(Bench::reconnect(*context, card) == code::kNoSmartcard);
  CHECK(Bench::reconnect(*context, card, disposition::kReset) == code::kNoSmartcard);
  (void)bench.manager->insert(bench.card);
  CHECK(Bench::transmit(*context, card) == code::kRemovedCard);
  CHECK(Bench::reconnect(*context, card) == code::kSuccess);
  CHECK(Bench::transmit(*context, card) == code::kSuccess);
}

TEST_CASE("Commands: protocol, presence, form [A2]") {
  const Bench bench;
  const auto context = bench.context();
  const auto card = bench.connect(*context);
  Transmitted out;
  CHECK(context->transmit(card, protocol::kT1, kCommand, out) == code::kSuccess);
  CHECK(out == Transmitted{protocol::kT1, {0x00, 0xA4, 0x04, 0x00, 0x90, 0x00}});
  CHECK(context->transmit(card, protocol::kT0, kCommand, out) == code::kProtocolMismatch);
  CHECK(context->transmit(card, protocol::kRaw, kCommand, out) == code::kSuccess);
  CHECK(context->transmit(card, protocol::kAnyOld, kCommand, out) == code::kSuccess);
  CHECK(context->transmit(card + 1, protocol::kT1, kCommand, out) == code::kInvalidHandle);
  (void)bench.card->diary();
  for (const auto& wrong : {Bytes{}, Bytes{0}, Bytes{0, 0xA4, 4, 0, 9, 1}}) {
    CHECK(context->transmit(card, protocol::kT1, wrong, out) == code::kSuccess);
    CHECK(out.response == Bytes{0x67, 0x00});
  }
  CHECK(bench.card->diary().empty());  // none of the card's business
  bench.card->break_off();
  CHECK(context->transmit(card, protocol::kT1, kCommand, out) == code::kNotTransacted);
}

TEST_CASE("A card that does not answer a reset is mute [A2]") {
  const Bench bench;
  const auto context = bench.context();
  const auto card = bench.connect(*context);
  bench.card->break_off();
  CHECK(Bench::reconnect(*context, card, disposition::kReset) == code::kUnresponsiveCard);
  CHECK(Bench::record(*context).state == (reader_state::kPresent | reader_state::kSwallowed));
  CHECK(Bench::reconnect(*context, card) == code::kUnresponsiveCard);
  Connected out;
  CHECK(context->connect(kFirst, share::kShared, kEither, out) == code::kUnpoweredCard);
}

TEST_CASE("Transactions nest, belong to a connection, and end once [A2]") {
  const Bench bench;
  const auto context = bench.context();
  const auto mine = bench.connect(*context);
  const auto other = bench.connect(*context);
  ReaderRecord record;
  Bytes answer;
  CHECK(context->end(mine, disposition::kLeave) == code::kNotTransacted);
  CHECK(context->begin(mine) == code::kSuccess);
  CHECK(context->begin(mine) == code::kSuccess);
  CHECK(context->end(mine, disposition::kLeave) == code::kSuccess);
  CHECK(context->end(other, disposition::kLeave) == code::kSharingViolation);
  CHECK(context->end(other, disposition::kReset) == code::kSharingViolation);
  CHECK(context->status(other, false, record) == code::kSharingViolation);
  CHECK(context->control(other, kGetFeatureRequest, {}, answer) == code::kSharingViolation);
  CHECK(context->would_wait(other));
  CHECK_FALSE(context->would_wait(mine));
  CHECK(context->would_wait(kFirst));
  CHECK(context->end(mine, 4) == code::kInvalidValue);
  CHECK(context->end(mine, disposition::kLeave) == code::kSuccess);
  CHECK(context->end(mine, disposition::kLeave) == code::kNotTransacted);
  CHECK_FALSE(context->would_wait(other));
  CHECK(context->control(other, kGetFeatureRequest, {}, answer) == code::kSuccess);
  CHECK(context->control(other, 1, {}, answer) == code::kUnsupportedFeature);
}

TEST_CASE("Ending a transaction with a reset tells everybody, oneself included [A2]") {
  const Bench bench;
  const auto context = bench.context();
  const auto mine = bench.connect(*context);
  CHECK(context->begin(mine) == code::kSuccess);
  CHECK(context->end(mine, disposition::kReset) == code::kSuccess);
  CHECK(bench.card->diary() == "reset");
  CHECK(Bench::transmit(*context, mine) == code::kResetCard);
}

TEST_CASE("Who waits for a transaction gets it in order [A2]") {
  const auto hub = std::make_shared<resource::Hub>(resource::Options{});
  (void)hub->insert(std::make_shared<FakeCard>());
  const auto connected = [&] {
    auto context = std::make_unique<resource::HubContext>(hub);
    Connected out;
    REQUIRE(context->connect(kFirst, share::kShared, kEither, out) == code::kSuccess);
    return std::pair{std::move(context), out.card};
  };
  const auto in_line = [&] {
    const resource::Hub::Lock lock{hub->mutex};
    return hub->readers[0]->queue.size();
  };
  std::vector<std::pair<std::unique_ptr<resource::HubContext>, CardId>> others;
  for (int i = 0; i < 5; ++i)
    others.push_back(connected());
  const auto [owner, mine] = connected();
  REQUIRE(owner->begin(mine) == code::kSuccess);
  std::vector<std::size_t> order;  // guarded by the transaction
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < others.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto& [context, card] = others[i];
      CHECK(context->begin(card) == code::kSuccess);
      order.push_back(i);
      CHECK(context->end(card, disposition::kLeave) == code::kSuccess);
    });
    while (in_line() <= i)
      std::this_thread::yield();
  }
  REQUIRE(owner->end(mine, disposition::kLeave) == code::kSuccess);
  for (auto& thread : threads)
    thread.join();
  CHECK(order == std::vector<std::size_t>{0, 1, 2, 3, 4});
}

TEST_CASE("A transaction keeps every other program's commands out [A2]") {
  const Bench bench;
  const auto owner = bench.context();
  const auto other = bench.context();
  const auto mine = bench.connect(*owner);
  const auto theirs = bench.connect(*other);
  REQUIRE(owner->begin(mine) == code::kSuccess);
  auto outcome = std::async(std::launch::async, [&] { return Bench::transmit(*other, theirs); });
  for (int i = 0; i < 100; ++i)
    CHECK(Bench::transmit(*owner, mine) == code::kSuccess);
  CHECK(outcome.wait_for(std::chrono::milliseconds{20}) == std::future_status::timeout);
  REQUIRE(owner->end(mine, disposition::kLeave) == code::kSuccess);
  CHECK(outcome.get() == code::kSuccess);
}

TEST_CASE("Whoever waits hears of a removal at once [A2]") {
  const Bench bench;
  const auto owner = bench.context();
  const auto other = bench.context();
  const auto mine = bench.connect(*owner);
  const auto theirs = bench.connect(*other);
  REQUIRE(owner->begin(mine) == code::kSuccess);
  auto outcome = std::async(std::launch::async, [&] { return other->begin(theirs); });
  bench.manager->remove(bench.card);
  CHECK(outcome.get() == code::kRemovedCard);
  // The transaction went with the card.
  (void)bench.manager->insert(bench.card);
  CHECK(Bench::reconnect(*other, theirs) == code::kSuccess);
  CHECK(other->begin(theirs) == code::kSuccess);
}

TEST_CASE("A context that ends in a transaction resets the card, others leave it alone [A2]") {
  const Bench bench;
  const auto survivor = bench.context();
  const auto theirs = bench.connect(*survivor);
  {
    const auto quiet = bench.context();
    (void)bench.connect(*quiet);
  }
  CHECK(bench.card->diary().empty());
  {
    const auto dying = bench.context();
    const auto mine = bench.connect(*dying);
    REQUIRE(dying->begin(mine) == code::kSuccess);
  }
  CHECK(bench.card->diary() == "reset");
  CHECK(Bench::record(*survivor).sharing == 1);
  CHECK(Bench::transmit(*survivor, theirs) == code::kResetCard);
  CHECK(Bench::reconnect(*survivor, theirs) == code::kSuccess);
  CHECK(survivor->begin(theirs) == code::kSuccess);
}

TEST_CASE("Waiting for a change: nothing that happened between two looks is missed [A2]") {
  const Bench bench;
  const auto context = bench.context();
  ReaderList before;
  REQUIRE(context->readers(before) == code::kSuccess);
  ReaderList after;
  CHECK(context->wait(1, before.generation, 0, after) == code::kTimeout);
  CHECK(after == before);
  CHECK(context->wait(1, before.generation, 10, after) == code::kTimeout);
  bench.manager->remove(bench.card);
  CHECK(context->wait(1, before.generation, kInfinite, after) == code::kSuccess);
  CHECK(after.readers[0].state == reader_state::kAbsent);
  auto outcome =
      std::async(std::launch::async, [&] { return context->wait(1, after.generation, kInfinite, before); });
  (void)bench.manager->insert(bench.card);
  CHECK(outcome.get() == code::kSuccess);
  CHECK(before.readers[0].events == 3);
}

TEST_CASE("A cancel ends the call that it names, early and late [A2]") {
  const Bench bench;
  const auto context = bench.context();
  ReaderList list;
  REQUIRE(context->readers(list) == code::kSuccess);
  const auto seen = list.generation;
  context->cancel(7);
  CHECK(context->wait(7, seen, kInfinite, list) == code::kCancelled);
  CHECK(context->wait(8, seen, 5, list) == code::kTimeout);
  auto outcome = std::async(std::launch::async, [&] { return context->wait(9, seen, kInfinite, list); });
  context->cancel(9);
  CHECK(outcome.get() == code::kCancelled);
}

TEST_CASE("When the manager closes, every call says so, those that wait included [A2]") {
  Bench bench;
  const auto owner = bench.context();
  const auto other = bench.context();
  const auto third = bench.context();
  const auto mine = bench.connect(*owner);
  const auto theirs = bench.connect(*other);
  REQUIRE(owner->begin(mine) == code::kSuccess);
  ReaderList list;
  REQUIRE(third->readers(list) == code::kSuccess);
  auto begun = std::async(std::launch::async, [&] { return other->begin(theirs); });
  auto waited =
      std::async(std::launch::async, [&] { return third->wait(1, list.generation, kInfinite, list); });
  bench.manager.reset();
  CHECK(begun.get() == code::kNoService);
  CHECK(waited.get() == code::kNoService);
  CHECK(owner->readers(list) == code::kNoService);
  CHECK(Bench::transmit(*owner, mine) == code::kNoService);
  CHECK(owner->disconnect(mine, disposition::kLeave) == code::kNoService);
}

TEST_CASE("An interrupted context waits for nothing any more [A2]") {
  const Bench bench;
  const auto owner = bench.context();
  const auto other = bench.context();
  const auto mine = bench.connect(*owner);
  const auto theirs = bench.connect(*other);
  REQUIRE(owner->begin(mine) == code::kSuccess);
  auto begun = std::async(std::launch::async, [&] { return other->begin(theirs); });
  other->interrupt();
  CHECK(begun.get() == code::kNoService);
  CHECK(owner->end(mine, disposition::kLeave) == code::kSuccess);
}

TEST_CASE("A card that nobody uses loses its power, and what was verified with it [A2]") {
  const Bench bench{{"Cardea", std::chrono::milliseconds{1}}};
  const auto context = bench.context();
  bench.card->wait_for_entry("off");
  CHECK(Bench::record(*context).state != reader_state::kAbsent);
  (void)bench.card->diary();
  const auto card = bench.connect(*context);
  CHECK(bench.card->diary() == "on");
  CHECK(Bench::transmit(*context, card) == code::kSuccess);
  CHECK(context->disconnect(card, disposition::kLeave) == code::kSuccess);
  bench.card->wait_for_entry("off");
}

TEST_CASE("One command at a time, whoever sends it [A2]") {
  const Bench bench;
  const auto one = bench.context();
  const auto two = bench.context();
  const auto first = bench.connect(*one);
  const auto second = bench.connect(*two);
  bench.card->hold();
  auto a = std::async(std::launch::async, [&] { return Bench::transmit(*one, first); });
  bench.card->wait_for_command();
  auto b = std::async(std::launch::async, [&] { return Bench::transmit(*two, second); });
  CHECK(b.wait_for(std::chrono::milliseconds{20}) == std::future_status::timeout);
  CHECK(bench.card->diary() == "00A40400");
  bench.card->let_go();
  CHECK(a.get() == code::kSuccess);
  CHECK(b.get() == code::kSuccess);
}

TEST_CASE("Many programs at once: every transaction is whole [A2]") {
  const Bench bench;
  constexpr int kPrograms = 6;
  constexpr int kRounds = 60;
  int inside = 0;
  int most = 0;
  std::vector<std::thread> programs;
  for (int i = 0; i < kPrograms; ++i) {
    programs.emplace_back([&] {
      const auto context = bench.context();
      const auto card = bench.connect(*context);
      for (int round = 0; round < kRounds; ++round) {
        REQUIRE(context->begin(card) == code::kSuccess);
        most = std::max(most, ++inside);  // guarded by the transaction, or the test fails
        CHECK(Bench::transmit(*context, card) == code::kSuccess);
        --inside;
        REQUIRE(context->end(card, disposition::kLeave) == code::kSuccess);
      }
    });
  }
  for (auto& program : programs)
    program.join();
  CHECK(most == 1);
}
