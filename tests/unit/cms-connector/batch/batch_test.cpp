#include "cardea/cms/batch/batch.h"

#include <doctest/doctest.h>

#include "../fake_card.h"
#include "../folder.h"
#include "cardea/cms/ca/files.h"
#include "cardea/cms/ca/process.h"

using namespace cardea;
using namespace cardea::cms;
using namespace cardea::cms::batch;
using perso::Exit;
using testing::CountingAuthority;
using testing::FakeCard;
using testing::Loss;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPlan = R"({
  "name": "test", "objects": {"chuid": true},
  "slots": [{"slot": "9A", "algorithm": "p256", "certificate": {"key_usage": ["digitalSignature"]}}],
  "management_key": {"algorithm": "aes192", "if_unsupported": "keep"}
})";

class FakeSeat final : public Seat {
 public:
  explicit FakeSeat(piv::Card& card) : card_{card} {}
  piv::Card& card() override { return card_; }
  [[nodiscard]] std::string reader() const override { return "reader"; }

 private:
  piv::Card& card_;
};

/// A box of cards; one is in the reader. A finished one is put aside, a lost one comes back.
class Box final : public CardSource {
 public:
  explicit Box(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      cards.push_back(std::make_unique<FakeCard>());
      cards.back()->serial = static_cast<std::uint32_t>(100 + i);
    }
  }
  Result<std::unique_ptr<Seat>> next(const Wanted& wanted) override {
    reasons.push_back(wanted.why);
    if (asked != nullptr && ++*asked == stop_at)
      return fail(Errc::unavailable, "the program was killed here");
    if (wanted.why != Why::first && wanted.why != Why::lost) ++at;
    if (at >= cards.size()) return fail(Errc::denied, "no further card");
    return std::make_unique<FakeSeat>(*cards[at]);
  }
  std::vector<std::unique_ptr<FakeCard>> cards;
  std::size_t at = 0;
  std::vector<Why> reasons;
  unsigned* asked = nullptr;
  unsigned stop_at = 0;
};

/// Keeps the record as text; can be killed at any save, before or after it.
class MemoryRecord final : public RecordStore {
 public:
  Result<void> save(const Record& record) override {
    ++saves;
    if (fail_at != 0 && saves == fail_at) return fail(Errc::unavailable, "disk full");
    text = to_text(record);
    return {};
  }
  std::string text;
  unsigned saves = 0, fail_at = 0;
};

class Notes final : public Listener {
 public:
  void person(std::size_t, std::size_t, const Entry& entry, bool resumed) override {
    said.push_back((resumed ? "resumed " : "begun ") + display_name(entry.person));
  }
  void issued(const Entry& entry, std::chrono::milliseconds, const std::vector<std::string>&) override {
    said.push_back("issued " + display_name(entry.person));
  }
  void not_issued(const Entry& entry, const std::string& why) override {
    said.push_back("failed " + display_name(entry.person) + ": " + why);
  }
  void remark(const std::string& sentence) override { said.push_back(sentence); }
  void begin(std::size_t, std::size_t, const std::string&) override {}
  void done(const std::string&) override {}
  void failed() override {}
  std::vector<std::string> said;
  [[nodiscard]] bool has(const std::string& part) const {
    return std::any_of(said.begin(), said.end(),
                       [&](const std::string& line) { return line.find(part) != std::string::npos; });
  }
};

/// An office with a box of cards and three people.
struct Office {
  testing::Folder place;
  Folder folder{place / "batch"};
  perso::Plan plan = perso::parse_plan(kPlan).value();
  perso::Credentials current = perso::factory_credentials();
  Box box{6};
  CountingAuthority authority;
  MemoryRecord store;
  Notes notes;
  bool keep_going = false, retry_failed = false, give_up = false;
  std::function<bool()> interrupted;

