#include <doctest/doctest.h>

#include "fake_card.h"

using namespace cardea;
using namespace cardea::cms;
using namespace cardea::cms::perso;
using testing::CountingAuthority;
using testing::FakeCard;
using testing::Loss;
using testing::MemoryStates;
using testing::NoProgress;

namespace {

constexpr std::string_view kPlan = R"({
  "name": "test", "objects": {"chuid": true, "ccc": true},
  "slots": [
    {"slot": "9A", "algorithm": "p256", "certificate": {"key_usage": ["digitalSignature"]}},
    {"slot": "9C", "algorithm": "p256", "certificate": {"key_usage": ["nonRepudiation"]}}],
  "management_key": {"algorithm": "aes192", "if_unsupported": "keep"}
})";
constexpr const char* kFactoryKey = "03:010203040506070801020304050607080102030405060708";
constexpr const char* kFreshKey = "0A:A0A1A2A3A4A5A6A7A0A1A2A3A4A5A6A7A0A1A2A3A4A5A6A7";
constexpr std::time_t kNow = 1'800'000'000;

SecretBytes secret(std::string_view text) {
  return SecretBytes{as_bytes(text)};
}

/// One clerk, one card, one authority.
struct Bench {
  Plan plan = parse_plan(kPlan).value();
  Credentials current = factory_credentials();
  NewCredentials fresh;
  FakeCard card;
  CountingAuthority authority;
  MemoryStates states;
  NoProgress progress;
  bool replace = false;
  std::function<bool()> interrupted;

  Bench() {
    fresh.pin = piv::pin_field(as_bytes("471147")).value();
    fresh.puk = piv::pin_field(as_bytes("31415926")).value();
    fresh.management_key = make_management_key(secret("A0A1A2A3A4A5A6A7A0A1A2A3A4A5A6A7A0A1A2A3A4A5A6A7"),
                                               piv::AdminAlgorithm::aes192)
                               .value();
  }

  State begin() const {
    State out = new_state(plan, {"CN=Ada", "", ""}, {true, true, true}, kNow).value();
    out.reader = "reader";
    return out;
  }
  /// As the program does it: what is not in the saved text is forgotten.
  Outcome<std::vector<std::string>> go(bool back = false) {
    State state = states.text.empty() ? begin() : parse_state(states.text).value();
    Desk desk{card, authority, states, progress, interrupted};
    const Job job{plan, current, fresh, replace};
    return back ? roll_back(job, state, desk) : issue(job, state, desk);
  }

  /// Before anything was done to the card it was never really there.
  [[nodiscard]] Exit exit_of_a_lost_card() const {
    return progress.titles.back() == "select PIV" ? Exit::no_card : Exit::interrupted;
  }

  void check_issued() {
    CHECK(card.pin == "343731313437FFFF");
    CHECK(card.puk == "3331343135393236");
    CHECK(card.key == (card.yubico ? kFreshKey : kFactoryKey));
    for (const auto tag : {0x5FC102U, 0x5FC107U, 0x5FC105U, 0x5FC10AU})
      CHECK(card.objects.contains(tag));
    for (const auto& [reference, tag] : {std::pair{0x9A, 0x5FC105U}, std::pair{0x9C, 0x5FC10AU}}) {
      const auto stored = piv::parse_certificate(card.objects.at(tag));
      REQUIRE(stored);
      CHECK(ca::check_certificate(stored->certificate,
                                  card.public_keys.at(static_cast<std::uint8_t>(reference))));
    }
  }
  void check_blank() {
    CHECK(card.pin == "313233343536FFFF");
    CHECK(card.puk == "3132333435363738");
    CHECK(card.key == kFactoryKey);
    CHECK(card.objects.empty());
  }
};

unsigned calls_of_a_whole_issuance() {
  Bench bench;
  REQUIRE(bench.go());
  return bench.card.calls();
}

/// How often one value was presented to one reference.
long count(const std::vector<std::string>& presented, const std::string& value) {
  return std::count(presented.begin(), presented.end(), value);
}

}  // namespace

