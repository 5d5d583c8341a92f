#include "manager_bench.h"

#include <vector>

namespace cardea::test {

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

}  // namespace cardea::test
