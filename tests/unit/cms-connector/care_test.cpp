#include <doctest/doctest.h>

#include <fstream>

#include "cardea/cms/ca/files.h"
#include "cardea/cms/ca/process.h"
#include "cardea/cms/perso/inspect.h"
#include "cardea/cms/perso/recycle.h"
#include "cardea/cms/perso/renew.h"
#include "fake_card.h"
#include "folder.h"

using namespace cardea;
using namespace cardea::cms;
using namespace cardea::cms::perso;
using testing::CountingAuthority;
using testing::FakeCard;
using testing::Folder;
using testing::Loss;
using testing::MemoryStates;
using testing::NoProgress;

namespace {

constexpr std::string_view kPlan = R"({
  "name": "test", "objects": {"chuid": true, "ccc": true, "key_history": {}},
  "slots": [
    {"slot": "9A", "algorithm": "p256", "certificate": {"key_usage": ["digitalSignature"], "upn": true}},
    {"slot": "9D", "algorithm": "p256", "certificate": {"key_usage": ["keyAgreement"], "email": true}}],
  "pin": {"change": false}, "puk": {"change": false}, "management_key": {"change": false}
})";

/// A key out of a test's own memory.
class Keys final : public KeySource {
 public:
  Result<ca::ImportedKey> key_for(const SlotPlan& slot, const piv::Guid&) override {
    ++asked;
    if (!given.contains(slot.slot.reference)) return ca::make_private_key(slot.algorithm);
    return ca::read_private_key(given.at(slot.slot.reference), {});
  }
  std::map<std::uint8_t, std::string> given;
  unsigned asked = 0;
};

/// A card that was issued to Ada.
struct Issued {
  Plan plan = parse_plan(kPlan).value();
  Credentials current = factory_credentials();
  NewCredentials fresh;
  FakeCard card;
  CountingAuthority authority;
  MemoryStates states;
  NoProgress progress;
  Keys keys;

  Issued() {
    State state =
        new_state(plan, {"CN=Ada,O=Trust", "ada@corp.example", "ada@example.org"}, {}, 1'800'000'000).value();
    REQUIRE(go(plan, state));
    authority.slots.clear();
    states.text.clear();
  }
  Outcome<std::vector<std::string>> go(const Plan& what, State& state) {
    Desk desk{card, authority, states, progress, {}};
    return issue({what, current, fresh, false, &keys}, state, desk);
  }
  Outcome<Renewal> plan_it(bool new_keys, std::set<std::uint8_t> slots = {},
                           std::set<std::uint8_t> imported = {}) {
    return plan_renewal(card, {plan, std::move(slots), new_keys, std::move(imported)});
  }
  /// As the program does it: from a plan of renewal, and again from the saved state until it is done.
  void renew_to_the_end(Renewal renewal) {
    renewal.state.reader = "reader";
    auto done = go(renewal.plan, renewal.state);
    for (int i = 0; !done && i < 3; ++i) {
      if (states.text.empty()) {
        done = go(renewal.plan, renewal.state);
      } else {
        State state = parse_state(states.text).value();
        const Plan same = parse_plan(state.plan).value();
        done = go(same, state);
      }
    }
    REQUIRE(done);
  }
  [[nodiscard]] Bytes certificate(std::uint32_t tag) const {
    return piv::parse_certificate(card.objects.at(tag)).value().certificate;
  }
  [[nodiscard]] std::vector<std::string> problems() { return inspect(card, &plan).value().problems; }
};

constexpr std::uint32_t kAuthentication = 0x5FC105, kEncryption = 0x5FC10B, kRetired1 = 0x5FC10D;

}  // namespace

TEST_CASE("renewed for the same keys: new certificates, the same holder, nothing else touched [A2]") {
  Issued office;
  const auto before = office.card.objects;
  const auto keys = office.card.public_keys;
  auto renewal = office.plan_it(false);
  REQUIRE(renewal);
  CHECK(renewal->state.holder == ca::Holder{"CN=Ada,O=Trust", "ada@corp.example", "ada@example.org"});
  office.renew_to_the_end(*std::move(renewal));
  CHECK(office.card.public_keys == keys);
  CHECK(office.authority.slots == std::vector<std::string>{"9A", "9D"});
  CHECK(office.card.objects.at(piv::tag::kChuid) == before.at(piv::tag::kChuid));
  CHECK(office.card.objects.at(kAuthentication) != before.at(kAuthentication));
  CHECK(ca::holder_of(office.certificate(kAuthentication)).value().upn == "ada@corp.example");
  CHECK(office.problems().empty());
}

