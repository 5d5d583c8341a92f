#include "cardea/service/card_sessions.h"

#include <atomic>
#include <thread>

#include "fixture.h"

using namespace cardea;
using namespace cardea::test;
using namespace std::chrono_literals;
using service::SessionEnd;

namespace {

constexpr const char* kSelect = "00 A4 04 00 09 A00000030800001000 00";
constexpr const char* kStatus = "00 20 00 80";
constexpr const char* kWrong = "00 20 00 80 08 393939393939FFFF";
constexpr const char* kRight = "00 20 00 80 08 313233343536FFFF";

api::ExchangeReply parsed(const Result<Bytes>& reply) {
  if (!reply) FAIL(reply.error().what);
  return api::parse_exchange_reply(*reply).value();
}

Error error_of(const Result<Bytes>& reply) {
  REQUIRE_FALSE(reply);
  return reply.error();
}

const Error kGone{Errc::not_found, "the card session has ended"};

}  // namespace

TEST_CASE("sessions: who may open which card [D3]") {
  Furnished f;
  const auto hers = f.issue("ann");
  const auto nobodys = f.issue();
  const auto may = [&f](const char* device, const std::string& card) {
    const auto opened = f.sessions.open(f.caller(device), card);
    if (!opened) CHECK(opened.error().code == Errc::not_found);
    return opened.has_value();
  };
  CHECK(may("ra", hers.id));
  CHECK(may("ra", nobodys.id));
  CHECK(may("anns", hers.id));
  CHECK_FALSE(may("bobs", hers.id));
  CHECK_FALSE(may("anns", nobodys.id));
  CHECK_FALSE(may("foreign", hers.id));
  CHECK_FALSE(may("ra", "nix"));
}

TEST_CASE("sessions: the token opens its own session only [C4]") {
  Furnished f;
  const auto card = f.issue();
  const auto a = f.sessions.open(f.caller("ra"), card.id).value();
  const auto b = f.sessions.open(f.caller("ra"), card.id).value();
  CHECK(a.id != b.id);
  CHECK(a.token.size() == 43);  // 256 bits in base64url
  CHECK(error_of(f.sessions.exchange(a.id, b.token, apdus(1, {kStatus}))) == kGone);
  CHECK(error_of(f.sessions.exchange(a.id, "", apdus(1, {kStatus}))) == kGone);
  CHECK(error_of(f.sessions.exchange("nix", a.token, apdus(1, {kStatus}))) == kGone);
  CHECK(f.sessions.close(a.id, b.token).error() == kGone);
  CHECK(f.sessions.exchange(a.id, a.token, apdus(1, {kStatus})));
}

TEST_CASE("sessions: a number runs once, and only the next one runs") {
  Furnished f;
  const auto card = f.issue();
  const auto s = f.sessions.open(f.caller("ra"), card.id).value();
  CHECK(error_of(f.sessions.exchange(s.id, s.token, apdus(0, {kStatus}))).code == Errc::invalid);
  CHECK(error_of(f.sessions.exchange(s.id, s.token, apdus(2, {kStatus}))).code == Errc::conflict);
  const auto first = f.sessions.exchange(s.id, s.token, apdus(1, {kSelect, kWrong})).value();
  CHECK(f.sessions.exchange(s.id, s.token, apdus(1, {kSelect, kWrong})).value() == first);
  const auto reply = parsed(f.sessions.exchange(s.id, s.token, apdus(2, {kStatus})));
  CHECK(reply.sequence == 2);
  CHECK(to_hex(reply.results[0].response) == "63C2");
  CHECK(f.sessions.exchange(s.id, s.token, {3, {}}).has_value());  // nothing to do is done
}

TEST_CASE("sessions: the same number from many threads at once runs once") {
  Furnished f;
  const auto card = f.issue();
  const auto s = f.sessions.open(f.caller("ra"), card.id).value();
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto reply = f.sessions.exchange(s.id, s.token, apdus(1, {kSelect, kWrong}));
      if (reply && to_hex(parsed(reply).results[1].response) == "63C2") ++good;
    });
  }
  for (auto& thread : threads)
    thread.join();
  CHECK(good == 4);
}