  Office() {
    REQUIRE(folder.make());
    store.text = to_text(new_record(plan.text, read_people("cn\nAda\nBen\nCid\n").value()));
  }
  /// As the program does it: what is not in the saved text is forgotten.
  perso::Outcome<Tally> go() {
    Record record = parse_record(store.text).value();
    const Terms terms{plan, current, keep_going, retry_failed, give_up, 1'800'000'000};
    Tools tools{box, authority, store, folder, notes, interrupted};
    return run(record, terms, tools);
  }
  [[nodiscard]] std::vector<Entry> entries() const { return parse_record(store.text).value().entries; }

  /// Everybody has a card of their own, whole, with the secrets that the files say; no card beside these was
  /// touched.
  void check_all_issued() {
    std::set<std::string> guids;
    for (const auto& entry : entries()) {
      CHECK(entry.stage == Stage::done);
      CHECK(guids.insert(entry.guid).second);
      CHECK(entry.certificates.size() == 1);
    }
    std::size_t whole = 0;
    for (const auto& card : box.cards) {
      if (card->objects.empty()) {
        CHECK(card->pin == "313233343536FFFF");
        continue;
      }
      ++whole;
      const auto guid = perso::guid_text(piv::chuid_guid(card->objects.at(piv::tag::kChuid)).value());
      CHECK(guids.contains(guid));
      CHECK(card->objects.contains(0x5FC105));
      CHECK(card->pin != "313233343536FFFF");
      const auto secrets = perso::read_secrets_file(folder.secrets(guid), plan);
      REQUIRE(secrets);
      CHECK(card->pin == to_hex(secrets->pin->expose()));
      CHECK(card->puk == to_hex(secrets->puk->expose()));
    }
    CHECK(whole == entries().size());
  }
};

}  // namespace

TEST_CASE("three people, three cards, in order [A2] [A3]") {
  Office office;
  const auto tally = office.go();
  REQUIRE(tally);
  CHECK(tally->done == 3);
  office.check_all_issued();
  CHECK(office.notes.said == std::vector<std::string>{"begun Ada", "issued Ada", "begun Ben", "issued Ben",
                                                      "begun Cid", "issued Cid"});
  CHECK(office.box.reasons == std::vector<Why>{Why::first, Why::issued, Why::issued});
  CHECK(office.entries()[1].serial == 101U);
  REQUIRE(office.go());
  CHECK(office.box.reasons.size() == 3);
}

TEST_CASE("a card is lost at any call, before or after its effect: the same one is finished [A2]") {
  unsigned all = 0;
  {
    Office office;
    REQUIRE(office.go());
    all = office.box.cards[1]->calls();
  }
  for (const Loss when : {Loss::before, Loss::after}) {
    for (unsigned call = 1; call <= all; ++call) {
      CAPTURE(call);
      CAPTURE(when == Loss::after);
      Office office;
      office.box.cards[1]->lose_at(call, when);
      REQUIRE(office.go());
      office.check_all_issued();
      CHECK(std::count(office.box.reasons.begin(), office.box.reasons.end(), Why::lost) == 1);
    }
  }
}

TEST_CASE("the record cannot be written at any save: nothing is lost, nobody gets two cards [A2]") {
  unsigned all = 0;
  {
    Office office;
    REQUIRE(office.go());
    all = office.store.saves;
  }
  REQUIRE(all == 6);
  for (unsigned save = 1; save <= all; ++save) {
    CAPTURE(save);
    Office office;
    office.store.fail_at = save;
    const auto first = office.go();
    REQUIRE_FALSE(first);
    CHECK(first.error().exit == Exit::interrupted);
    REQUIRE(office.go());
    office.check_all_issued();
  }
}

TEST_CASE(
    "killed while a card is wanted, with the finished one still in the reader: it is known again [A2]") {
  Office office;
  unsigned asked = 0;
  office.box.asked = &asked;
  office.box.stop_at = 2;
  const auto first = office.go();
  REQUIRE_FALSE(first);
  CHECK(first.error().exit == Exit::no_card);
  REQUIRE(office.go());
  CHECK(office.box.reasons ==
        std::vector<Why>{Why::first, Why::issued, Why::first, Why::issued, Why::issued});
  office.check_all_issued();
}