TEST_CASE(
    "renewed with new keys on a card that moves keys: the old encryption key is kept and counted [A3] "
    "[SP800-73-4/1#3.3]") {
  Issued office;
  office.card.moves_keys = true;
  office.card.version = {5, 7, 0};
  const auto old = office.card.public_keys.at(0x9D);
  const Bytes old_certificate = office.card.objects.at(kEncryption);
  auto renewal = office.plan_it(true);
  REQUIRE(renewal);
  office.renew_to_the_end(*std::move(renewal));
  CHECK(office.card.public_keys.at(0x82) == old);
  CHECK(office.card.public_keys.at(0x9D) != old);
  CHECK(office.card.objects.at(kRetired1) == old_certificate);
  CHECK(piv::parse_key_history(office.card.objects.at(piv::tag::kKeyHistory)).value().on_card == 1);
  CHECK(office.problems().empty());

  // And once more: the next retired slot.
  office.states.text.clear();
  auto again = office.plan_it(true, {0x9D});
  REQUIRE(again);
  office.renew_to_the_end(*std::move(again));
  CHECK(office.card.public_keys.contains(0x83));
  CHECK(piv::parse_key_history(office.card.objects.at(piv::tag::kKeyHistory)).value().on_card == 2);
  CHECK(office.problems().empty());
}

TEST_CASE(
    "a renewal with new keys, lost at any call: the encryption key is in one place or the other, never in "
    "none [A3]") {
  unsigned first = 0, all = 0;
  {
    Issued office;
    office.card.moves_keys = true;
    office.card.version = {5, 7, 0};
    auto renewal = office.plan_it(true);
    first = office.card.calls();
    office.renew_to_the_end(*std::move(renewal));
    all = office.card.calls();
  }
  for (const Loss when : {Loss::before, Loss::after}) {
    for (unsigned call = 1; call <= all - first; ++call) {
      CAPTURE(call);
      CAPTURE(when == Loss::after);
      Issued office;
      office.card.moves_keys = true;
      office.card.version = {5, 7, 0};
      const auto old = office.card.public_keys.at(0x9D);
      auto renewal = office.plan_it(true);
      office.card.lose_at(call, when);
      office.renew_to_the_end(*std::move(renewal));
      CHECK(office.card.public_keys.at(0x82) == old);
      CHECK(office.card.public_keys.at(0x9D) != old);
      CHECK(office.problems().empty());
    }
  }
}

TEST_CASE(
    "a card that cannot move keys: refused before anything is touched, or with a copy of the old key [A3]") {
  Issued office;
  const auto before = office.card.objects;
  const auto refused = office.plan_it(true);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what.find("--import-key 82=FILE") != std::string::npos);
  CHECK(office.card.objects == before);
  CHECK(office.plan_it(true, {0x9A}));
  // The copy is of the key that the card has.
  Issued other;
  const auto key = ca::make_private_key(piv::KeyAlgorithm::p256).value();
  auto renewal = other.plan_it(true, {}, {0x82});
  REQUIRE(renewal);
  State state = renewal->state;
  state.reader = "reader";
  const auto wrong = other.go(renewal->plan, state);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().what == "the certificate for 82 is for another key");
  CHECK(other.card.public_keys.contains(0x9D));
}

TEST_CASE("what cannot be renewed is refused with the reason [A2]") {
  Issued office;
  CHECK(office.plan_it(false, {0x9C}).error().what.find("none of the plan's slots") == 0);
  FakeCard blank;
  CHECK(plan_renewal(blank, {office.plan, {}, false, {}}).error().what.find("this card has no CHUID") == 0);
  // Another card than the one that was planned for.
  auto renewal = office.plan_it(false);
  Issued other;
  State state = renewal->state;
  const auto refused = other.go(renewal->plan, state);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == "the card in the reader is not the one that is to be renewed");
}

TEST_CASE("a renewal that is rolled back leaves the old certificates [A2]") {
  Issued office;
  const auto before = office.card.objects;
  auto renewal = office.plan_it(false);
  renewal->state.reader = "reader";
  REQUIRE(office.go(renewal->plan, renewal->state));
  State state = parse_state(office.states.text).value();
  Desk desk{office.card, office.authority, office.states, office.progress, {}};
  REQUIRE(roll_back({renewal->plan, office.current, office.fresh, false, nullptr}, state, desk));
  CHECK(office.card.objects == before);
}