TEST_CASE("sessions: state ids name card, generation and volatile state") {
  Furnished f;
  const auto card = f.issue();
  const auto a = f.sessions.open(f.caller("ra"), card.id).value();
  const auto b = f.sessions.open(f.caller("ra"), card.id).value();
  const auto state = [&f](const service::OpenedSession& s, std::uint64_t n, const char* apdu) {
    return parsed(f.sessions.exchange(s.id, s.token, apdus(n, {apdu}))).results[0].state;
  };
  const auto selected = state(a, 1, kSelect);
  CHECK(state(b, 1, kSelect) == selected);  // two sessions in the same state
  CHECK(state(a, 2, kStatus) == selected);  // a pure step that leads nowhere
  const auto verified = state(a, 3, kRight);
  CHECK(verified != selected);
  const auto other = f.issue();
  const auto c = f.sessions.open(f.caller("ra"), other.id).value();
  CHECK(state(c, 1, kSelect) != selected);  // another card
  (void)state(b, 2, kWrong);
  CHECK(state(b, 3, kSelect) != selected);  // the counter is part of the generation
  // A reset brings the volatile state back.
  const auto reset = parsed(f.sessions.exchange(b.id, b.token, {4, {api::ResetStep{}, api::ResetStep{}}}));
  CHECK(reset.results[0].response.empty());
  CHECK(reset.results[0].state == reset.results[1].state);
}

TEST_CASE("sessions: states that a PIN opened have names of their own in each session [C4]") {
  Furnished f;
  const auto card = f.issue();
  const auto a = f.sessions.open(f.caller("ra"), card.id).value();
  const auto b = f.sessions.open(f.caller("ra"), card.id).value();
  // Both before either is looked at: a try spent in one is another generation in the other.
  REQUIRE(f.sessions.exchange(a.id, a.token, apdus(1, {kRight})));
  REQUIRE(f.sessions.exchange(b.id, b.token, apdus(1, {kRight})));
  const auto states = [&f](const service::OpenedSession& s) {
    std::vector<api::StateId> out;
    for (const auto& result :
         parsed(f.sessions.exchange(s.id, s.token, apdus(2, {kStatus, kSelect, "0020FF80", kSelect})))
             .results)
      out.push_back(result.state);
    return out;
  };
  const auto in_a = states(a);
  const auto in_b = states(b);
  CHECK(in_a[0] != in_b[0]);
  CHECK(in_a[0] == in_a[1]);  // one name within the session
  CHECK(in_a[2] == in_b[2]);  // logged out: anybody's state
  CHECK(in_a[2] == in_a[3]);
}

TEST_CASE("sessions: idle ones end after 15 minutes, all after 12 hours [C4]") {
  Furnished f;
  const auto card = f.issue();
  auto s = f.sessions.open(f.caller("ra"), card.id).value();
  f.clock.advance(14min + 59s);
  CHECK(f.sessions.exchange(s.id, s.token, apdus(1, {kStatus})));
  f.clock.advance(14min + 59s);
  CHECK(f.sessions.sweep() == 0);
  f.clock.advance(1s);
  CHECK(error_of(f.sessions.exchange(s.id, s.token, apdus(2, {kStatus}))) == kGone);
  CHECK(f.ear.last_end == SessionEnd::idle);
  CHECK(f.sessions.count() == 0);

  s = f.sessions.open(f.caller("ra"), card.id).value();
  for (std::uint64_t n = 1; n <= 12 * 6 - 1; ++n) {
    f.clock.advance(10min);
    REQUIRE(f.sessions.exchange(s.id, s.token, apdus(n, {kStatus})));
  }
  f.clock.advance(10min);
  CHECK(f.sessions.sweep() == 1);
  CHECK(f.ear.last_end == SessionEnd::lifetime);
}

TEST_CASE("sessions: a limit in all, which nobody gives way for") {
  service::SessionLimits limits;
  limits.all = 3;
  Furnished f{limits};
  const auto card = f.issue("ann");
  const auto first = f.sessions.open(f.caller("ra"), card.id).value();
  REQUIRE(f.sessions.open(f.caller("ra"), card.id));
  REQUIRE(f.sessions.open(f.caller("anns"), card.id));
  CHECK(f.sessions.open(f.caller("anns"), card.id).error() ==
        Error{Errc::exhausted, "the server has no room for another card session"});
  CHECK(f.sessions.count() == 3);
  REQUIRE(f.sessions.close(first.id, first.token));
  CHECK(f.sessions.open(f.caller("anns"), card.id));
}