TEST_CASE("the authority fails: the batch ends with its exit code, and goes on with the same card [A2]") {
  Office office;
  office.authority.broken = true;
  const auto first = office.go();
  REQUIRE_FALSE(first);
  CHECK(first.error().exit == Exit::ca_failed);
  CHECK(office.entries()[0].stage == Stage::issuing);
  CHECK(office.entries()[0].reason == "the CA command ended with exit code 3");
  office.authority.broken = false;
  REQUIRE(office.go());
  office.check_all_issued();
  CHECK(office.notes.has("resumed Ada"));
}

TEST_CASE(
    "with --keep-going the others get theirs, and the failed card is finished when it comes again [A2]") {
  Office office;
  office.keep_going = true;
  office.box.cards[0]->key = "03:000000000000000000000000000000000000000000000000";
  auto tally = office.go();
  REQUIRE(tally);
  CHECK(tally->done == 2);
  CHECK(tally->failed == 1);
  CHECK(office.entries()[0].stage == Stage::failed);
  CHECK(office.entries()[0].reason.find("wrong management key") != std::string::npos);
  REQUIRE(office.go());
  CHECK(office.box.reasons.back() == Why::issued);  // nobody is left who may be tried

  office.retry_failed = true;
  office.box.at = 4;
  tally = office.go();
  REQUIRE(tally);
  CHECK(tally->failed == 0);
  office.check_all_issued();
}

TEST_CASE("cards that somebody else issued, or that hold certificates, are left alone [A2]") {
  Office office;
  office.box.cards[0]->objects[piv::tag::kChuid] =
      piv::encode_chuid({to_bytes(piv::non_federal_fasc_n()), piv::Guid{1}, "20300101"});
  office.box.cards[1]->objects[0x5FC105] = Bytes{0x70, 0x00};
  const auto tally = office.go();
  REQUIRE(tally);
  CHECK(tally->done == 3);
  CHECK(office.notes.has("is issued already (01000000000000000000000000000000), and not by this batch"));
  CHECK(office.notes.has("the card holds certificates, but not by this batch"));
  CHECK(office.box.reasons ==
        std::vector<Why>{Why::first, Why::refused, Why::refused, Why::issued, Why::issued});
  CHECK(office.box.cards[0]->objects.size() == 1);
  CHECK(office.box.cards[1]->objects.size() == 1);
}

TEST_CASE("a half issued card comes first; another one is refused unless it was given up [A2]") {
  Office office;
  office.authority.broken = true;
  REQUIRE_FALSE(office.go());
  office.authority.broken = false;
  const std::string half = office.entries()[0].guid;

  office.box.at = 1;  // somebody put in another card
  auto again = office.go();
  REQUIRE_FALSE(again);
  CHECK(again.error().exit == Exit::no_card);
  CHECK(office.notes.has("the card of Ada (line 2) was begun (" + half + ") and comes first"));
  for (std::size_t i = 1; i < office.box.cards.size(); ++i)
    CHECK(office.box.cards[i]->objects.empty());

  office.give_up = true;
  office.box.at = 1;
  again = office.go();
  REQUIRE(again);
  CHECK(again->done == 3);
  CHECK(office.entries()[0].given_up == std::vector<std::string>{half});
  CHECK(office.entries()[0].guid != half);

  // And when the card turns up again it is not taken for a new one.
  office.store.text = to_text([&] {
    Record record = parse_record(office.store.text).value();
    record.entries[2].stage = Stage::pending;
    record.entries[2].guid.clear();
    return record;
  }());
  office.box.at = 0;
  office.notes.said.clear();
  (void)office.go();
  CHECK(office.notes.has("was given up half issued for Ada (line 2); recycle it first"));
}

TEST_CASE("cards without serial numbers: one that was begun is told by its CHUID [A2]") {
  unsigned all = 0;
  {
    Office office;
    for (auto& card : office.box.cards)
      card->yubico = false;
    REQUIRE(office.go());
    all = office.box.cards[0]->calls();
  }
  for (unsigned call = 1; call <= all; ++call) {
    CAPTURE(call);
    Office office;
    for (auto& card : office.box.cards)
      card->yubico = false;
    office.box.cards[0]->lose_at(call, Loss::before);
    REQUIRE(office.go());
    office.check_all_issued();
  }
}