TEST_CASE("inspecting finds what does not fit together [A3]") {
  Issued office;
  CHECK(office.problems().empty());
  office.card.objects.erase(piv::tag::kCcc);
  office.card.objects[kRetired1] = office.card.objects[kAuthentication];
  office.card.objects.erase(kEncryption);
  const auto found = office.problems();
  CHECK(found == std::vector<std::string>{"the card capability container is missing",
                                          "there are 1 retired certificates, and the key history counts 0",
                                          "9D holds no certificate"});
}

TEST_CASE("recycled by RESET: PIN and PUK are blocked first, and everything is the factory's [A2]") {
  Issued office;
  office.card.pin = "393939393939FFFF";
  const std::function<bool()> never;
  const auto left = recycle({office.current, {}}, office.card, office.progress, never);
  REQUIRE(left);
  CHECK(left->empty());
  CHECK(office.card.objects.empty());
  CHECK(office.card.public_keys.empty());
  CHECK(office.card.pin == "313233343536FFFF");
}

TEST_CASE(
    "recycled without RESET, lost at any call: empty in the end, with what cannot be undone said [A2]") {
  unsigned first = 0, all = 0;
  const std::function<bool()> never;
  {
    Issued office;
    office.card.yubico = false;
    first = office.card.calls();
    const auto left = recycle({office.current, {}}, office.card, office.progress, never);
    REQUIRE(left);
    CHECK(left->size() == 2);
    all = office.card.calls();
  }
  for (unsigned call = 1; call <= all - first; ++call) {
    CAPTURE(call);
    Issued office;
    office.card.yubico = false;
    office.card.lose_at(call, Loss::after);
    const auto cut = recycle({office.current, {}}, office.card, office.progress, never);
    REQUIRE_FALSE(cut);
    CHECK(cut.error().exit == Exit::interrupted);
    REQUIRE(recycle({office.current, {}}, office.card, office.progress, never));
    CHECK(office.card.objects.empty());
    CHECK(office.card.pin == "313233343536FFFF");
  }
}

TEST_CASE("another card than the one that is named is not recycled [A2]") {
  Issued office;
  const std::function<bool()> never;
  const auto refused = recycle({office.current, piv::Guid{1}}, office.card, office.progress, never);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().exit == Exit::refused);
  CHECK_FALSE(office.card.objects.empty());
  CHECK(office.card.pin_tries == 3);
}

TEST_CASE(
    "keys that are made off the card: escrowed first, then imported; certificates of old ones come with them "
    "[A3]") {
  const Folder folder;
  const auto sh = [&](const std::string& line) {
    ca::Process process;
    process.name = "openssl";
    process.arguments = ca::shell("cd " + folder.path().string() + " && " + line);
    process.keep_errors = true;
    const auto ended = ca::run_process(process);
    REQUIRE(ended);
    REQUIRE(ended->status == 0);
    return ended->output;
  };
  sh("openssl req -x509 -newkey rsa:2048 -nodes -keyout safe.key -out safe.pem -subj /CN=safe -days 2 && "
     "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout old.key -out old.pem "
     "-subj /CN=Ada -days 2 && "
     "openssl pkcs12 -export -inkey old.key -in old.pem -out old.p12 -passout pass:open");
  Plan plan = parse_plan(R"({"name": "escrow", "objects": {"chuid": true, "key_history": {}},
    "slots": [{"slot": "82", "algorithm": "p256", "import": "key-and-certificate"},
              {"slot": "9D", "algorithm": "rsa2048", "import": "key", "certificate": {"key_usage": ["keyEncipherment"]}}],
    "pin": {"change": false}, "puk": {"change": false}, "management_key": {"change": false}})")
                  .value();
  CHECK(plan.key_history->on_card == 1);
  EscrowedKeys::Files files;
  files[0x82] = {(folder / "old.p12").string(), SecretBytes{as_bytes("open")}};
  EscrowedKeys keys{std::move(files), ca::Recipients::load({(folder / "safe.pem").string()}).value(),
                    folder / "escrow"};

  Issued office;  // for its card and authority
  FakeCard card;
  State state = new_state(plan, {"CN=Ada", "", ""}, {}, 1'800'000'000).value();
  Desk desk{card, office.authority, office.states, office.progress, {}};
  const auto done = issue({plan, office.current, office.fresh, false, &keys}, state, desk);
  REQUIRE(done);
  CHECK(office.authority.slots == std::vector<std::string>{"9D"});
  CHECK(inspect(card, &plan).value().problems.empty());

  // What the escrow opens is the key that the card has; its name says which key that is.
  sh("openssl cms -decrypt -inform PEM -in escrow/" + guid_text(state.guid) +
     "-9D-*.p7m -inkey safe.key -recip safe.pem -out opened.der");
  std::string digest =
      sh("openssl pkey -inform DER -in opened.der -pubout -outform DER | sha256sum | cut -c1-16 | "
         "tr -d '\\n' | tr a-f A-F");
  const auto copy = folder / ("escrow/" + guid_text(state.guid) + "-9D-" + digest + ".p7m");
  CHECK(std::filesystem::exists(copy));
  const auto again = ca::read_private_key((folder / "opened.der").string(), {}).value();
  CHECK(again.key.public_key == card.public_keys.at(0x9D));
  CHECK(card.public_keys.at(0x82) ==
        ca::read_private_key((folder / "old.key").string(), {}).value().key.public_key);

  // Another key for the same slot of the same card has a copy beside it.
  const std::string before = testing::content(copy);
  REQUIRE(keys.key_for(plan.slots[1], state.guid));
  CHECK(testing::content(copy) == before);
  CHECK(sh("ls escrow/*-9D-*.p7m | wc -l | tr -d '\\n'") == "2");
}

