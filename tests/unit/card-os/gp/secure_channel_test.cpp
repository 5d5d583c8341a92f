#include <doctest/doctest.h>

#include "bench.h"
#include "cardea/test/print.h"

using namespace cardea;
using card::Algorithm;
using card::gp::Protocol;
using test::ChannelBench;

namespace {

constexpr const char* kInitialize = "8050000008000102030405060700";
constexpr const char* kCommand = "84F280021873523EB0EB279F5B28695AED4B193BAFCF8A52415716C58700";

/// INITIALIZE UPDATE with the numbers of the SCP03 vectors.
void initialize(ChannelBench& card, std::uint8_t options = 0x60) {
  card.add_keys(0xFF, Protocol::scp03, options, Algorithm::aes128);
  card.next_challenge("A1A2A3A4A5A6A7A8");
  REQUIRE(card.send(kInitialize).ends_with(" 9000"));
}

std::string authenticate(ChannelBench& card) {
  return card.send("8482330010B0EDE46F131AB894C7896E62F437F8BB00");
}

void open(ChannelBench& card) {
  initialize(card);
  REQUIRE(authenticate(card) == "9000");
}

}  // namespace

TEST_CASE("INITIALIZE UPDATE: unknown key set, wrong parameters, keys of another protocol") {
  ChannelBench card;
  CHECK(card.send(kInitialize) == "6A88");
  card.add_keys(0x01, Protocol::scp03, 0x60, Algorithm::aes128);
  CHECK(card.send("8050020008000102030405060700") == "6A88");
  CHECK(card.send("8050010108000102030405060700") == "6A86");
  CHECK(card.send("80500100070001020304050600") == "6700");
  CHECK(card.send("8450010008000102030405060700") == "6982");
  card.add_keys(0x02, Protocol::scp03, 0x60, Algorithm::tdes);
  CHECK(card.send("8050020008000102030405060700") == "6984");
  card.add_keys(0x02, Protocol::scp02, 0x15, Algorithm::aes128);
  CHECK(card.send("8050020008000102030405060700") == "6984");
}

TEST_CASE("EXTERNAL AUTHENTICATE: 6985 without INITIALIZE UPDATE") {
  ChannelBench card;
  CHECK(authenticate(card) == "6985");
}

TEST_CASE("EXTERNAL AUTHENTICATE: each error ends the attempt") {
  ChannelBench card;
  initialize(card);
  SUBCASE("wrong MAC: 6982") {
    CHECK(card.send("8482330010B0EDE46F131AB894C7896E62F437F8BC00") == "6982");
  }
  SUBCASE("MAC over another level: 6982") {
    CHECK(card.send("8482010010B0EDE46F131AB894C7896E62F437F8BB00") == "6982");
  }
  SUBCASE("wrong cryptogram and a MAC that is not over it: the MAC comes first") {
    CHECK(card.send("8482330010B0EDE46F131AB895C7896E62F437F8BB00") == "6982");
  }
  SUBCASE("no secure messaging: 6982") {
    CHECK(card.send("8082330010B0EDE46F131AB894C7896E62F437F8BB00") == "6982");
  }
  SUBCASE("wrong length: 6700") {
    CHECK(card.send("848233000FB0EDE46F131AB894C7896E62F437F8") == "6700");
  }
  SUBCASE("levels that do not exist: 6A86") {
    for (const auto* level : {"02", "10", "12", "20", "21", "23", "31", "34", "43", "83", "FF"}) {
      CAPTURE(level);
      CHECK(card.send(std::string{"8482"} + level + "0010B0EDE46F131AB894C7896E62F437F8BB00") == "6A86");
      CHECK(authenticate(card) == "6985");
      initialize(card);
    }
    CHECK(card.send("8482330110B0EDE46F131AB894C7896E62F437F8BB00") == "6A86");
  }
  CHECK_FALSE(card.channel.authenticated());
  CHECK(authenticate(card) == "6985");
}

TEST_CASE("levels that the parameter i does not cover: 6A86 [GP-AmdD#7.1.2.3]") {
  const auto refused = [](std::uint8_t options, std::string_view level) {
    ChannelBench card;
    initialize(card, options);
    return card.send(std::string{"8482"}.append(level) + "0010B0EDE46F131AB894C7896E62F437F8BB") == "6A86";
  };
  CHECK(refused(0x00, "11"));
  CHECK(refused(0x00, "13"));
  CHECK(refused(0x00, "33"));
  CHECK(refused(0x20, "33"));
  CHECK_FALSE(refused(0x00, "03"));
  CHECK_FALSE(refused(0x20, "13"));
  CHECK_FALSE(refused(0x60, "33"));
}

TEST_CASE("SCP02 has no response MACs with i = 15: 6A86") {
  for (const auto* level : {"10", "11", "13", "33"}) {
    ChannelBench card;
    card.add_keys(0xFF, Protocol::scp02, 0x15, Algorithm::tdes);
    CHECK(card.send(kInitialize).ends_with(" 9000"));
    CHECK(card.send(std::string{"8482"} + level + "00109F232EF0F595686630F2734DC73DA62D") == "6A86");
  }
}

