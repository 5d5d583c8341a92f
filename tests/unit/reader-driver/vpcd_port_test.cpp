// A card in a slot of a vpcd that the test plays.
#include "vpcd_port.h"

#include <doctest/doctest.h>

#include <thread>

#include "cardea/hex.h"
#include "fake_server.h"
#include "inserted_card.h"
#include "temp_folder.h"
#include "vpcd_slot.h"

using namespace cardea;
using namespace cardea::literals;
using agent::Phase;
using agent::Stay;
using test::VpcdSlot;
using Mishap = test::FakeServer::Mishap;

namespace {

constexpr auto kAtr = "3B 87 80 01 43 61 72 64 65 61 30 06"_hex;
constexpr auto kAtrText = "3B8780014361726465613006";
const Bytes kSelect = to_bytes("00 A4 04 00"_hex);
constexpr std::chrono::milliseconds kNow{0};

std::string heard(const VpcdSlot& slot) {
  const auto answer = slot.hear();
  return answer ? to_hex(*answer) : "closed";
}

/// A slot with a card in it whose commands the test answers.
struct Inserted {
  Inserted() {
    const auto port = agent::make_vpcd_port({"127.0.0.1", slot.port()}, 1, kNow);
    Result<std::shared_ptr<Stay>> made;
    std::jthread inserting{[&] { made = port->insert(to_bytes(kAtr), "badge"); }};
    slot.take_card();
    inserting.join();
    REQUIRE(made);
    stay = *made;
    REQUIRE(heard(slot) == kAtrText);
  }

  VpcdSlot slot;
  std::shared_ptr<Stay> stay;
};

/// Two slots at neighbouring ports.
struct TwoSlots {
  TwoSlots() {
    do {
      first = std::make_unique<VpcdSlot>();
      second.reset();
      if (first->port() < 0xFFFF)
        second = std::make_unique<VpcdSlot>(static_cast<std::uint16_t>(first->port() + 1));
    } while (!second || !second->listens());
  }
  std::unique_ptr<VpcdSlot> first;
  std::unique_ptr<VpcdSlot> second;
};

/// A whole card, with a server that the test plays.
struct ServedCard {
  explicit ServedCard(std::uint16_t port) : reader{agent::make_vpcd_port({"127.0.0.1", port}, 1, kNow)} {
    card = std::make_unique<agent::InsertedCard>(
        api::CardSummary{"c", "badge", "piv-nist", "active", ""},
        api::Client{std::make_unique<test::FakeConnection>(server), "https://cards.example", *key}, key,
        reader, std::make_unique<agent::LateProofs>(folder.path(), "c"));
  }
  ServedCard(const ServedCard&) = delete;
  ServedCard& operator=(const ServedCard&) = delete;
  ~ServedCard() { server->release(); }

  test::TempFolder folder;
  std::shared_ptr<test::FakeServer> server = std::make_shared<test::FakeServer>();
  std::shared_ptr<const api::SigningKey> key =
      std::make_shared<const api::SigningKey>(api::generate_signing_key());
  std::shared_ptr<agent::ReaderPort> reader;
  std::unique_ptr<agent::InsertedCard> card;
};

}  // namespace

TEST_CASE("[A1] vpcd: power, resets and commands reach the card in order; only commands are answered") {
  const Inserted in;
  in.slot.say({0x01});
  in.slot.say({0x02});
  in.slot.say(kSelect);
  CHECK(in.stay->next()->what == Stay::Ask::power_on);
  CHECK(in.stay->next()->what == Stay::Ask::reset);
  const auto request = in.stay->next();
  REQUIRE(request);
  CHECK(request->what == Stay::Ask::transmit);
  CHECK(request->command == kSelect);
  CHECK(in.slot.silent());
  REQUIRE(in.stay->respond(*request, "6A82"_hex));
  CHECK(heard(in.slot) == "6A82");
  in.slot.say({0x00});
  CHECK(in.stay->next()->what == Stay::Ask::power_off);
  in.slot.say({0x04});
  CHECK(heard(in.slot) == kAtrText);
  CHECK_FALSE(in.stay->next_within(kNow));
}

TEST_CASE("vpcd: what is too short for a command is answered 6700 and goes no further") {
  const Inserted in;
  for (const auto& payload :
       {Bytes{}, Bytes{0x03}, Bytes{0xFF}, Bytes{0x00, 0xA4}, Bytes{0x00, 0xA4, 0x04}}) {
    in.slot.say(payload);
    CHECK(heard(in.slot) == "6700");
  }
  CHECK_FALSE(in.stay->next_within(kNow));
}

TEST_CASE("vpcd: the longest command and the longest answer pass; what no frame holds is answered 6F00") {
  const Inserted in;
  const Bytes longest(65535, 0xAA);
  for (const std::size_t size : {65535U, 65536U, 65538U}) {
    std::jthread reader{[&] { in.slot.say(longest); }};  // more than a socket holds
    const auto request = in.stay->next();
    REQUIRE(request);
    CHECK(request->command == longest);
    REQUIRE(in.stay->respond(*request, Bytes(size, 0x55)));
    CHECK(in.slot.hear() == (size <= 65535 ? Bytes(size, 0x55) : to_bytes("6F00"_hex)));
  }
}

TEST_CASE("vpcd: a reader that switches the power without end fills no memory") {
  const Inserted in;
  Bytes flood;
  for (int i = 0; i < 10000; ++i)
    append(flood, "0001 00  0001 01  0001 02"_hex);
  in.slot.raw(flood);
  in.slot.say({0x04});
  CHECK(heard(in.slot) == kAtrText);  // all was heard
  int waiting = 0;
  for (; in.stay->next_within(kNow); ++waiting)
    (void)in.stay->next();
  CHECK(waiting == 3);
}

