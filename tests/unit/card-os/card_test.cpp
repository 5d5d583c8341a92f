// The card as a whole: what holds whatever comes.
#include <doctest/doctest.h>

#include <new>

#include "conversation.h"

using namespace cardea;
using card::Effect;
using test::ask;
using test::TestCard;
using test::World;

namespace {

/// A store that breaks its promise not to throw.
class ThrowingStore final : public card::Store {
 public:
  explicit ThrowingStore(card::Store& real) : real_{real} {}
  Result<std::optional<Bytes>> get(card::RecordId id) override {
    if (armed) throw std::bad_alloc{};
    return real_.get(id);
  }
  Result<std::vector<std::uint32_t>> list(card::RecordSpace space) override { return real_.list(space); }
  Result<void> commit_if(std::span<const card::Condition> conditions,
                         std::span<const card::Change> changes) override {
    if (armed) throw 42;
    return real_.commit_if(conditions, changes);
  }
  Result<std::uint64_t> generation() override { return real_.generation(); }

  bool armed = false;

 private:
  card::Store& real_;
};

/// Counts how often each record is read.
class CountingStore final : public card::Store {
 public:
  explicit CountingStore(card::Store& real) : real_{real} {}
  Result<std::optional<Bytes>> get(card::RecordId id) override {
    ++reads[id];
    return real_.get(id);
  }
  Result<std::vector<std::uint32_t>> list(card::RecordSpace space) override { return real_.list(space); }
  Result<void> commit_if(std::span<const card::Condition> conditions,
                         std::span<const card::Change> changes) override {
    return real_.commit_if(conditions, changes);
  }
  Result<std::uint64_t> generation() override { return real_.generation(); }

  std::map<card::RecordId, int> reads;

 private:
  card::Store& real_;
};

std::string send(card::Card& card, std::string_view hex) {
  return to_hex(card.transmit(from_hex(hex).value()).response);
}

card::Ports with_store(World& world, card::Store& store) {
  auto ports = world.ports();
  return {store, ports.keys, ports.pins, ports.crypto, ports.cipher, ports.clock, ports.rng, ports.audit};
}

}  // namespace

TEST_CASE("nothing is thrown out of a card: 6F00, and all volatile state is gone") {
  World world{1};
  const auto& profile = *card::find_profile(test::kYubikey5);
  REQUIRE(card::make_factory_card(profile, {1}, world.ports()));
  ThrowingStore store{world.store};
  card::Card card{profile, with_store(world, store)};
  for (int i = 0; i < 3; ++i) {
    CHECK(send(card, test::kVerify) == "9000");
    store.armed = true;
    CHECK(send(card, "00CB3FFF055C035FC105") == "6F00");
    CHECK(send(card, "00CB3FFF055C035FC105") == "6F00");
    store.armed = false;
    CHECK(send(card, test::kStatus) == "63C3");
  }
}

TEST_CASE("a command reads a record at most once") {
  World world{1};
  const auto& profile = *card::find_profile(test::kYubikey5);
  REQUIRE(card::make_factory_card(profile, {1}, world.ports()));
  CountingStore store{world.store};
  card::Card card{profile, with_store(world, store)};
  world.rng.load("1122334455667788"_hex);
  for (const auto* const command :
       {"00A4040005A000000308", "00CB3FFF035C017E00", "0087039B047C028000",
        "0087039B167C14800811223344556677888108A1A2A3A4A5A6A7A8", "0047009A05AC03800111",
        "0047009A05AC03800111", "00F7009A00", "00DB3FFF085C035FC105530101",
        "00FE119D220620"
        "0000000000000000000000000000000000000000000000000000000000000005",
        "00FFFFFF1B039B18010203040506070801020304050607080102030405060708", "0020008008313233343536FFFF",
        "008711 9A 267C2482008120 0000000000000000000000000000000000000000000000000000000000000001"}) {
    CAPTURE(command);
    store.reads.clear();
    CHECK(send(card, command).ends_with("9000"));
    for (const auto& [id, count] : store.reads)
      CHECK(count == 1);
  }
}

