// Two sessions of one card, one in the middle of a command of the other: what is written to an application
// that is deleted, made anew or locked meanwhile, and two that make it at once. Every command is interrupted
// at every place where it asks its store or its PINs for something, and so is the other one's INSTALL.

#include <doctest/doctest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "cardea/apdu/tlv.h"
#include "interrupted_session.h"

namespace cardea::test {

namespace {

using cms::gp::SecureChannel;
using cms::gp::SecurityLevel;

constexpr auto kFactoryPin = "313233343536FFFF";
constexpr auto kFactoryPuk = "3132333435363738";
constexpr auto kNewPin = "393133373533FFFF";

Bytes instance() {
  return CardAndHost::from("A000000308000010000100");
}

apdu::StatusWord word(SecureChannel& channel, const apdu::Command& command) {
  const auto answer = channel.send(command);
  REQUIRE_MESSAGE(answer.has_value(), (answer ? "" : answer.error().what));
  return answer->sw;
}
apdu::StatusWord word(SecureChannel& channel, std::string_view hex) {
  return word(channel, apdu::parse_command(CardAndHost::from(hex)).value());
}

apdu::StatusWord remove(SecureChannel& channel) {
  return word(channel, cms::gp::delete_object(instance(), false));
}
apdu::Command installation() {
  const cms::gp::Installation what{
      CardAndHost::from("A0000003080000"), CardAndHost::from("A000000308000010"), instance(), {0x00}, {}, {}};
  return cms::gp::install(what).value();
}
apdu::StatusWord install(SecureChannel& channel) {
  return word(channel, installation());
}

/// For another thread, in which nothing is asserted. 0: there was no answer.
std::uint16_t install_quietly(SecureChannel& channel) {
  const auto answer = channel.send(installation());
  return answer ? answer->sw.value() : std::uint16_t{0};
}

/// Something that writes to the application, and how its session gets there.
struct Write {
  std::string name;
  std::string_view select;
  std::function<apdu::StatusWord(SecureChannel&)> run;
};

Write through_channel(const char* name, std::string_view command) {
  return {name, kSelectPiv, [command](SecureChannel& channel) { return word(channel, command); }};
}

const Write kIssuersPin = through_channel("PIN from the issuer", "8024FF80 08 393133373533FFFF");

/// An object, a key and both PINs, in one command.
apdu::StatusWord personalize(SecureChannel& channel) {
  const auto scalar = "11 3022 8920 0000000000000000000000000000000000000000000000000000000000000007";
  const auto group = [](std::uint16_t dgi, std::string_view hex) {
    return cms::gp::DataGroup{dgi, SecretBytes{CardAndHost::from(hex)}, false};
  };
  std::vector<cms::gp::DataGroup> groups;
  groups.push_back(group(0x0200, "5C035FC102 530101"));
  groups.push_back(group(0x019D, scalar));
  groups.push_back(group(0x0080, kNewPin));
  groups.push_back(group(0x0081, "3837363534333231"));
  const auto commands = cms::gp::store_data(channel, groups).value();
  REQUIRE(commands.size() == 1);
  return word(channel, commands.front());
}

const std::vector<Write> kWrites{
    through_channel("PUT DATA", "80DB3FFF 08 5C035FC102530101"),
    through_channel("PUT DATA that erases", "80DB3FFF 04 7E025300"),
    through_channel("GENERATE", "8047009A 05 AC03800111 00"),
    through_channel("key element",
                    "8024119C 24 302289200000000000000000000000000000000000000000000000000000000000000007"),
    through_channel("management key", "8024089B 14 301280105A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A"),
    kIssuersPin,
    through_channel("PUK from the issuer", "8024FF81 08 3837363534333231"),
    through_channel("CHANGE REFERENCE DATA, PIN", "80240080 10 313233343536FFFF393133373533FFFF"),
    through_channel("CHANGE REFERENCE DATA, PUK", "80240081 10 31323334353637383837363534333231"),
    through_channel("RESET RETRY COUNTER", "802C0080 10 3132333435363738393133373533FFFF"),
    {"STORE DATA", kSelectIssuer, personalize},
};

std::vector<std::uint32_t> ids(CardAndHost& bench, card::RecordSpace space) {
  return bench.card.world().store.list(space).value();
}
void check_no_application(CardAndHost& bench) {
  CHECK(ids(bench, card::RecordSpace::object).empty());
  CHECK(ids(bench, card::RecordSpace::key) == std::vector<std::uint32_t>{0xA0, 0xA1, 0xA2});
}

/// As it is delivered, whoever looks.
void check_factory_application(CardAndHost& bench) {
  CHECK(ids(bench, card::RecordSpace::object) == std::vector<std::uint32_t>{0x7E});
  CHECK(ids(bench, card::RecordSpace::key) == std::vector<std::uint32_t>{0x9B, 0xA0, 0xA1, 0xA2});
  auto holder = bench.card.second_session();
  REQUIRE(holder.send(kSelectPiv).sw == apdu::sw::kOk);
  CHECK(holder.send("00200080").sw == apdu::sw::tries_left(3));
  CHECK(holder.send("0020008008" + std::string{kFactoryPin}).sw == apdu::sw::kOk);
  CHECK(holder.send("002C008010" + std::string{kFactoryPuk} + kNewPin).sw == apdu::sw::kOk);
  CHECK(holder.send("0087039B047C028100").sw == apdu::sw::kOk);
}

/// The card and two sessions to it: `bench.card` is the card manager's, `session` is to be interrupted.
struct Pair {
  explicit Pair(std::string_view select, bool personalizing = false) {
    REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
    manager.emplace(bench.open(SecurityLevel::c_mac_c_enc));
    channel.emplace(session.open(select));
    if (!personalizing) return;
    REQUIRE(word(*channel, cms::gp::install_for_personalization(instance()).value()) == apdu::sw::kOk);
  }
  explicit Pair(const Write& write) : Pair{write.select, write.select == kSelectIssuer} {}