TEST_CASE("sessions: at its limit a device loses the one that it has left alone for longest [C4]") {
  service::SessionLimits limits;
  limits.per_device = 3;
  Furnished f{limits};
  const auto card = f.issue("ann");
  const auto others = f.sessions.open(f.caller("anns"), card.id).value();
  std::uint64_t next = 0;
  const auto answers = [&](const service::OpenedSession& s, const char* apdu) {
    for (const auto& now : f.sessions.list())
      if (now.id == s.id) next = now.exchanges + 1;
    return f.sessions.exchange(s.id, s.token, apdus(next, {apdu})).has_value();
  };
  const auto open = [&] {
    f.clock.advance(1s);
    return f.sessions.open(f.caller("ra"), card.id).value();
  };
  const auto holders = open();
  CHECK(answers(holders, kSelect));
  CHECK(answers(holders, kRight));
  const auto used = open();
  const auto left_alone = open();
  f.clock.advance(1s);
  CHECK(answers(used, kStatus));

  // Neither the oldest, in which the holder has logged in, nor the one that was used last.
  const auto fourth = open();
  CHECK(f.ear.last_end == SessionEnd::displaced);
  CHECK(service::name(SessionEnd::displaced) == "displaced by another session of the device");
  CHECK(error_of(f.sessions.exchange(left_alone.id, left_alone.token, apdus(1, {kStatus}))) == kGone);
  CHECK(f.sessions.count() == 4);
  for (const auto* kept : {&holders, &used, &fourth})
    CHECK(answers(*kept, kStatus));

  // One that is refused displaces nobody.
  const auto blocked = f.issue("bob");
  REQUIRE(f.cards.block(blocked.id, "administrator"));
  CHECK(f.sessions.open(f.caller("ra"), blocked.id).error() == Error{Errc::denied, "the card is blocked"});
  for (const auto* kept : {&holders, &used, &fourth})
    CHECK(answers(*kept, kStatus));

  // With the holder logged in everywhere it is the longest unused one all the same.
  CHECK(answers(used, kRight));
  f.clock.advance(1s);
  CHECK(answers(fourth, kRight));
  f.clock.advance(1s);
  CHECK(answers(used, kStatus));
  CHECK(answers(holders, kStatus));
  const auto fifth = open();
  CHECK_FALSE(answers(fourth, kStatus));
  for (const auto* kept : {&holders, &used, &fifth, &others})
    CHECK(answers(*kept, kStatus));
}

TEST_CASE("sessions: an agent that crashes and comes back as often as it likes is never refused [C4]") {
  Furnished f;
  const auto card = f.issue("ann");
  for (int n = 0; n < 200; ++n)
    REQUIRE(f.sessions.open(f.caller("anns"), card.id));
  CHECK(f.sessions.count() == 64);
  CHECK(f.sessions.end_all_of_device("anns") == 64);
}

TEST_CASE("sessions: block, unblock, delete, revoke [D9]") {
  Furnished f;
  const auto card = f.issue("ann");
  const auto s = f.sessions.open(f.caller("anns"), card.id).value();
  SUBCASE("block") {
    REQUIRE(f.cards.block(card.id, "administrator"));
    CHECK(f.ear.last_end == SessionEnd::card_blocked);
    CHECK(f.sessions.open(f.caller("ra"), card.id).error() == Error{Errc::denied, "the card is blocked"});
    CHECK(f.sessions.count() == 0);  // the refused one is not counted either
    REQUIRE(f.cards.unblock(card.id, "administrator"));
    CHECK(f.sessions.open(f.caller("ra"), card.id));
  }
  SUBCASE("assign") {
    REQUIRE(f.cards.assign(card.id, "bob", "administrator"));
    CHECK(f.ear.last_end == SessionEnd::card_assigned);
    CHECK(service::name(SessionEnd::card_assigned) == "card assigned");
    CHECK(f.sessions.open(f.caller("anns"), card.id).error().code == Errc::not_found);
    CHECK(f.sessions.open(f.caller("bobs"), card.id));
  }
  SUBCASE("delete") {
    REQUIRE(f.cards.remove(card.id, "administrator"));
    CHECK(f.ear.last_end == SessionEnd::card_deleted);
    CHECK(f.sessions.open(f.caller("ra"), card.id).error().code == Errc::not_found);
  }
  SUBCASE("revoke") {
    const auto who = f.caller("anns");
    REQUIRE(f.database->revoke_device("anns", f.clock.now()));
    f.devices.revoked("anns");
    CHECK(f.sessions.end_all_of_device("anns") == 1);
    CHECK(f.ear.last_end == SessionEnd::device_revoked);
    CHECK(f.sessions.open(who, card.id).error().code == Errc::denied);
  }
  CHECK(error_of(f.sessions.exchange(s.id, s.token, apdus(1, {kStatus}))) == kGone);
}