TEST_CASE("every violation ends the session with 6982") {
  ChannelBench card;
  open(card);
  card.will_answer("01");
  SUBCASE("a plain command") {
    CHECK(card.send("80F28002024F0000") == "6982");
  }
  SUBCASE("a plain command without data") {
    CHECK(card.send("80CA006600") == "6982");
  }
  SUBCASE("another kind of secure messaging") {
    CHECK(card.send("8CF280021873523EB0EB279F5B28695AED4B193BAFCF8A52415716C58700") == "6982");
  }
  SUBCASE("a changed MAC") {
    CHECK(card.send("84F280021873523EB0EB279F5B28695AED4B193BAFCF8A52415716C58600") == "6982");
  }
  SUBCASE("changed data") {
    CHECK(card.send("84F280021873523EB0EB279F5B28695AED4B193BAECF8A52415716C58700") == "6982");
  }
  SUBCASE("a changed header") {
    CHECK(card.send("84F280031873523EB0EB279F5B28695AED4B193BAFCF8A52415716C58700") == "6982");
  }
  SUBCASE("no room for a MAC") {
    CHECK(card.send("84F2800207CF8A52415716C500") == "6982");
  }
  SUBCASE("a replayed command") {
    CHECK(card.send(kCommand).ends_with(" 9000"));
    CHECK(card.send(kCommand) == "6982");
  }
  CHECK(card.arrived().empty());
  CHECK_FALSE(card.channel.authenticated());
  CHECK(card.channel.security_level() == 0);
  CHECK(card.send(kCommand) == "6982");  // too late, even as it should have been
  CHECK(card.send("80CA006600") == "01 9000");
}

TEST_CASE("INITIALIZE UPDATE ends the session, even one that fails") {
  ChannelBench card;
  open(card);
  CHECK(card.send("8050020008000102030405060700") == "6A88");
  CHECK_FALSE(card.channel.authenticated());
  CHECK(card.send(kCommand) == "6982");
}

TEST_CASE("EXTERNAL AUTHENTICATE a second time ends the session") {
  ChannelBench card;
  open(card);
  CHECK(authenticate(card) == "6985");
  CHECK_FALSE(card.channel.authenticated());
}

TEST_CASE("errors go out alone, warnings with a MAC [GP-AmdD#6.2.5]") {
  ChannelBench card;
  open(card);
  SUBCASE("an error") {
    card.will_answer("0102", apdu::sw::kReferencedDataNotFound);
    CHECK(card.send(kCommand) == "6A88");
  }
  SUBCASE("a warning") {
    card.will_answer("", apdu::StatusWord{0x6310});
    const auto answer = card.send(kCommand);
    CHECK(answer.size() == 16 + 5);
    CHECK(answer.ends_with(" 6310"));
  }
  SUBCASE("success without data") {
    card.will_answer("");
    CHECK(card.send(kCommand).size() == 16 + 5);
  }
  CHECK(card.channel.authenticated());
}

TEST_CASE("one command has one answer") {
  ChannelBench card;
  open(card);
  CHECK(card.channel.wrap({Bytes{1}, apdu::sw::kOk}) == apdu::Response{{}, apdu::sw::kUnspecified});
  CHECK_FALSE(card.channel.authenticated());
}

TEST_CASE("a port that fails ends the session, and opens none") {
  ChannelBench card;
  card.will_answer("01");
  SUBCASE("the vault, while keys are derived") {
    card.add_keys(0xFF, Protocol::scp03, 0x60, Algorithm::aes128);
    card.vault.set_available(false);
    CHECK(card.send(kInitialize) == "6F00");
    CHECK(authenticate(card) == "6985");
  }
  SUBCASE("the cipher, while a MAC is checked") {
    open(card);
    card.cipher.set_failing(true);
    CHECK(card.send(kCommand) == "6F00");
    CHECK(card.arrived().empty());
    card.cipher.set_failing(false);
    CHECK(card.send(kCommand) == "6982");
  }
  SUBCASE("the store, while the session is counted") {
    card.add_keys(0xFF, Protocol::scp02, 0x15, Algorithm::tdes);
    card.count_sessions(0xFF, 1);
    card.next_challenge("A1A2A3A4A5A6");
    CHECK(card.send(kInitialize).ends_with(" 9000"));
    card.medium.fail_after(1);
    CHECK(card.send("84820300109F232EF0F595686630F2734DC73DA62D") == "6F00");
    CHECK(card.counters.current(0xFF).value() == 1);
  }
  CHECK_FALSE(card.channel.authenticated());
}

TEST_CASE("two sessions of a card with one number: the second to come in is refused") {
  ChannelBench card;
  card.add_keys(0xFF, Protocol::scp02, 0x15, Algorithm::tdes);
  card.count_sessions(0xFF, 1);
  card.next_challenge("A1A2A3A4A5A6");
  CHECK(card.send(kInitialize).ends_with(" 9000"));
  CHECK(card.counters.advance(0xFF, 1).has_value());
  CHECK(card.send("84820300109F232EF0F595686630F2734DC73DA62D") == "6F00");
  CHECK_FALSE(card.channel.authenticated());
}

TEST_CASE("a counter that is used up opens no session: 6985") {
  ChannelBench card;
  card.add_keys(0x01, Protocol::scp02, 0x15, Algorithm::tdes);
  card.add_keys(0x02, Protocol::scp03, 0x70, Algorithm::aes128);
  card.count_sessions(0x01, 0xFFFE);
  card.count_sessions(0x02, 0xFFFFFE);
  CHECK(card.send("8050010008000102030405060700").ends_with(" 9000"));
  CHECK(card.send("8050020008000102030405060700").ends_with("FFFFFE 9000"));
  card.count_sessions(0x01, 0xFFFF);
  card.count_sessions(0x02, 0xFFFFFF);
  CHECK(card.send("8050010008000102030405060700") == "6985");
  CHECK(card.send("8050020008000102030405060700") == "6985");
}