  CardAndHost bench;
  InterruptedSession session{bench};
  std::optional<SecureChannel> manager;
  std::optional<SecureChannel> channel;
};

using Words = std::set<std::uint16_t>;

/// Interrupts at one place after the other until there is none left. All answers that there were.
Words at_every_place(const std::function<std::optional<apdu::StatusWord>(unsigned place)>& once) {
  Words words;
  for (unsigned place = 1;; ++place) {
    CAPTURE(place);
    REQUIRE(place < 100);
    const auto answer = once(place);
    if (!answer) return words;
    words.insert(answer->value());
  }
}

/// Something that runs in a thread of its own, never at the same time as the one that began it.
class Interlude {
 public:
  explicit Interlude(std::function<std::uint16_t()> work) : work_{std::move(work)} {}
  Interlude(const Interlude&) = delete;
  Interlude& operator=(const Interlude&) = delete;
  ~Interlude() { (void)end(); }

  /// Returns when it pauses, or has come to its end.
  void begin() {
    thread_ = std::thread{[this] {
      answer_ = work_();
      turn(false);
    }};
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return !its_turn_; });
  }
  /// From within, where it is to wait for `end`.
  void pause() {
    turn(false);
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return its_turn_; });
  }
  std::uint16_t end() {
    if (!thread_.joinable()) return answer_;
    turn(true);
    thread_.join();
    return answer_;
  }

 private:
  void turn(bool its) {
    const std::lock_guard lock{mutex_};
    its_turn_ = its;
    changed_.notify_all();
  }

  std::function<std::uint16_t()> work_;
  std::uint16_t answer_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool its_turn_ = true;
  std::thread thread_;
};

/// The same of one write, with what the other session does and what has to be true then.
Words interrupt(const Write& write, const std::function<void(Pair&)>& other,
                const std::function<void(Pair&, apdu::StatusWord)>& check) {
  return at_every_place([&](unsigned place) -> std::optional<apdu::StatusWord> {
    Pair pair{write};
    pair.session.interruption().at(place, [&] { other(pair); });
    const auto answer = write.run(*pair.channel);
    if (pair.session.interruption().cancel()) return std::nullopt;
    check(pair, answer);
    return answer;
  });
}

