// A PIN login whose proof was lost with its session, and shown in a later one.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cardea/api/opaque.h"
#include "fixture.h"

namespace cardea::test {
namespace {

namespace opaque = api::opaque;
using namespace std::chrono_literals;

using Mac = std::array<std::uint8_t, opaque::kKe3Size>;
constexpr const char* kSelect = "00 A4 04 00 09 A00000030800001000 00";
constexpr const char* kStatus = "00 20 00 80";
constexpr const char* kVerify = "00 20 00 80 08 0000000000000000";
constexpr const char* kReset = "00 2C 00 80 10 00000000000000000000000000000000";
constexpr std::uint8_t kPin = 0x80;
constexpr std::uint8_t kPuk = 0x81;

/// A workstation that opens a session for each thing it does, as if all before had broken off.
struct Workstation {
  Furnished& f;
  std::string card;
  std::string device = "ra";

  /// Opens a login and hears the challenge; what would prove it, if the value is right.
  std::optional<Mac> begin(const char* apdu, std::string_view value) const {
    const auto session = Furnished::must(f.sessions.open(f.caller(device), card, Bytes(32, 0x7A)));
    auto client = Furnished::must(opaque::ClientLogin::start(SecretBytes{as_bytes(value)}));
    const auto request =
        Furnished::must(opaque::ClientRegistration::start(SecretBytes{as_bytes("471147")})).request();
    const bool resets = apdu == kReset;
    const api::Exchange exchange{1,
                                 {api::CommandStep{*from_hex(kSelect)},
                                  api::PinOpeningStep{*from_hex(apdu), client.ke1(),
                                                      resets ? to_bytes(request) : Bytes{}, true, true}}};
    const auto octets = Furnished::must(f.sessions.exchange(session.id, session.token, exchange));
    const auto reply = Furnished::must(api::parse_exchange_reply(octets));
    const auto& challenge = reply.results.back().challenge;
    if (!challenge) return std::nullopt;
    const auto context =
        opaque::encode(opaque::LoginContext{"org", card, resets ? kPuk : kPin, {}, device, Bytes(32, 0x7A)});
    auto done =
        std::move(client).finish(challenge->ke2, context, Furnished::must(opaque::parse_ksf(challenge->ksf)));
    if (!done) return std::nullopt;
    return done->ke3;
  }
  Mac lose() const {
    const auto mac = begin(kVerify, "123456");
    REQUIRE(mac);
    return *mac;
  }
  /// Shows proofs, all in one session; the status words.
  std::vector<std::string> show(const std::vector<Mac>& macs, std::uint8_t reference = kPin) const {
    const auto session = Furnished::must(f.sessions.open(f.caller(device), card, Bytes(32, 0x7B)));
    api::Exchange exchange{1, {}};
    for (const auto& mac : macs)
      exchange.steps.emplace_back(api::LateProofStep{reference, mac});
    exchange.steps.emplace_back(api::CommandStep{*from_hex(kSelect)});
    exchange.steps.emplace_back(api::CommandStep{*from_hex(kStatus)});
    const auto octets = Furnished::must(f.sessions.exchange(session.id, session.token, exchange));
    const auto reply = Furnished::must(api::parse_exchange_reply(octets));
    std::vector<std::string> out;
    for (std::size_t i = 0; i < macs.size(); ++i)
      out.push_back(to_hex(reply.results[i].response));
    // Whatever was shown: nobody is logged in.
    CHECK(to_hex(reply.results.back().response) == (tries() == 0 ? "6983" : "63C" + std::to_string(tries())));
    return out;
  }
  std::string show(const Mac& mac, std::uint8_t reference = kPin) const {
    return show(std::vector<Mac>{mac}, reference).front();
  }
  unsigned tries(card::PinRef ref = card::PinRef::application) const {
    return Furnished::must(f.database->pin_records(card)->status(ref)).tries_left;
  }
};

struct Scene {
  Furnished f{{}, false};
  Workstation at{f, f.issue("ann").id};

