// One conversation for each command of the tables. The transcripts go further; what is here holds a command
// to what the log, the cache and the audit see of it, too.
#include <doctest/doctest.h>

#include "cardea/card/factory_key.h"
#include "cardea/test/host_crypto.h"
#include "conversation.h"

using namespace cardea;
using card::Effect;
using test::ask;
using test::TestCard;

namespace {

card::Outcome run(TestCard& card, std::string_view hex) {
  return card.transmit(from_hex(hex).value());
}

struct Seen {
  std::string_view command;
  Effect effect;
  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen seen(TestCard& card, std::string_view hex) {
  const auto outcome = run(card, hex);
  return {outcome.command, outcome.effect};
}

template <class Event>
const Event& last_event(TestCard& card) {
  REQUIRE_FALSE(card.world().audit.events().empty());
  const auto& event = card.world().audit.events().back();
  REQUIRE(std::holds_alternative<Event>(event));
  return std::get<Event>(event);
}

}  // namespace

TEST_CASE("SELECT answers the application property template [SP800-73-4/2#3.1.1]") {
  TestCard card;
  CHECK(ask(card, "00A4040005A000000308") ==
        "612B4F0600001000010079074F05A000000308500A43617264656120504956AC0C80010780011180011406"
        "01009000");
  CHECK(seen(card, "00A4040005A000000308") == Seen{"SELECT", Effect::pure});
}

TEST_CASE("GET DATA is pure and reads what PUT DATA wrote [SP800-73-4/2#3.1.2]") {
  TestCard card;
  CHECK(ask(card, "00CB3FFF035C017E08") == "7E124F0BA0000003610C");
  CHECK(ask(card, "00CB3FFF055C035FC10500") == "6A82");
  CHECK(ask(card, "00CB3FFF055C035FC10900") == "6982");
  CHECK(ask(card, "00CB3FFF055C0360000000") == "6A82");
  CHECK(ask(card, "00CB3FFE055C035FC10500") == "6A86");
  CHECK(ask(card, "00CB3FFF035C008000") == "6A80");
  CHECK(seen(card, "00CB3FFF055C035FC10500") == Seen{"PIV GET DATA", Effect::pure});
  card.send(test::kVerify);
  CHECK(ask(card, "00CB3FFF055C035FC10900") == "6A82");
}

TEST_CASE("PUT DATA stores, deletes and is on record [SP800-73-4/2#3.3.1]") {
  TestCard card;
  CHECK(ask(card, "00DB3FFF085C035FC105530101") == "6982");
  test::become_administrator(card);
  CHECK(ask(card, "00DB3FFF0A5C035FC1055303010203") == "9000");
  CHECK(last_event<card::ObjectWritten>(card).tag == 0x5FC105);
  CHECK(last_event<card::ObjectWritten>(card).size == 3);
  CHECK(ask(card, "00CB3FFF055C035FC105") == "53030102039000");
  CHECK(ask(card, "00DB3FFF075C035FC1055300") == "9000");
  CHECK(last_event<card::ObjectWritten>(card).size == 0);
  CHECK(ask(card, "00CB3FFF055C035FC105") == "6A82");
  CHECK(seen(card, "00DB3FFF075C035FC1055300") == Seen{"PIV PUT DATA", Effect::effectful});
}

TEST_CASE("VERIFY: the query is pure, the try is not, and both are what the log says [SP800-73-4/2#3.2.1]") {
  TestCard card;
  CHECK(seen(card, test::kStatus) == Seen{"PIV VERIFY status", Effect::pure});
  CHECK(ask(card, test::kWrongPin) == "63C2");
  CHECK_FALSE(last_event<card::PinTried>(card).match);
  CHECK(last_event<card::PinTried>(card).tries_left == 2);
  CHECK(ask(card, test::kVerify) == "9000");
  CHECK(last_event<card::PinTried>(card).match);
  CHECK(last_event<card::PinTried>(card).tries_left == 3);
  CHECK(ask(card, test::kStatus) == "9000");
  CHECK(seen(card, "0020FF80") == Seen{"PIV VERIFY log out", Effect::effectful});
  CHECK(ask(card, test::kStatus) == "63C3");
  CHECK(seen(card, test::kVerify) == Seen{"PIV VERIFY", Effect::effectful});
}

TEST_CASE("CHANGE REFERENCE DATA: the old value first, then the format of the new one [SP800-73-4/2#3.2.2]") {
  TestCard card{test::kNist};
  CHECK(ask(card, "0024008010 393939393939FFFF 3132FFFFFFFFFFFF") == "63C2");
  CHECK(ask(card, "0024008010 313233343536FFFF 3132FFFFFFFFFFFF") == "6A80");
  CHECK(ask(card, test::kStatus) == "63C3");
  CHECK(ask(card, "0024008010 313233343536FFFF 363534333231FFFF") == "9000");
  CHECK(ask(card, test::kStatus) == "9000");
  CHECK(last_event<card::PinReplaced>(card).ref == card::PinRef::application);
  CHECK(ask(card, "0024008110 3132333435363738 00FF00FF00FF00FF") == "9000");
  CHECK(last_event<card::PinReplaced>(card).ref == card::PinRef::puk);
  CHECK(seen(card, "0024008010 363534333231FFFF 363534333231FFFF") ==
        Seen{"PIV CHANGE PIN", Effect::effectful});
}

TEST_CASE(
    "CHANGE REFERENCE DATA with a bad new value leaves a verified holder verified [SP800-73-4/2#3.2.2]") {
  TestCard card{test::kNist};
  card.send(test::kVerify);
  CHECK(ask(card, "0024008010 313233343536FFFF 3132FFFFFFFFFFFF") == "6A80");
  CHECK(ask(card, test::kStatus) == "9000");
  CHECK(ask(card, "0024008010 393939393939FFFF 363534333231FFFF") == "63C2");
  CHECK(ask(card, test::kStatus) == "63C2");
}

TEST_CASE("RESET RETRY COUNTER gives a new PIN and verifies nobody [SP800-73-4/2#3.2.3]") {
  TestCard card;
  for (int i = 0; i < 3; ++i)
    card.send(test::kWrongPin);
  CHECK(ask(card, test::kVerify) == "6983");
  CHECK(ask(card, "002C008010 3939393939393939 363534333231FFFF") == "63C2");
  CHECK(ask(card, "002C008010 3132333435363738 363534333231FFFF") == "9000");
  CHECK(ask(card, test::kStatus) == "63C3");
  CHECK(ask(card, "0020008008 363534333231FFFF") == "9000");
  CHECK(seen(card, "002C008010 3132333435363738 363534333231FFFF") ==
        Seen{"PIV RESET RETRY COUNTER", Effect::effectful});
}

TEST_CASE("GENERATE answers the public key and is on record [SP800-73-4/2#3.3.2]") {
  TestCard card;
  CHECK(ask(card, "0047009A05AC03800111") == "6982");
  CHECK(ask(card, "0047009B05AC03800111") == "6A86");
  const auto point = test::make_p256(card, "9A");
  CHECK(point.size() == 65);
  CHECK(point.front() == 0x04);
  const auto& event = last_event<card::KeyReplaced>(card);
  CHECK(event.reference == 0x9A);
  CHECK(event.algorithm == card::Algorithm::p256);
  CHECK(event.origin == card::KeyOrigin::generated);
  CHECK(ask(card, "0047009A05AC03800106") == "6A80");
  CHECK(ask(card, "0047009A0AAC08800107 8103010003") == "6A80");
  CHECK(ask(card, "0047009A05AC03800103") == "6A80");
}

TEST_CASE("GENERAL AUTHENTICATE signs, and the use is on record before anyone sees it [SP800-73-4/2#3.2.4]") {
  TestCard card;
  const auto point = test::make_p256(card, "9A");
  CHECK(ask(card, test::sign_p256("9A")) == "6982");
  CHECK(card.world().audit.count<card::KeyUsed>() == 0);
  card.send(test::kVerify);
  const auto response = card.send(test::sign_p256("9A"));
  REQUIRE(response.sw == apdu::sw::kOk);
  card::PublicKey key{card::Algorithm::p256, {}, {}, point};
  CHECK(test::ecdsa_verify_der(key, Bytes(32), BytesView{response.data}.subspan(4)));
  CHECK(last_event<card::KeyUsed>(card).operation == card::KeyOperation::sign);
  CHECK(last_event<card::KeyUsed>(card).success);
  CHECK(seen(card, test::sign_p256("9A")) == Seen{"PIV GENERAL AUTHENTICATE", Effect::effectful});
}

TEST_CASE("GENERAL AUTHENTICATE with 9B never encrypts a block of the caller's choice [SP800-73-4/2#3.2.4]") {
  TestCard card;
  CHECK(ask(card, "0087039B0E7C0C 8108A1A2A3A4A5A6A7A8 8200") == "6A80");
  const auto challenge = card.send("0087039B047C028100");
  REQUIRE(challenge.data.size() == 12);
  const auto reflected = to_hex(BytesView{challenge.data}.subspan(4));
  CHECK(ask(card, "0087039B0E7C0C 8108" + reflected + "8200") == "6A80");
  CHECK(ask(card, "00DB3FFF085C035FC105530101") == "6982");
}

TEST_CASE("administrator attempts are on record, and a failed one ends the status [SP800-73-4/2#3.2.4]") {
  TestCard card;
  test::become_administrator(card);
  CHECK(last_event<card::AdministratorTried>(card).match);
  card.send("0087039B047C028100");
  CHECK(ask(card, "00DB3FFF075C035FC1055300") == "9000");  // a first step is no attempt
  card.send("0087039B047C028100");
  CHECK(ask(card, "0087039B0C7C0A82080000000000000000") == "6982");
  CHECK_FALSE(last_event<card::AdministratorTried>(card).match);
  CHECK(ask(card, "00DB3FFF075C035FC1055300") == "6982");
}

TEST_CASE("version and serial number [YUBICO-PIV#FD] [YUBICO-PIV#F8]") {
  TestCard card;
  CHECK(ask(card, "00FD000000") == "0504039000");
  CHECK(ask(card, "00F8000000") == "00C0FFEE9000");
  CHECK(seen(card, "00FD0000") == Seen{"PIV GET VERSION", Effect::pure});
  CHECK(ask(card, "00F6829A") == "6D00");
  TestCard nist{test::kNist};
  for (const auto* const ins : {"FD", "F8", "F7", "F9", "FA", "FE", "FF", "FB"}) {
    CHECK(ask(nist, "00" + std::string{ins} + "000000") == "6D00");
  }
}

TEST_CASE("metadata of PIN, PUK, management key and keys [YUBICO-PIV#F7]") {
  TestCard card;
  CHECK(ask(card, "00F7008000") == "0101FF050101060203039000");
  CHECK(ask(card, "00F7008100") == "0101FF050101060203039000");
  CHECK(ask(card, "00F7009B00") == "010103020200010501019000");
  CHECK(ask(card, "00F7009A00") == "6A88");
  const auto point = test::make_p256(card, "9C");
  CHECK(ask(card, "00F7009C00") ==
        "010111"
        "02020301"
        "030101"
        "0443"
        "8641" +
            to_hex(point) + "9000");
  CHECK(seen(card, "00F7009C00") == Seen{"PIV GET METADATA", Effect::pure});
}

TEST_CASE("attestation has no key yet: 6A88, and 6A80 for a key that came from outside [YUBICO-PIV#F9]") {
  TestCard card;
  CHECK(ask(card, "00F99A0000") == "6A88");
  test::make_p256(card, "9A");
  CHECK(ask(card, "00F99A0000") == "6A88");
  CHECK(ask(card, "00FE119D22 0620" + std::string(62, '0') + "05") == "9000");
  CHECK(ask(card, "00F99D0000") == "6A80");
  CHECK(ask(card, "00F9800000") == "6A80");
}

TEST_CASE("import: a scalar of the field's size, policies, origin [YUBICO-PIV#FE]") {
  TestCard card;
  const auto scalar = std::string(62, '0') + "05";
  CHECK(ask(card, "00FE119D22 0620" + scalar) == "6982");
  test::become_administrator(card);
  CHECK(ask(card, "00FE119D22 0620" + scalar) == "9000");
  CHECK(last_event<card::KeyReplaced>(card).origin == card::KeyOrigin::imported);
  CHECK(ask(card, "00FE119D22 0620" + std::string(64, '0')) == "6A80");
  CHECK(ask(card, "00FE119D24 0620" + scalar + "0101") == "6A80");
  CHECK(ask(card, "00FE069D22 0620" + scalar) == "6A80");
  CHECK(ask(card, "00FE119B22 0620" + scalar) == "6A86");
  CHECK(ask(card, "00FE119D28 0620" + scalar + "AA0101 AB0102") == "9000");
  CHECK(ask(card, "00F7009D00").substr(6, 14) == "02020102030102");
}

TEST_CASE(
    "import: a scalar shorter or longer than the field is 6A80 and leaves the old key [YUBICO-PIV#FE]") {
  TestCard card;
  test::become_administrator(card);
  const auto scalar = std::string(62, '0') + "05";
  REQUIRE(ask(card, "00FE119D22 0620" + scalar) == "9000");
  const auto before = ask(card, "00F7009D00");
  CHECK(ask(card, "00FE119D03 060105") == "6A80");
  CHECK(ask(card, "00FE119D02 0600") == "6A80");
  CHECK(ask(card, "00FE119D23 0621 00" + scalar) == "6A80");
  CHECK(ask(card, "00FE119D23 0621 01" + scalar) == "6A80");
  CHECK(ask(card, "00FE149D22 0620" + scalar) == "6A80");  // 32 octets for P-384
  CHECK(ask(card, "00F7009D00") == before);
  CHECK(ask(card, "00FE149D32 0630" + std::string(32, '0') + scalar) == "9000");
}

TEST_CASE("a new management key keeps its maker administrator and ends everybody else [YUBICO-PIV#FF]") {
  TestCard card;
  auto other = card.second_session();
  test::become_administrator(card);
  test::become_administrator(other);
  CHECK(ask(card, "00FFFFFF13 08 9B 10 000102030405060708090A0B0C0D0E0F") == "9000");
  CHECK(ask(card, "00DB3FFF075C035FC1055300") == "9000");
  CHECK(ask(other, "00DB3FFF075C035FC1055300") == "6982");
  CHECK(ask(card, "00F7009B00") == "010108020200010501009000");
  CHECK(ask(card, "00FFFFFF12 08 9B 0F 000102030405060708090A0B0C0D0E") == "6A80");
  CHECK(ask(card, "00FFFFFF13 08 9A 10 000102030405060708090A0B0C0D0E0F") == "6A80");
  CHECK(ask(card, "00FFFFFD13 08 9B 10 000102030405060708090A0B0C0D0E0F") == "6A86");
}

TEST_CASE("the management key that everybody knows is the factory's whoever sets it [YUBICO-PIV#FF]") {
  TestCard card;
  test::become_administrator(card);
  const auto set = [&](const std::string& algorithm, const std::string& key) {
    const auto size = to_hex(Bytes{static_cast<std::uint8_t>(key.size() / 2)});
    const auto whole = to_hex(Bytes{static_cast<std::uint8_t>(3 + key.size() / 2)});
    REQUIRE(ask(card, "00FFFFFF" + whole + algorithm + "9B" + size + key) == "9000");
    return ask(card, "00F7009B00").substr(0, 20) +
           (card::factory_management_key(card.world().store).value() ? " factory" : " own");
  };
  const std::string known = "010203040506070801020304050607080102030405060708";
  const std::string parity = "000302050407060900030205040706090003020504070609";
  const std::string own = "112233445566778821324354657687980102030405060708";
  CHECK(set("03", own) == "01010302020001050100 own");
  CHECK(set("03", known) == "01010302020001050101 factory");
  CHECK(set("03", parity) == "01010302020001050101 factory");  // the same key but for its parity
  CHECK(set("0A", known) == "01010A02020001050101 factory");   // YubiKey 5.7
  CHECK(set("0A", parity) == "01010A02020001050100 own");
  CHECK(set("08", known.substr(0, 32)) == "01010802020001050100 own");
  CHECK(set("0C", known + "0102030405060708") == "01010C02020001050100 own");
}

TEST_CASE(
    "tries are set by an administrator with the PIN, and both secrets are the factory's again "
    "[YUBICO-PIV#FA]") {
  TestCard card;
  test::become_administrator(card);
  CHECK(ask(card, "00FA050400") == "6982");
  card.send(test::kVerify);
  CHECK(ask(card, "00FA000400") == "6A86");
  CHECK(ask(card, "00FA050400") == "9000");
  CHECK(ask(card, test::kStatus) == "63C5");
  CHECK(ask(card, "00F7008100") == "0101FF050101060204049000");
}

TEST_CASE(
    "reset: only with both blocked; keys, objects and secrets are the factory's again [YUBICO-PIV#FB]") {
  TestCard card;
  test::make_p256(card, "9A");
  card.send("00DB3FFF085C035FC105530101");
  card.send("00FFFFFF13 08 9B 10 000102030405060708090A0B0C0D0E0F");
  CHECK(ask(card, "00FB000000") == "6985");
  for (int i = 0; i < 3; ++i)
    card.send(test::kWrongPin);
  CHECK(ask(card, "00FB000000") == "6985");
  for (int i = 0; i < 3; ++i)
    card.send("002C008010 FFFFFFFFFFFFFFFF FFFFFFFFFFFFFFFF");
  CHECK(ask(card, "00FB000000") == "9000");
  CHECK(card.world().audit.count<card::CardWiped>() == 1);
  CHECK(ask(card, "00CB3FFF055C035FC105") == "6A82");
  CHECK(ask(card, "00F7009A00") == "6A88");
  CHECK(ask(card, "00CB3FFF035C017E") == "7E124F0BA0000003080000100001005F2F0240009000");
  CHECK(ask(card, "00F7009B00") == "010103020200010501019000");
  CHECK(ask(card, "00F8000000") == "00C0FFEE9000");
  CHECK(ask(card, test::kVerify) == "9000");
  test::become_administrator(card);
}

TEST_CASE("a reset whose event cannot be recorded can be given again [YUBICO-PIV#FB]") {
  TestCard card;
  for (int i = 0; i < 3; ++i)
    card.send(test::kWrongPin);
  for (int i = 0; i < 3; ++i)
    card.send("002C008010 FFFFFFFFFFFFFFFF FFFFFFFFFFFFFFFF");
  card.world().audit.set_failing(true);
  CHECK(ask(card, "00FB000000") == "6F00");
  CHECK(ask(card, test::kStatus) == "6983");
  card.world().audit.set_failing(false);
  CHECK(ask(card, "00FB000000") == "9000");
}

TEST_CASE("the management application says PIV and nothing else [YUBICO-PIV#MANAGEMENT]") {
  TestCard card;
  CHECK(ask(card, "00A4040008A000000527471117") ==
        to_hex(as_bytes("Virtual mgr - FW version 5.4.3")) + "9000");
  CHECK(ask(card, "001D000000") ==
        "23"
        "01020010"
        "020400C0FFEE"
        "03020010"
        "040101"
        "0503050403"
        "06020000"
        "07010F"
        "080100"
        "0A0100"
        "9000");
  CHECK(seen(card, "001D000000") == Seen{"YUBICO READ CONFIG", Effect::pure});
  CHECK(ask(card, test::kStatus) == "6D00");
  TestCard nist{test::kNist};
  CHECK(ask(nist, "00A4040008A000000527471117") == "6A82");
}
