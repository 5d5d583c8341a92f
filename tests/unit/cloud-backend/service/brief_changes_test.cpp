// Somebody with the database's file changes a row for just as long as the server reads it, and puts it right
// again: nothing of it is used or kept.

#include "cardea/api/opaque.h"
#include "cardea/service/card_secrets.h"
#include "cardea/service/integrity.h"
#include "fixture.h"
#include "intruder.h"
#include "tamper_attacks.h"

namespace cardea::test {
namespace {

constexpr const char* kVerify = "00 20 00 80 08 313233343536FFFF";

/// A server that has begun to log its changes, with a card of Ann's.
struct Begun : Furnished {
  Begun() { integrity.tick(); }

  /// The row with another value in this column.
  Edit changed(const std::string& table, const Record& row, const std::string& column) {
    const auto columns = intruder.schema().at(table);
    const auto at = static_cast<std::size_t>(std::ranges::find(columns, column, &Intruder::Column::name) -
                                             columns.begin());
    // Without a public key a card's keys would have no passcode layer.
    const audit::Value other = column == "public_key" ? audit::Value{} : flipped(row[at], columns[at].type);
    return {{{table, {row}, {with(row, at, other)}}}};
  }

  store::CardRow victim = issue("ann");
  service::Integrity integrity{
      world,
      sessions,
      {directory / "witness", directory / "cosigned", nullptr, false, "cardea.invalid/changes"},
      [](const char*, const std::string&) {}};
  Intruder intruder{directory / "cardea.db"};
};

/// Lets somebody in when it is asked next.
class Interrupted final : public card::Rng {
 public:
  explicit Interrupted(card::Rng& rng) : rng_{rng} {}
  void fill(std::span<std::uint8_t> out) override {
    if (const auto now = std::exchange(next, {})) now();
    rng_.fill(out);
  }
  std::function<void()> next;

 private:
  card::Rng& rng_;
};

/// A card's PINs, the first look at which is at somebody else's record.
class Misread final : public store::PinRecords {
 public:
  Misread(std::unique_ptr<store::PinRecords> real, store::PinRecord other)
      : real_{std::move(real)}, other_{std::move(other)} {}

  Result<store::PinExpectation> expectation(card::PinRef ref) override {
    CARDEA_TRY(auto expected, real_->expectation(ref));
    if (other_) expected.record = *std::exchange(other_, {});
    return expected;
  }
  Result<card::PinStatus> status(card::PinRef ref) override { return real_->status(ref); }
  Result<store::PinAttempt> spend(card::PinRef ref) override { return real_->spend(ref); }
  Result<store::PinAttempt> spend(card::PinRef ref, const store::AwaitedProof& proof) override {
    return real_->spend(ref, proof);
  }
  Result<card::PinVerdict> refund(card::PinRef ref, const store::ProofDigest& digest,
                                  store::Time now) override {
    return real_->refund(ref, digest, now);
  }
  Result<card::PinVerdict> forgive(card::PinRef ref, const store::PinAttempt& attempt) override {
    return real_->forgive(ref, attempt);
  }
  Result<void> replace(std::span<const store::PinRecordUpdate> updates, const Bytes& key) override {
    return real_->replace(updates, key);
  }
  Result<void> renew(std::span<const store::PinRecordUpdate> updates, const Bytes& key,
                     const store::NewSecret& secret) override {
    return real_->renew(updates, key, secret);
  }
  Result<void> recover(const store::PinRecordUpdate& update, const Bytes& key,
                       const store::RecoveryEnd& end) override {
    return real_->recover(update, key, end);
  }