constexpr auto kRefused = apdu::sw::kConditionsNotSatisfied.value();

}  // namespace

TEST_CASE("a write that another session's DELETE and INSTALL overtake is not in the new application [A5]") {
  for (const auto& write : kWrites) {
    CAPTURE(write.name);
    const auto words = interrupt(
        write,
        [](Pair& pair) {
          REQUIRE(remove(*pair.manager) == apdu::sw::kOk);
          REQUIRE(install(*pair.manager) == apdu::sw::kOk);
        },
        [](Pair& pair, apdu::StatusWord) { check_factory_application(pair.bench); });
    CHECK(words.contains(kRefused));
  }
}

TEST_CASE("a write that another session's DELETE overtakes leaves nothing behind") {
  for (const auto& write : kWrites) {
    CAPTURE(write.name);
    interrupt(
        write, [](Pair& pair) { REQUIRE(remove(*pair.manager) == apdu::sw::kOk); },
        [](Pair& pair, apdu::StatusWord) {
          check_no_application(pair.bench);
          REQUIRE(install(*pair.manager) == apdu::sw::kOk);
          check_factory_application(pair.bench);
        });
  }
}

TEST_CASE("a write that is refused since the application was locked meanwhile has changed nothing") {
  for (const auto& write : kWrites) {
    CAPTURE(write.name);
    std::map<card::RecordId, Bytes> locked;
    const auto pins = [](Pair& pair) {
      auto& vault = pair.bench.card.world().pins;
      return std::pair{vault.status(card::PinRef::application).value().version,
                       vault.status(card::PinRef::puk).value().version};
    };
    const auto factory_pins = std::pair{std::uint64_t{1}, std::uint64_t{1}};
    const auto words = interrupt(
        write,
        [&](Pair& pair) {
          REQUIRE(word(*pair.manager, cms::gp::lock_application(instance(), true)) == apdu::sw::kOk);
          locked = pair.bench.card.world().store.snapshot();
        },
        [&](Pair& pair, apdu::StatusWord answer) {
          if (answer == apdu::sw::kOk) return;
          CHECK(pair.bench.card.world().store.snapshot() == locked);
          CHECK(pins(pair) == factory_pins);
        });
    CHECK(words.contains(kRefused));
  }
}

TEST_CASE("a write goes on when something else in the registry changes") {
  for (const auto& write : kWrites) {
    CAPTURE(write.name);
    const auto words = interrupt(
        write,
        [](Pair& pair) {
          REQUIRE(word(*pair.manager, cms::gp::set_card_state(cms::gp::CardState::initialized)) ==
                  apdu::sw::kOk);
        },
        [](Pair&, apdu::StatusWord) {});
    CHECK(words == Words{0x9000});
  }
}

TEST_CASE("two sessions give the PIN a new value: one of them is told, and the other's stays") {
  const auto words = interrupt(
      kIssuersPin,
      [](Pair& pair) {
        auto holder = pair.bench.card.second_session();
        REQUIRE(holder.send(kSelectPiv).sw == apdu::sw::kOk);
        REQUIRE(holder.send("0024008010" + std::string{kFactoryPin} + "373533393133FFFF").sw ==
                apdu::sw::kOk);
      },
      [](Pair& pair, apdu::StatusWord answer) {
        auto holder = pair.bench.card.second_session();
        REQUIRE(holder.send(kSelectPiv).sw == apdu::sw::kOk);
        if (answer != apdu::sw::kOk) CHECK(holder.send("0020008008373533393133FFFF").sw == apdu::sw::kOk);
      });
  CHECK(words == Words{0x9000, 0x6F00});
}