  std::ptrdiff_t lines(std::string_view action) { return std::ranges::count(f.actions(at.card), action); }
};

}  // namespace

TEST_CASE("late proof: gives the try back, once, and logs nobody in [C2][C3][F3]") {
  Scene it;
  const auto lost = it.at.lose();
  CHECK(it.at.tries() == 2);
  CHECK(it.at.show(lost) == "9000");
  CHECK(it.at.tries() == 3);
  CHECK_FALSE(it.at.begin(kVerify, "000000"));
  CHECK(it.at.show({lost, lost, lost}) == std::vector<std::string>(3, "6A88"));
  CHECK(it.at.tries() == 2);
  CHECK(it.lines("pin.refund") == 1);
  CHECK(it.lines("pin.refund failed") == 3);
}

TEST_CASE("late proof: a PIN that lost proofs have blocked is open again [C3]") {
  Scene it;
  std::vector<Mac> lost;
  for (int i = 0; i < 3; ++i)
    lost.push_back(it.at.lose());
  CHECK(it.at.tries() == 0);
  CHECK_FALSE(it.at.begin(kVerify, "123456"));
  SUBCASE("the newest is enough") {
    CHECK(it.at.show(lost.back()) == "9000");
  }
  SUBCASE("all in turn") {
    CHECK(it.at.show(lost) == std::vector<std::string>(3, "9000"));
  }
  CHECK(it.at.tries() == 3);
}

TEST_CASE("late proof: a wrong PIN is never refunded, nor is what was guessed after a right one [C3]") {
  Scene it;
  const auto lost = it.at.lose();
  CHECK_FALSE(it.at.begin(kVerify, "000000"));
  CHECK_FALSE(it.at.begin(kVerify, "000001"));
  CHECK(it.at.tries() == 0);
  CHECK(it.at.show(lost) == "9000");
  CHECK(it.at.tries() == 1);
  CHECK_FALSE(it.at.begin(kVerify, "000002"));
  CHECK(it.at.tries() == 0);
  CHECK(it.at.show(lost) == "6A88");
  CHECK(it.at.tries() == 0);
}

TEST_CASE("late proof: what is none costs nothing and gives nothing [C2]") {
  Scene it;
  const auto lost = it.at.lose();
  auto other = lost;
  SUBCASE("one bit is wrong") {
    for (const std::size_t octet : {std::size_t{0}, other.size() - 1}) {
      other = lost;
      other[octet] ^= 1;
      CHECK(it.at.show(other) == "6A88");
    }
  }
  SUBCASE("for another reference") {
    CHECK(it.at.show(lost, kPuk) == "6A88");
    CHECK(it.at.show(lost, 0x00) == "6A88");
  }
  SUBCASE("by another device") {
    CHECK(Workstation{it.f, it.at.card, "anns"}.show(lost) == "6A88");
  }
  SUBCASE("for another card") {
    const Workstation elsewhere{it.f, it.f.issue().id};
    CHECK(elsewhere.show(lost) == "6A88");
    CHECK(elsewhere.tries() == 3);
  }
  CHECK(it.at.tries() == 2);
  CHECK(it.at.tries(card::PinRef::puk) == 3);
  CHECK(it.at.show(lost) == "9000");
}

TEST_CASE("late proof: eight in one session, right or wrong [C2]") {
  Scene it;
  const auto lost = it.at.lose();
  auto wrong = lost;
  wrong[5] ^= 0x40;
  std::vector<Mac> all(8, wrong);
  all.push_back(lost);
  auto answers = std::vector<std::string>(8, "6A88");
  answers.emplace_back("6985");
  CHECK(it.at.show(all) == answers);
  CHECK(it.at.tries() == 2);
  CHECK(it.at.show(lost) == "9000");
}

TEST_CASE("late proof: for 24 hours by the server's clock [C3]") {
  Scene it;
  const auto lost = it.at.lose();
  it.f.clock.advance(24h - 1ms);
  SUBCASE("until then") {
    CHECK(it.at.show(lost) == "9000");
    CHECK(it.at.tries() == 3);
  }
  SUBCASE("not then") {
    it.f.clock.advance(1ms);
    CHECK(it.at.show(lost) == "6A88");
    CHECK(it.at.tries() == 2);
  }
}

TEST_CASE("late proof: void when the PIN was replaced since [C3]") {
  Scene it;
  const auto lost = it.at.lose();
  const auto row =
      Furnished::must(it.f.database->pin_records(it.at.card)->expectation(card::PinRef::application));
  const store::PinRecordUpdate same{card::PinRef::application, row.record, false, {}, {}};
  Furnished::must(it.f.database->pin_records(it.at.card)->replace(std::span{&same, 1}, {}));
  (void)it.at.lose();
  CHECK(it.at.show(lost) == "6A88");
  CHECK(it.at.tries() == 2);
}

TEST_CASE("late proof: of the PUK too [D5]") {
  Scene it;
  const auto lost = it.at.begin(kReset, "12345678");
  REQUIRE(lost);
  CHECK(it.at.tries(card::PinRef::puk) == 2);
  CHECK(it.at.show(*lost, kPuk) == "9000");
  CHECK(it.at.tries(card::PinRef::puk) == 3);
  CHECK(it.at.tries() == 3);
}

TEST_CASE("late proof: the database holds nothing that could be shown as one [B5]") {
  Scene it;
  const auto lost = it.at.lose();
  for (const auto& entry : std::filesystem::directory_iterator{it.f.directory.path}) {
    std::ifstream in{entry.path(), std::ios::binary};
    const std::string content{std::istreambuf_iterator<char>{in}, {}};
    for (std::size_t half : {std::size_t{0}, lost.size() / 2}) {
      const std::string needle{lost.begin() + static_cast<std::ptrdiff_t>(half),
                               lost.begin() + static_cast<std::ptrdiff_t>(half + lost.size() / 2)};
      CHECK(content.find(needle) == std::string::npos);
    }
  }
}

}  // namespace cardea::test
