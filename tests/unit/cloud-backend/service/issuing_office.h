#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cardea/service/issuing.h"
#include "cardea/test/block_cipher.h"
#include "certificates.h"
#include "fixture.h"

namespace cardea::test {

using Texts = std::vector<std::string>;

constexpr const char* kPin = "00 24 00 80 10 313233343536FFFF 373934363133FFFF";
constexpr const char* kKnown = "010203040506070801020304050607080102030405060708";
constexpr const char* kPuk = "00 24 00 81 10 3132333435363738 3837363534333231";

/// The furnished server, with a registration authority at "ra" and another one of the same organisation at
/// "ra2".
struct Office : Furnished {
  /// Cards of these tests keep the factory's management key, except where that is what a test is about.
  static service::FactoryValues factory_key() {
    service::FactoryValues known;
    known.management_key = true;
    return known;
  }
  explicit Office(service::IssuingOptions options = {}, service::FactoryValues known = factory_key())
      : issuing{world, sessions, cards, std::move(options)} {
    factory_values = std::move(known);
    add_device("ra2", "org", std::nullopt, store::DeviceRole::registrar);
  }

  store::CardRow blank(const std::string& request, const char* device = "ra") {
    return must(issuing.blank(caller(device), {request, "piv-nist", ""}));
  }
  Error refused(const std::string& request, const char* device = "ra") {
    const auto row = issuing.blank(caller(device), {request, "piv-nist", ""});
    REQUIRE_FALSE(row);
    return row.error();
  }
  store::Issuance issuance(const std::string& card) { return must(database->card(card)).issuance; }

  /// One APDU after the other, in a session of its own.
  Texts talk(const std::string& card, const Texts& commands, const char* device = "ra") {
    const auto session = must(sessions.open(caller(device), card));
    Texts answers;
    std::uint64_t sequence = 0;
    for (const auto& command : commands)
      answers.push_back(ask(session, ++sequence, command));
    must(sessions.close(session.id, session.token));
    return answers;
  }
  std::string ask(const service::OpenedSession& session, std::uint64_t sequence, const std::string& apdu) {
    const auto reply = sessions.exchange(session.id, session.token, apdus(sequence, {apdu.c_str()}));
    return reply ? to_hex(must(api::parse_exchange_reply(*reply)).results[0].response) : reply.error().what;
  }

  /// A P-256 key in the slot, made by a management system that knows the factory's management key; its point.
  Bytes generate(const std::string& card, const std::string& slot, const char* device = "ra") {
    const auto session = must(sessions.open(caller(device), card));
    authenticate(session);
    const auto made = ask(session, 3, "004700" + slot + "05AC03800111");
    REQUIRE(made.ends_with("9000"));
    must(sessions.close(session.id, session.token));
    return from_hex(made.substr(10, 130)).value();  // 7F49 43 86 41 point
  }
  /// Steps 1 and 2 of the session: with the factory's management key.
  void authenticate(const service::OpenedSession& session) {
    const auto challenge = ask(session, 1, "0087039B047C028100");
    const auto answer = ecb_encrypt(card::Algorithm::tdes, from_hex(kKnown).value(),
                                    from_hex(challenge.substr(8, 16)).value());
    REQUIRE(ask(session, 2, "0087039B0C7C0A8208" + to_hex(*answer)) == "9000");
  }
  void put(const std::string& card, std::uint32_t tag, const Bytes& object) {
    const card::Change change{{card::RecordSpace::object, tag}, object};
    must(database->card_store(card)->commit({&change, 1}));
  }
  /// Key and certificate; 9A, 9C or 9D.
  void certify(const std::string& card, const std::string& slot, const Wanted& wanted,
               const char* device = "ra") {
    const std::uint32_t tag = slot == "9A" ? 0x5FC105 : slot == "9C" ? 0x5FC10A : 0x5FC10B;
    put(card, tag, piv_object(authority.issue(wanted, p256_spki(generate(card, slot, device)))));
  }
  store::CardRow written(const std::string& request, const Wanted& wanted, const char* device = "ra") {
    const auto card = blank(request, device);
    CHECK(talk(card.id, {kPin, kPuk}, device) == Texts{"9000", "9000"});
    certify(card.id, "9A", wanted, device);
    return must(database->card(card.id));
  }
  service::IssuingView finish(const std::string& card) { return must(issuing.finish(caller("ra"), card)); }
  Error conflict(const std::string& card) {
    const auto view = issuing.finish(caller("ra"), card);
    REQUIRE_FALSE(view);
    CHECK(view.error().code == Errc::conflict);
    CHECK(issuance(card) == store::Issuance::issuing);
    return view.error();
  }

  Authority authority;
  service::Issuing issuing;
};

inline const Wanted kAda{{{"CN", "Ada Example"}, {"UID", "555000000017"}},
                         "email:ada@example.org,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:ada@corp.example"};

}  // namespace cardea::test