TEST_CASE("sealed secrets: the envelope is there before the card is done, and nothing readable after [B9]") {
  Office office;
  Record record = parse_record(office.store.text).value();
  record.seal_to = "no certificate";
  office.store.text = to_text(record);
  const auto refused = office.go();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().exit == Exit::usage);
  CHECK(refused.error().what == "there is no certificate (PEM) to seal for");
  CHECK(office.box.cards[0]->objects.empty());
}

TEST_CASE("sealed secrets of a card that is given up: the envelope stays, nothing readable does [B9]") {
  Office office;
  ca::Process process;
  process.name = "openssl";
  process.arguments =
      ca::shell("cd " + office.place.path().string() +
                " && openssl req -x509 -newkey rsa:2048 -nodes -keyout safe.key -out safe.pem "
                "-subj /CN=safe -days 2");
  process.keep_errors = true;
  REQUIRE(ca::run_process(process)->status == 0);
  Record record = parse_record(office.store.text).value();
  record.seal_to = testing::content(office.place / "safe.pem");
  office.store.text = to_text(record);
  office.authority.broken = true;
  REQUIRE_FALSE(office.go());
  office.authority.broken = false;
  const std::string half = office.entries()[0].guid;
  const std::string secrets = testing::content(office.folder.secrets(half));
  REQUIRE_FALSE(secrets.empty());

  office.give_up = true;
  office.box.at = 1;
  REQUIRE(office.go());
  REQUIRE(office.entries()[0].given_up == std::vector<std::string>{half});
  CHECK(fs::exists(office.folder.sealed(half)));
  CHECK_FALSE(fs::exists(office.folder.secrets(half)));

  // What an earlier run left is taken away, too, and sealed first where it was not.
  for (const bool sealed : {true, false}) {
    CAPTURE(sealed);
    REQUIRE(ca::replace_file(office.folder.secrets(half), secrets, 0600));
    if (!sealed) fs::remove(office.folder.sealed(half));
    REQUIRE(office.go());
    CHECK_FALSE(fs::exists(office.folder.secrets(half)));
    process.arguments =
        ca::shell("cd " + office.place.path().string() + " && openssl cms -decrypt -binary -inform PEM -in " +
                  office.folder.sealed(half).string() + " -inkey safe.key -recip safe.pem");
    CHECK(ca::run_process(process)->output == secrets);
  }
}

TEST_CASE("secrets that are gone: the card cannot be finished, and the sentence says which file [A2]") {
  Office office;
  office.authority.broken = true;
  REQUIRE_FALSE(office.go());
  office.authority.broken = false;
  fs::remove(office.folder.secrets(office.entries()[0].guid));
  const auto refused = office.go();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what.find(".secrets is gone: the card cannot be finished without it") !=
        std::string::npos);
}

TEST_CASE("interrupted by request between two cards and in the middle of one [A2]") {
  Office office;
  unsigned polls = 0;
  for (unsigned at = 1; at < 60; at += 7) {
    CAPTURE(at);
    Office one;
    polls = 0;
    one.interrupted = [&] { return ++polls >= at; };
    const auto stopped = one.go();
    if (!stopped) CHECK(stopped.error().exit == Exit::interrupted);
    one.interrupted = {};
    REQUIRE(one.go());
    one.check_all_issued();
  }
}

TEST_CASE("a plan without a CHUID is no plan for a batch [A2]") {
  Office office;
  office.plan.chuid.reset();
  const auto refused = office.go();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().exit == Exit::usage);
}

TEST_CASE("a card that is lost again and again ends the batch [A2]") {
  Office office;
  office.box.cards[0]->always_lost = true;
  const auto stopped = office.go();
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().exit == Exit::interrupted);
  CHECK(stopped.error().what.find("the card was lost 11 times") == 0);
}