TEST_CASE("DELETE takes with it what other sessions write in the middle of it") {
  for (const auto& write : kWrites) {
    CAPTURE(write.name);
    if (write.select != kSelectPiv) continue;
    const auto words = at_every_place([&](unsigned place) -> std::optional<apdu::StatusWord> {
      Pair pair{kSelectIssuer};
      REQUIRE(pair.bench.card.send(kSelectPiv).sw == apdu::sw::kOk);
      auto writer = pair.bench.open(SecurityLevel::c_mac_c_enc);
      pair.session.interruption().at(place, [&] { (void)write.run(writer); });
      const auto answer = remove(*pair.channel);
      if (pair.session.interruption().cancel()) return std::nullopt;
      check_no_application(pair.bench);
      REQUIRE(install(*pair.channel) == apdu::sw::kOk);
      check_factory_application(pair.bench);
      return answer;
    });
    CHECK(words == Words{0x9000});
  }
}

TEST_CASE(
    "two sessions INSTALL at once: who loses has not touched the PINs of the other's application [A5]") {
  const auto words = at_every_place([&](unsigned place) -> std::optional<apdu::StatusWord> {
    Pair pair{kSelectIssuer};
    REQUIRE(remove(*pair.manager) == apdu::sw::kOk);
    bool made = false;
    pair.session.interruption().at(place, [&] {
      made = install(*pair.manager) == apdu::sw::kOk;
      if (!made) return;
      auto holder = pair.bench.card.second_session();
      REQUIRE(holder.send(kSelectPiv).sw == apdu::sw::kOk);
      REQUIRE(holder.send("0024008010" + std::string{kFactoryPin} + kNewPin).sw == apdu::sw::kOk);
      CHECK(holder.send("002C008010" + std::string(32, '0')).sw == apdu::sw::tries_left(2));
      CHECK(holder.send("0020008008" + std::string(16, '9')).sw == apdu::sw::kWrongData);
      CHECK(holder.send("0020008008393939393939FFFF").sw == apdu::sw::tries_left(2));
    });
    const auto answer = install(*pair.channel);
    if (pair.session.interruption().cancel()) return std::nullopt;
    CHECK((answer == apdu::sw::kOk) != made);
    if (made) {
      auto holder = pair.bench.card.second_session();
      REQUIRE(holder.send(kSelectPiv).sw == apdu::sw::kOk);
      CHECK(holder.send("00200080").sw == apdu::sw::tries_left(2));
      CHECK(pair.bench.card.world().pins.status(card::PinRef::puk).value().tries_left == 2);
      CHECK(holder.send("0020008008" + std::string{kNewPin}).sw == apdu::sw::kOk);
    } else {
      check_factory_application(pair.bench);
    }
    return answer;
  });
  CHECK(words == Words{kRefused});
}

TEST_CASE("two sessions INSTALL at once, each in the middle of the other: one makes it, the other is told") {
  for (unsigned begins = 1;; ++begins) {
    bool ever = false;
    for (unsigned pauses = 1;; ++pauses) {
      CAPTURE(begins);
      CAPTURE(pauses);
      REQUIRE(begins < 100);
      REQUIRE(pauses < 100);
      Pair pair{kSelectIssuer};
      InterruptedSession second{pair.bench};
      auto channel = second.open(kSelectIssuer);
      REQUIRE(remove(*pair.manager) == apdu::sw::kOk);
      // The first one begins, the second one comes in between as far as it is let, the first one ends.
      Interlude interlude{[&] { return install_quietly(channel); }};
      second.interruption().at(pauses, [&] { interlude.pause(); });
      pair.session.interruption().at(begins, [&] { interlude.begin(); });
      const auto first = install(*pair.channel);
      if (pair.session.interruption().cancel()) break;
      ever = true;
      const auto other = interlude.end();
      CHECK(Words{first.value(), other} == Words{0x9000, kRefused});
      check_factory_application(pair.bench);
      if (second.interruption().cancel()) break;  // it went through in one piece
    }
    if (!ever) break;
  }
}