TEST_CASE("a card is issued: objects, keys, certificates, secrets last") {
  Bench bench;
  const auto warnings = bench.go();
  REQUIRE(warnings);
  CHECK(warnings->empty());
  bench.check_issued();
  CHECK(bench.authority.slots == std::vector<std::string>{"9A", "9C"});
  CHECK(bench.progress.titles.back() == "set the management key");
  CHECK(parse_state(bench.states.text)->finished);
}

TEST_CASE("lost at any call, before or after its effect: resuming completes the card [A2]") {
  const unsigned all = calls_of_a_whole_issuance();
  for (const Loss when : {Loss::before, Loss::after}) {
    for (unsigned call = 1; call <= all; ++call) {
      CAPTURE(call);
      CAPTURE(when == Loss::after);
      Bench bench;
      bench.card.lose_at(call, when);
      const auto first = bench.go();
      REQUIRE_FALSE(first);
      CHECK(first.error().exit == bench.exit_of_a_lost_card());
      bench.card.presented.clear();
      REQUIRE(bench.go());
      bench.check_issued();
      CHECK(bench.authority.slots.size() == 2);  // no certificate is asked for twice
      CHECK(bench.card.pin_tries == 3);
      CHECK(bench.card.puk_tries == 3);
      CHECK(count(bench.card.presented, "81:3132333435363738") <= 1);
    }
  }
}

TEST_CASE("lost at any call: rolling back leaves the card as it came [A2]") {
  const unsigned all = calls_of_a_whole_issuance();
  for (const Loss when : {Loss::before, Loss::after}) {
    for (unsigned call = 1; call <= all; ++call) {
      CAPTURE(call);
      CAPTURE(when == Loss::after);
      Bench bench;
      bench.card.lose_at(call, when);
      REQUIRE_FALSE(bench.go());
      if (bench.states.text.empty()) continue;  // nothing was done
      REQUIRE(bench.go(true));
      bench.check_blank();
    }
  }
}

TEST_CASE("a roll-back that is itself lost at any call is done by rolling back again [A2]") {
  Bench whole;
  REQUIRE(whole.go());
  const unsigned before = whole.card.calls();
  REQUIRE(whole.go(true));
  whole.check_blank();
  const unsigned all = whole.card.calls() - before;
  for (const Loss when : {Loss::before, Loss::after}) {
    for (unsigned call = 1; call <= all; ++call) {
      CAPTURE(call);
      CAPTURE(when == Loss::after);
      Bench bench;
      REQUIRE(bench.go());
      bench.card.lose_at(call, when);
      REQUIRE_FALSE(bench.go(true));
      const auto again = bench.go(true);
      REQUIRE((again ? "" : again.error().what) == "");
      bench.check_blank();
    }
  }
}

TEST_CASE("a disk that refuses at any save: what was done can be resumed [A2]") {
  for (unsigned save = 1; save <= 20; ++save) {
    CAPTURE(save);
    Bench bench;
    bench.states.fail_at = save;
    if (const auto first = bench.go(); !first) CHECK(first.error().exit == Exit::interrupted);
    REQUIRE(bench.go());
    bench.check_issued();
  }
}

TEST_CASE("rolling back says what stays, restores what was there, and leaves what others changed") {
  Bench bench;
  bench.replace = true;
  bench.card.objects[0x5FC107] = {1, 2, 3};
  REQUIRE(bench.go());
  bench.card.objects[0x5FC105] = {9};
  const auto left = bench.go(true);
  REQUIRE(left);
  CHECK(*left ==
        std::vector<std::string>{"the certificate of 9A was changed by somebody else and was left as it is",
                                 "the key in 9A stays until another one replaces it",
                                 "the key in 9C stays until another one replaces it"});
  CHECK(bench.card.objects == std::map<std::uint32_t, Bytes>{{0x5FC105, {9}}, {0x5FC107, {1, 2, 3}}});
  CHECK(bench.go(true).error() == Failure{Exit::usage, "this issuance was rolled back already"});
  CHECK(bench.go().error() == Failure{Exit::usage, "this issuance was rolled back; begin a new one"});
}

