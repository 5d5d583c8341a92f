// A card that goes back to its factory state after its issuance gets another secret together with the
// factory's PIN and PUK: both or neither, whatever fails when.

#include "fixture.h"
#include "store_faulty_vfs.h"

namespace cardea::test {
namespace {

using store::test::FaultyVfs;
using Names = std::vector<std::string>;

/// A card whose holder has chosen PIN and PUK, and then blocked both.
struct Blocked : Furnished {
  Blocked() {
    const auto session = opened();
    CHECK(ask(session, 1, "00 A4 04 00 09 A00000030800001000 00").ends_with("9000"));
    CHECK(ask(session, 2, "00 24 00 80 10 313233343536FFFF 363534333231FFFF") == "9000");
    CHECK(ask(session, 3, "00 24 00 81 10 3132333435363738 3837363534333231") == "9000");
    CHECK(holders() == Names{"pin", "puk"});
    for (std::uint64_t n = 4; n < 10; ++n)
      (void)ask(
          session, n,
          n < 7 ? "00 20 00 80 08 393939393939FFFF" : "00 2C 00 80 10 3939393939393939 313233343536FFFF");
    CHECK(status(card::PinRef::application).tries_left == 0);
    CHECK(status(card::PinRef::puk).tries_left == 0);
    must(sessions.close(session.id, session.token));
  }

  service::OpenedSession opened() { return must(sessions.open(caller("ra"), row.id)); }
  std::string ask(const service::OpenedSession& session, std::uint64_t sequence, const char* apdu) {
    const auto reply = sessions.exchange(session.id, session.token, apdus(sequence, {apdu}));
    if (!reply) return reply.error().what;
    return to_hex(must(api::parse_exchange_reply(*reply)).results[0].response);
  }
  card::PinStatus status(card::PinRef ref) { return must(database->pin_records(row.id)->status(ref)); }
  Names holders() { return must(database->secret_holders(row.id)); }
  Bytes public_key() { return must(database->card(row.id)).public_key; }

  store::CardRow row = must(cards.issue({"org", std::nullopt, "piv-yubikey5", "a card"}, "administrator"));
};

}  // namespace

TEST_CASE(
    "factory reset: the card's secret changes with PIN and PUK, or not at all, whatever write fails [B4]") {
  FaultyVfs::install();
  Blocked f;
  const auto before = f.public_key();
  std::string answer;
  unsigned failures = 0;
  for (int n = 1; answer != "9000"; ++n) {
    CAPTURE(n);
    REQUIRE(n < 20);
    const auto session = f.opened();
    REQUIRE(f.ask(session, 1, "00 A4 04 00 09 A00000030800001000 00").ends_with("9000"));
    FaultyVfs::fail_sync(n);
    answer = f.ask(session, 2, "00 FB 00 00");
    FaultyVfs::fail_sync(0);
    f.must(f.sessions.close(session.id, session.token));
    const bool factory = f.status(card::PinRef::application).factory_value;
    CHECK(f.status(card::PinRef::puk).factory_value == factory);
    CHECK((f.public_key() != before) == factory);
    CHECK(f.holders() == (factory ? Names{"issuance", "pin", "puk"} : Names{"pin", "puk"}));
    CHECK((f.status(card::PinRef::application).tries_left == 0) != factory);
    if (answer != "9000") ++failures;
  }
  CHECK(failures > 2);  // records, log, and PINs with the secret
  const auto session = f.opened();
  CHECK(f.ask(session, 1, "00 A4 04 00 09 A00000030800001000 00").ends_with("9000"));
  CHECK(f.ask(session, 2, "00 20 00 80 08 313233343536FFFF") == "9000");
}

}  // namespace cardea::test