 private:
  std::unique_ptr<store::PinRecords> real_;
  std::optional<store::PinRecord> other_;
};

}  // namespace

TEST_CASE("[B8] a card's row that is somebody else's only while a session is opened makes no session") {
  Begun f;
  Interrupted rng{f.rng};
  const service::World world{*f.database, f.vault, f.devices, f.crypto, f.cipher, f.clock, rng, f.ear};
  service::CardSessions sessions{world, {}, Furnished::pins_taken(true)};
  const auto row = f.intruder.rows("cards", "id = '" + f.victim.id + "'").at(0);
  for (const std::string name : {"label", "public_key", "issuance"}) {
    INFO(name);
    const auto edit = f.changed("cards", row, name);
    f.intruder.make(edit);
    rng.next = [&] { f.intruder.undo(edit); };
    const auto opened = sessions.open(f.caller("anns"), f.victim.id);
    if (std::exchange(rng.next, {})) f.intruder.undo(edit);
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error() == Error{Errc::corrupt, "card " + f.victim.id +
                                                     " is frozen: table cards, row number=1 was changed, and "
                                                     "not by the server"});
  }
}

TEST_CASE("[B8] records that are somebody else's only while a session begins are not kept") {
  Begun f;
  const auto rows = f.intruder.rows("records");
  CHECK(rows.size() > 2);
  for (const auto& row : rows) {
    const auto session = f.must(f.sessions.open(f.caller("anns"), f.victim.id));
    const auto edit = f.changed("records", row, "value");
    f.intruder.make(edit);
    (void)f.sessions.exchange(session.id, session.token, apdus(1, {kVerify}));
    f.intruder.undo(edit);
    // As the session's card has it.
    const card::RecordId id{static_cast<card::RecordSpace>(std::get<std::int64_t>(row[1])),
                            static_cast<std::uint32_t>(std::get<std::int64_t>(row[2]))};
    CHECK(f.must(f.database->card_store(f.victim.id)->get(id)) == std::get<Bytes>(row[3]));
    f.integrity.tick();
    const auto frozen = f.must(f.database->changes().frozen(f.victim.id));
    REQUIRE(frozen.has_value());
    CHECK(frozen->reason.starts_with("table records, row card=1 "));
    CHECK(f.sessions.count() == 0);
    f.must(f.database->changes().thaw(f.victim.id));
  }
}

TEST_CASE(
    "[B8] a card's public key that is somebody else's while a key is made has nothing sealed to it [B4]") {
  Begun f;
  service::CardSecrets secrets{f.world};
  service::HeldSecret held{f.world, secrets, "org", f.victim.id};
  CHECK(to_bytes(f.must(held.card_key())) == f.victim.public_key);
  const auto row = f.intruder.rows("cards", "id = '" + f.victim.id + "'").at(0);
  const auto at = std::ranges::find(row, audit::Value{f.victim.public_key}) - row.begin();
  const Edit edit{{{"cards", {row}, {with(row, static_cast<std::size_t>(at), Bytes(32, 9))}}}};
  f.intruder.make(edit);
  CHECK(held.card_key().error().code == Errc::corrupt);
  f.intruder.undo(edit);
  CHECK(to_bytes(f.must(held.card_key())) == f.victim.public_key);
}

TEST_CASE("[B8] a PIN's record that is somebody else's only while a login is opened opens none") {
  Furnished f;
  const auto card = f.issue();
  const auto others = f.issue();
  const auto ref = card::PinRef::application;
  auto record = f.must(f.database->pin_records(others.id)->expectation(ref)).record;
  service::PinKeyring keyring{f.vault};
  service::Pins pins{std::make_unique<Misread>(f.database->pin_records(card.id), std::move(record)),
                     {[&keyring] { return keyring.of("org"); }, f.clock, f.rng, nullptr},
                     "org",
                     card.id,
                     Furnished::pins_taken(false)};
  const auto client = f.must(api::opaque::ClientLogin::start(SecretBytes{as_bytes("123456")}));
  const card::PinEvidence opening{card::PinOpening{to_bytes(client.ke1()), {}}};
  const auto opened = pins.verify(ref, opening);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error() == Error{Errc::corrupt, "the PIN's record was not the server's"});
  CHECK_FALSE(pins.take_challenge());
  CHECK(f.must(pins.status(ref)).tries_left == 2);
  CHECK(f.must(pins.verify(ref, opening)).open);
  CHECK(pins.take_challenge());
}

}  // namespace cardea::test