TEST_CASE("an authority that fails is exit code 4, and is asked again only for what is missing") {
  Bench bench;
  bench.authority.broken = true;
  CHECK(bench.go().error() == Failure{Exit::ca_failed, "the CA command ended with exit code 3"});
  bench.authority.broken = false;
  REQUIRE(bench.go());
  bench.check_issued();
}

TEST_CASE("a wrong PIN is presented once") {
  Bench bench;
  bench.current.pin = piv::pin_field(as_bytes("999999")).value();
  CHECK(bench.go().error() == Failure{Exit::refused, "wrong value"});
  CHECK(bench.card.presented == std::vector<std::string>{"80:393939393939FFFF"});
}

TEST_CASE("a blocked PIN, an issued card and another card are refused before anything is written") {
  Bench blocked;
  blocked.card.pin_tries = 0;
  CHECK(blocked.go().error().exit == Exit::refused);
  CHECK(blocked.card.objects.empty());

  Bench issued;
  issued.card.objects[0x5FC10A] = {1};
  CHECK(issued.go().error() ==
        Failure{Exit::refused, "this card is issued already; --replace issues it anew"});
  CHECK(issued.states.text.empty());

  Bench other;
  REQUIRE(other.go());
  other.card.objects[0x5FC102] = {1};
  CHECK(other.go().error() ==
        Failure{Exit::refused, "the card in the reader is not the one that this issuance began with"});
}

TEST_CASE("a key that is not the recorded one is made anew, with its certificate") {
  Bench bench;
  bench.authority.broken = true;
  REQUIRE_FALSE(bench.go());
  bench.card.public_keys[0x9A].encoded = {1};
  bench.authority.broken = false;
  const auto warnings = bench.go();
  REQUIRE(warnings);
  CHECK(*warnings ==
        std::vector<std::string>{"9A held another key than this issuance made; a new one was made"});
  bench.check_issued();
}

TEST_CASE("a card that cannot change its management key keeps it, if the plan allows") {
  Bench bench;
  bench.card.yubico = false;
  const auto warnings = bench.go();
  REQUIRE(warnings);
  CHECK(warnings->size() == 1);
  bench.check_issued();
  REQUIRE(bench.go());  // resuming a finished issuance finds everything there
  REQUIRE(bench.go(true));
  bench.check_blank();

  Bench strict;
  strict.card.yubico = false;
  strict.plan.management_key->keep_if_unsupported = false;
  CHECK(strict.go().error() == Failure{Exit::refused, "no such command"});
}

TEST_CASE("an interruption is taken between two steps") {
  Bench bench;
  int left = 4;
  bench.interrupted = [&] { return left-- == 0; };
  CHECK(bench.go().error() == Failure{Exit::interrupted, "interrupted by request"});
  CHECK(bench.progress.titles.size() == 4);
  bench.interrupted = nullptr;
  REQUIRE(bench.go());
  bench.check_issued();
}

TEST_CASE("a management key of 24 octets is tried as 3DES and as AES-192") {
  Bench bench;
  bench.card.key = "0A:010203040506070801020304050607080102030405060708";
  REQUIRE(bench.go());
  bench.check_issued();
  Bench wrong;
  wrong.card.key = "03:FF";
  CHECK(wrong.go().error() == Failure{Exit::refused, "wrong management key"});
}

TEST_CASE("certificates beyond the capacity are compressed, unless the plan forbids it") {
  Bench bench;
  bench.plan.certificate_capacity = 256;
  bench.plan.slots[1].compression = Compression::never;
  REQUIRE(bench.go());
  const auto packed = piv::parse_certificate(bench.card.objects.at(0x5FC105)).value();
  CHECK(packed.compressed);
  CHECK(ca::check_certificate(ca::gunzip(packed.certificate).value(), bench.card.public_keys.at(0x9A)));
  CHECK_FALSE(piv::parse_certificate(bench.card.objects.at(0x5FC10A))->compressed);
}