TEST_CASE("key files: PKCS#12 and PKCS#8, with and without passphrase; wrong ones have a sentence [A3]") {
  const Folder folder;
  ca::Process process;
  process.name = "openssl";
  process.arguments = ca::shell("cd " + folder.path().string() + R"( && (
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem
    openssl pkcs8 -topk8 -in rsa.pem -out locked.pem -passout pass:open
    openssl pkcs8 -topk8 -in rsa.pem -outform DER -out locked.der -passout pass:open
    openssl pkcs8 -topk8 -nocrypt -in rsa.pem -outform DER -out rsa.der
    openssl genpkey -algorithm ed25519 -out ed.pem
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3 -out three.pem
    openssl ecparam -name secp384r1 -genkey -noout -out p384.pem
    echo nothing > nothing ))");
  process.keep_errors = true;
  REQUIRE(ca::run_process(process));
  const auto read = [&](const char* file, const char* passphrase) {
    return ca::read_private_key((folder / file).string(), SecretBytes{as_bytes(passphrase)});
  };
  const auto plain = read("rsa.pem", "").value();
  CHECK(plain.key.public_key.algorithm == piv::KeyAlgorithm::rsa2048);
  REQUIRE(plain.key.parts.size() == 5);
  CHECK(plain.key.parts[4].second.size() == 128);
  for (const auto* file : {"locked.pem", "locked.der"}) {
    CAPTURE(file);
    CHECK(read(file, "open").value().key.public_key == plain.key.public_key);
    CHECK(read(file, "wrong").error().code == Errc::denied);
    CHECK(read(file, "").error().what.find("wants a passphrase") != std::string::npos);
  }
  CHECK(read("rsa.der", "").value().key.public_key == plain.key.public_key);
  CHECK(read("p384.pem", "").value().key.parts[0].second.size() == 48);
  CHECK(read("ed.pem", "").error().code == Errc::unsupported);
  CHECK(read("three.pem", "").error().what == "a card takes RSA keys with the exponent 65537 only");
  CHECK(read("nothing", "").error().code == Errc::corrupt);
  CHECK(read("absent", "").error().code == Errc::not_found);
}

TEST_CASE("plans: imports are for encryption keys [A3]") {
  const auto complaint = [](const std::string& slot) {
    const auto plan = parse_plan(R"({"name": "x", "slots": [)" + slot + "]}");
    REQUIRE_FALSE(plan);
    return plan.error().what;
  };
  const std::string more = R"(, "algorithm": "p256", "certificate": {"key_usage": ["keyAgreement"]}})";
  CHECK(
      complaint(R"({"slot": "9A", "import": "key")" + more).find("is for encryption keys: 9D and 82 to 95") !=
      std::string::npos);
  CHECK(complaint(R"({"slot": "9D", "import": "yes")" + more).find("must be key or key-and-certificate") !=
        std::string::npos);
  CHECK(complaint(R"({"slot": "9A", "retire_to": "82")" + more).find("must be 82 to 95, and goes with 9D") !=
        std::string::npos);
}