TEST_CASE("[A1] vpcd: the end of the stay is the end of the connection, and the other way round") {
  {
    const Inserted in;
    in.stay->end();
    CHECK(heard(in.slot) == "closed");
    CHECK_FALSE(in.stay->next());
  }
  {
    Inserted in;
    in.slot.drop_card();
    CHECK(in.stay->next_within(VpcdSlot::kLong));
    CHECK_FALSE(in.stay->next());
  }
  {
    Inserted in;  // in the middle of a command
    in.slot.say(kSelect);
    const auto request = in.stay->next();
    REQUIRE(request);
    in.slot.drop_card();
    (void)in.stay->respond(*request, "9000"_hex);
    CHECK_FALSE(in.stay->next());
  }
}

TEST_CASE("vpcd: each card has a slot of its own; one that is given back is taken again") {
  const TwoSlots slots;
  const auto port = agent::make_vpcd_port({"127.0.0.1", slots.first->port()}, 2, kNow);
  const auto insert = [&](VpcdSlot& slot) {
    Result<std::shared_ptr<Stay>> made;
    std::jthread inserting{[&] { made = port->insert(to_bytes(kAtr), ""); }};
    slot.take_card();
    inserting.join();
    REQUIRE(made);
    return *made;
  };
  auto one = insert(*slots.first);
  const auto two = insert(*slots.second);
  const auto refused = port->insert(to_bytes(kAtr), "");
  REQUIRE(!refused);
  CHECK(refused.error().code == Errc::unavailable);
  CHECK(refused.error().what.starts_with("each of the 2 slots of vpcd has a card already"));
  one.reset();
  CHECK(insert(*slots.first) != nullptr);
}

TEST_CASE("[A1] vpcd: a slot stays empty for as long as the reader needs to see it") {
  TwoSlots slots;
  constexpr std::chrono::milliseconds kEmpty{500};
  const auto port = agent::make_vpcd_port({"127.0.0.1", slots.first->port()}, 2, kEmpty);
  const auto insert = [&] {
    Result<std::shared_ptr<Stay>> made;
    std::jthread inserting{[&] {
      do
        made = port->insert(to_bytes(kAtr), "");
      while (!made &&
             made.error().what.find("has yet to notice that the slot is empty") != std::string::npos);
    }};
    slots.first->take_card();
    inserting.join();
    REQUIRE(made);
    return *made;
  };
  auto began = std::chrono::steady_clock::now();
  auto stay = insert();  // at first, too: an agent may have been killed
  CHECK(std::chrono::steady_clock::now() - began > kEmpty / 2);
  stay.reset();
  began = std::chrono::steady_clock::now();
  stay = insert();  // in the same slot, although the other one is free
  CHECK(std::chrono::steady_clock::now() - began > kEmpty / 2);
}

TEST_CASE("vpcd: nobody listens, and an ATR that vpcd cannot take") {
  std::uint16_t unused = 0;
  {
    const VpcdSlot slot;
    unused = slot.port();
  }
  const auto port = agent::make_vpcd_port({"127.0.0.1", unused}, 1, kNow);
  const auto refused = port->insert(to_bytes(kAtr), "");
  REQUIRE(!refused);
  CHECK(refused.error().code == Errc::unavailable);
  CHECK(refused.error().what == "no vpcd listens there: 127.0.0.1:" + std::to_string(unused) +
                                    ": Connection refused. Is pcscd running, with that driver?");
  const auto invalid = port->insert(Bytes(34, 0x3B), "");
  REQUIRE(!invalid);
  CHECK(invalid.error().code == Errc::invalid);
}

TEST_CASE(
    "[A1] vpcd: while the server hangs the reader hears that the card is there, and ejection is at once") {
  VpcdSlot slot;
  ServedCard served{slot.port()};
  slot.take_card();
  REQUIRE(heard(slot) == kAtrText);
  slot.say(kSelect);
  REQUIRE(heard(slot) == "9000");
  served.server->next_exchanges({Mishap::hangs});
  slot.say({0x00});
  served.server->wait_for_hanging(1);
  slot.say({0x04});
  CHECK(heard(slot) == kAtrText);
  slot.say(kSelect);
  served.card->eject();
  const auto last = heard(slot);  // whether the command was heard before the ejection or not
  CHECK((last == "closed" || (last == "6F00" && heard(slot) == "closed")));
}

TEST_CASE("[A1] vpcd: a reader that goes away gets the card back, in the same session") {
  VpcdSlot slot;
  const ServedCard served{slot.port()};
  for (int i = 0; i < 3; ++i) {
    slot.take_card();
    REQUIRE(heard(slot) == kAtrText);
    slot.say(kSelect);
    CHECK(heard(slot) == "9000");
    CHECK(served.card->status().phase == Phase::inserted);
    slot.drop_card();
  }
  CHECK(served.server->opened() == 1);
}

TEST_CASE("[A1] vpcd: a server that fails takes the card out, and a new session brings it back") {
  VpcdSlot slot;
  const ServedCard served{slot.port()};
  slot.take_card();
  REQUIRE(heard(slot) == kAtrText);
  served.server->next_exchanges({Mishap::session_gone});
  slot.say(kSelect);
  CHECK(heard(slot) == "6F00");  // vpcd would take less for success
  CHECK(heard(slot) == "closed");
  slot.take_card();
  REQUIRE(heard(slot) == kAtrText);
  slot.say(kSelect);
  CHECK(heard(slot) == "9000");
  CHECK(served.server->opened() == 2);
}