TEST_CASE("security status: a verified PIN, an administrator, a pending challenge, and nothing else") {
  TestCard card;
  const auto secured = [&card] { return card.card().has_security_status(); };
  CHECK_FALSE(secured());
  card.send("00A4040005A000000308");
  card.send(test::kStatus);
  card.send(test::kWrongPin);
  CHECK_FALSE(secured());
  card.send(test::kVerify);
  CHECK(secured());
  card.send("0020FF80");
  CHECK_FALSE(secured());
  card.send("0087039B047C028100");
  CHECK(secured());  // a challenge waits for its answer
  card.send(test::kStatus);
  CHECK_FALSE(secured());
  test::become_administrator(card);
  CHECK(secured());
  card.card().reset();
  CHECK_FALSE(secured());
}

TEST_CASE("the digest: equal for equal states, whichever way they were reached") {
  TestCard card;
  auto other = card.second_session();
  CHECK(card.card().state_digest() == other.card().state_digest());

  const auto fresh = card.card().state_digest();
  card.send(test::kVerify);
  const auto just_verified = card.card().state_digest();
  card.send(test::kStatus);
  const auto verified = card.card().state_digest();
  CHECK(fresh != just_verified);
  CHECK(just_verified != verified);
  other.send(test::kVerify);
  other.send(test::kStatus);
  CHECK(other.card().state_digest() == verified);
  card.send("0020FF80");
  CHECK(card.card().state_digest() == fresh);

  card.send("0087039B047C028100");
  CHECK(card.card().state_digest() != fresh);
  card.card().reset();
  CHECK(card.card().state_digest() == fresh);
  card.send("00A4040008A000000527471117");
  CHECK(card.card().state_digest() != fresh);

  TestCard nist{test::kNist};
  CHECK(nist.card().state_digest() != fresh);
}

TEST_CASE("a pure command answers alike in equal states and ends in equal states") {
  TestCard card;
  test::make_p256(card, "9A");
  card.power_cycle();
  for (const auto* const command :
       {"00A4040005A000000308", "00CB3FFF035C017E08", "00C0000000", "00CB3FFF055C035FC10500", "00200080",
        "00F7009A00", "00FD000000", "00F8000000", "00700000", "00100000", "01", "",
        "00CB3FFF055C035FC10300"}) {
    CAPTURE(command);
    auto one = card.second_session();
    auto two = card.second_session();
    const auto first = one.transmit(from_hex(command).value());
    const auto second = two.transmit(from_hex(command).value());
    CHECK(first.effect == Effect::pure);
    CHECK(first.response == second.response);
    CHECK(one.card().state_digest() == two.card().state_digest());
  }
}

TEST_CASE("a card that was moved goes on where it was") {
  World world{1};
  const auto& profile = *card::find_profile(test::kYubikey5);
  REQUIRE(card::make_factory_card(profile, {1}, world.ports()));
  card::Card first{profile, world.ports()};
  CHECK(send(first, test::kVerify) == "9000");
  card::Card second{std::move(first)};
  CHECK(send(second, test::kStatus) == "9000");
  CHECK(second.profile().name == "piv-yubikey5");
}

TEST_CASE("verified in two sessions, blocked in a third: no key use and no protected object any more") {
  TestCard card;
  test::make_p256(card, "9A");
  CHECK(ask(card, test::kVerify) == "9000");
  CHECK(card.send(test::sign_p256("9A")).sw == apdu::sw::kOk);
  auto thief = card.second_session();
  for (int i = 0; i < 3; ++i)
    thief.send(test::kWrongPin);
  CHECK(ask(card, test::kStatus) == "6983");
  CHECK(ask(card, test::sign_p256("9A")) == "6982");
  CHECK(ask(card, "00CB3FFF055C035FC109") == "6982");
}