TEST_CASE("an INSTALL goes on when something else in the registry changes") {
  const auto words = at_every_place([](unsigned place) -> std::optional<apdu::StatusWord> {
    Pair pair{kSelectIssuer};
    REQUIRE(remove(*pair.manager) == apdu::sw::kOk);
    pair.session.interruption().at(place, [&] {
      REQUIRE(word(*pair.manager, cms::gp::set_card_state(cms::gp::CardState::initialized)) == apdu::sw::kOk);
    });
    const auto answer = install(*pair.channel);
    if (pair.session.interruption().cancel()) return std::nullopt;
    check_factory_application(pair.bench);
    return answer;
  });
  CHECK(words == Words{0x9000});
}

TEST_CASE("an INSTALL that is killed anywhere is undone, and given again makes a whole application") {
  for (unsigned step = 1;; ++step) {
    CAPTURE(step);
    CardAndHost bench;
    REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
    auto first = bench.open(SecurityLevel::c_mac_c_enc);
    REQUIRE(remove(first) == apdu::sw::kOk);
    bench.card.fail_store_after(step, Failure::crashed);
    const auto answer = install(first);
    const bool killed = !bench.card.world().medium.failure_pending();
    bench.card.power_cycle();
    if (killed) {
      CHECK(answer == apdu::sw::kUnspecified);
      CHECK(bench.card.send(kSelectPiv).sw == apdu::sw::kNotFound);
      check_no_application(bench);
      REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
      auto again = bench.open(SecurityLevel::c_mac_c_enc);
      REQUIRE(install(again) == apdu::sw::kOk);
    }
    check_factory_application(bench);
    if (!killed) {
      CHECK(step > 3);  // a claim, PINs, records
      return;
    }
  }
}

TEST_CASE("what was begun before DELETE and INSTALL does not go on after them") {
  const auto renew = [](Pair& pair) {
    REQUIRE(remove(*pair.manager) == apdu::sw::kOk);
    REQUIRE(install(*pair.manager) == apdu::sw::kOk);
  };
  SUBCASE("a chain of an administrator") {
    Pair pair{kSelectIssuer};
    auto& session = pair.session;
    REQUIRE(session.send(kSelectPiv).sw == apdu::sw::kOk);
    pair.bench.card.world().rng.load("1122334455667788"_hex);
    REQUIRE(session.send("0087039B047C028000").sw == apdu::sw::kOk);
    REQUIRE(session.send("0087039B167C14800811223344556677888108A1A2A3A4A5A6A7A8").sw == apdu::sw::kOk);
    REQUIRE(session.send("10DB3FFF055C035FC102").sw == apdu::sw::kOk);
    renew(pair);
    CHECK(session.send("00DB3FFF03530101").sw == apdu::sw::kInsNotSupported);
    check_factory_application(pair.bench);
  }
  SUBCASE("a channel to PIV") {
    Pair pair{kSelectPiv};
    renew(pair);
    CHECK(word(*pair.channel, "80DB3FFF 08 5C035FC102530101") == apdu::sw::kSecurityNotSatisfied);
    check_factory_application(pair.bench);
  }
  SUBCASE("the blocks of STORE DATA") {
    Pair pair{kSelectIssuer, true};
    REQUIRE(word(*pair.channel, "80E21000 05 5C035FC102") == apdu::sw::kOk);
    renew(pair);
    CHECK(word(*pair.channel, "80E29001 03 530101") == apdu::sw::kConditionsNotSatisfied);
    check_factory_application(pair.bench);
  }
  SUBCASE("a selection: the card manager is selected then, as after DELETE alone") {
    Pair pair{kSelectIssuer};
    REQUIRE(pair.session.send(kSelectPiv).sw == apdu::sw::kOk);
    renew(pair);
    CHECK(pair.session.send("00200080").sw == apdu::sw::kInsNotSupported);
    REQUIRE(pair.session.send(kSelectPiv).sw == apdu::sw::kOk);
    CHECK(pair.session.send("00200080").sw == apdu::sw::tries_left(3));
  }
  SUBCASE("after a reset the new application is the one that is selected") {
    Pair pair{kSelectPiv};
    pair.session.card().reset();
    renew(pair);
    CHECK(pair.session.send("00200080").sw == apdu::sw::tries_left(3));
  }
}

}  // namespace cardea::test