TEST_CASE("a damaged key record is 6581 and opens nothing") {
  TestCard card;
  test::make_p256(card, "9A");
  card.send(test::kVerify);
  const card::RecordId nine_a{card::RecordSpace::key, 0x9A};
  const card::RecordId nine_b{card::RecordSpace::key, 0x9B};
  const auto good = card.world().store.snapshot();

  const card::Change swapped{nine_a, good.at(nine_b)};
  REQUIRE(card.world().store.commit({&swapped, 1}));
  CHECK(ask(card, test::sign_p256("9A")) == "6581");
  const card::Change cut{nine_b, Bytes{1, 2, 3}};
  REQUIRE(card.world().store.commit({&cut, 1}));
  CHECK(ask(card, "00DB3FFF085C035FC105530101") == "6581");
  CHECK(ask(card, "0087039B047C028100") == "6581");
}

TEST_CASE("a card without management key has no administrator") {
  TestCard card;
  test::become_administrator(card);
  const card::Change gone{{card::RecordSpace::key, 0x9B}, std::nullopt};
  REQUIRE(card.world().store.commit({&gone, 1}));
  CHECK(ask(card, "00DB3FFF085C035FC105530101") == "6A88");
  CHECK(ask(card, "0087039B047C028100") == "6A88");
}

TEST_CASE("versions of keys grow over a reset to the factory state") {
  TestCard card;
  test::make_p256(card, "9A");
  for (int i = 0; i < 4; ++i)
    card.send("0047009A05AC03800111");
  for (int i = 0; i < 3; ++i)
    card.send(test::kWrongPin);
  for (int i = 0; i < 3; ++i)
    card.send("002C008010 FFFFFFFFFFFFFFFF FFFFFFFFFFFFFFFF");
  CHECK(ask(card, "00FB000000") == "9000");
  const auto version = [&card](std::uint32_t reference) {
    const auto record = card.world().store.snapshot().at({card::RecordSpace::key, reference});
    return read_be(BytesView{record}.subspan(7, 8));
  };
  CHECK(version(0x9B) == 6);
  test::make_p256(card, "9A");
  CHECK(version(0x9A) == 6);
}

TEST_CASE("octets without meaning: an answer every time, and no invariant broken") {
  for (const auto profile : {test::kNist, test::kYubikey5}) {
    TestCard card{profile};
    test::make_p256(card, "9A");
    test::SeededRng rng{test::seed_from_environment(20250725)};
    CAPTURE(rng.describe());
    constexpr std::uint8_t kIns[] = {0x20, 0x24, 0x2C, 0x87, 0x47, 0xCB, 0xDB, 0xA4,
                                     0xC0, 0xF7, 0xFE, 0xFF, 0xFA, 0xFB, 0xF9};
    for (int i = 0; i < 20000; ++i) {
      std::array<std::uint8_t, 4> dice{};
      rng.fill(dice);
      Bytes command(dice[0] % 64U);
      rng.fill(command);
      if (dice[1] % 4U != 0 && command.size() > 4) {  // mostly something that gets beyond the first checks
        command[0] = (dice[1] & 0x40U) != 0 ? 0x10 : 0x00;
        command[1] = kIns[dice[2] % std::size(kIns)];
        if ((dice[3] & 1U) != 0) command[2] = (command[1] & 0x0FU) == 0x0B ? 0x3F : 0x00;
        if ((dice[3] & 2U) != 0) command[3] = command[2] == 0x3F ? 0xFF : 0x80;
        command[4] = static_cast<std::uint8_t>(command.size() - 5);
      }
      (void)card.raw(command);
    }
    card.check_invariants();
  }
}

TEST_CASE("the largest command there is gets an answer [ISO7816-3#12.1]") {
  TestCard card;
  test::become_administrator(card);
  for (const auto* const header :
       {"00CB3FFF", "00DB3FFF", "0087079A", "00200080", "00240080", "0010AABB", "10DB3FFF", "00A40400"}) {
    auto command = from_hex(header).value();
    append(command, "00FFFF"_hex);
    command.resize(command.size() + 65535, 0x7C);
    append(command, "0000"_hex);
    const auto response = card.raw(command);
    CHECK(response.sw != apdu::sw::kOk);
    CHECK(response.sw != apdu::sw::kUnspecified);
  }
}
