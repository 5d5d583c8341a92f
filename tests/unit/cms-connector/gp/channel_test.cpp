#include <doctest/doctest.h>

#include "cardea/cms/gp/commands.h"
#include "cardea/cms/gp/registry.h"
#include "script.h"

using namespace cardea;
using namespace cardea::cms::gp;
using namespace cardea::cms::gp::testing;

namespace {

const std::string kUpdate = "8050000008000102030405060700";
const std::string kHost = "0001020304050607";
const std::string kScp03Answer = "00010203040506070809FF0360A1A2A3A4A5A6A7A890731990A1D499A29000";
const std::string kScp02Answer = "00000000000000000000FF020001A1A2A3A4A5A6837DCD3FD9AAC5BA9000";
const std::string kExternal33 = "8482330010B0EDE46F131AB894C7896E62F437F8BB";
const std::string kStatus33 = "84F280021873523EB0EB279F5B28695AED4B193BAFCF8A52415716C58700";
const std::string kBody33 = "6F58DF01A1DD460D216D318AB2DE3EE9C501113B5FA5E66B1572B1A860B8E159";
const std::string kMac33 = "97BBDCA0D1C91298";

Result<SecureChannel> open33(Script& card) {
  return SecureChannel::open(card.transmit(), test_keys(KeyType::aes), options(SecurityLevel::all, kHost));
}

Error refusal(const std::string& answer, KeyType type = KeyType::aes) {
  Script card{{{kUpdate, answer}}};
  auto channel = SecureChannel::open(card.transmit(), test_keys(type), options(SecurityLevel::c_mac, kHost));
  CHECK(card.finished());  // above all: no EXTERNAL AUTHENTICATE went out
  REQUIRE_FALSE(channel);
  return channel.error();
}

}  // namespace

TEST_CASE("a card that does not hold the keys gets no EXTERNAL AUTHENTICATE") {
  const auto scp03 = refusal("00010203040506070809FF0360A1A2A3A4A5A6A7A890731990A1D499A39000");
  CHECK(scp03.code == Errc::denied);
  CHECK(scp03.what ==
        "the card's cryptogram was not made with these keys; no authentication was tried, so that the card "
        "counts no failure");
  CHECK(refusal("00000000000000000000FF020001A1A2A3A4A5A6837DCD3FD9AAC5BB9000", KeyType::tdes).code ==
        Errc::denied);
}

TEST_CASE("answers to INITIALIZE UPDATE that do not fit their own protocol") {
  CHECK(refusal("9000").code == Errc::corrupt);
  CHECK(refusal("00010203040506070809FF9000").code == Errc::corrupt);
  CHECK(refusal("00010203040506070809FF039000").code == Errc::corrupt);
  // 29 octets where i & 10 promises a counter, 32 where it does not, 28 for SCP03, 29 for SCP02.
  CHECK(refusal("00010203040506070809FF0370A1A2A3A4A5A6A7A890731990A1D499A29000").code == Errc::corrupt);
  CHECK(refusal("00010203040506070809FF0360A1A2A3A4A5A6A7A890731990A1D499A20000019000").code ==
        Errc::corrupt);
  CHECK(refusal("00010203040506070809FF0360A1A2A3A4A5A6A7A890731990A1D4999000").code == Errc::corrupt);
  CHECK(refusal("00010203040506070809FF020001A1A2A3A4A5A6837DCD3FD9AAC5BA009000").code == Errc::corrupt);
  CHECK(refusal("00010203040506070809FF010001A1A2A3A4A5A6837DCD3FD9AAC5BA9000").code == Errc::unsupported);
}

TEST_CASE("status words before the channel is open") {
  CHECK(refusal("6A88").code == Errc::not_found);
  CHECK(refusal("6983").code == Errc::denied);

  Script wrong{{{kUpdate, kScp03Answer}, {kExternal33, "6300"}}};
  CHECK(open33(wrong).error().what == "the card does not accept the host's cryptogram (6300)");
  Script level{{{kUpdate, kScp03Answer}, {kExternal33, "6A86"}}};
  CHECK(open33(level).error().code == Errc::denied);
  Script gone{{{kUpdate, kScp03Answer}, {kExternal33, ""}}};
  CHECK(open33(gone).error().code == Errc::unavailable);
}

TEST_CASE("the card's word decides between SCP02 and SCP03, within what keys and options allow") {
  CHECK(refusal(kScp02Answer, KeyType::aes).code == Errc::unsupported);
  CHECK(refusal(kScp03Answer, KeyType::tdes).code == Errc::unsupported);

  auto only_03 = options(SecurityLevel::c_mac, kHost);
  only_03.protocol = 3;
  Script card{{{kUpdate, kScp02Answer}}};
  const auto channel = SecureChannel::open(card.transmit(), test_keys(KeyType::tdes), only_03);
  REQUIRE_FALSE(channel);
  CHECK(channel.error().what == "the card speaks SCP02 where SCP03 was asked for");
  CHECK(card.finished());
}

TEST_CASE("a key version that was asked for is the one that is used") {
  auto keys = test_keys(KeyType::aes);
  keys.version = 0x30;
  Script card{{{"8050300008000102030405060700", kScp03Answer}}};
  const auto channel = SecureChannel::open(card.transmit(), keys, options(SecurityLevel::c_mac, kHost));
  CHECK(channel.error().code == Errc::corrupt);
  CHECK(card.finished());
}

TEST_CASE("a wrong R-MAC ends the channel: neither commands nor answers afterwards") {
  for (const std::string& answer :
       {kBody33 + "97BBDCA0D1C912999000", "6E" + kBody33.substr(2) + kMac33 + "9000",
        kBody33 + kMac33 + "6282", kBody33 + "9000", std::string{"97BBDCA0D1C9129000"}, std::string{"9000"},
        std::string{"AA6A88"}}) {
    CAPTURE(answer);
    Script card{{{kUpdate, kScp03Answer}, {kExternal33, "9000"}, {kStatus33, answer}}};
    auto channel = open33(card);
    REQUIRE(channel);
    CHECK(channel->send(get_status(Scope::issuer_domain, false)).error().code == Errc::corrupt);
    CHECK_FALSE(channel->is_open());
    CHECK(channel->wrap(get_data(0x0066)).error().code == Errc::denied);
    CHECK(channel->unwrap({}).error().code == Errc::denied);
    CHECK(card.finished());
  }
}

TEST_CASE("an error status word has no MAC and leaves the channel open") {
  Script card{{{kUpdate, kScp03Answer}, {kExternal33, "9000"}, {kStatus33, "6A88"}}};
  auto channel = open33(card);
  REQUIRE(channel);
  CHECK(channel->send(get_status(Scope::issuer_domain, false)).value().sw ==
        apdu::sw::kReferencedDataNotFound);
  CHECK(channel->is_open());
}

TEST_CASE("an answer is believed once, after its command") {
  Script card{{{kUpdate, kScp03Answer}, {kExternal33, "9000"}}};
  auto channel = open33(card);
  REQUIRE(channel);
  const apdu::Response answer{hex(kBody33 + kMac33), apdu::sw::kOk};
  CHECK(channel->unwrap(answer).error().code == Errc::invalid);
  REQUIRE(channel->wrap(get_status(Scope::issuer_domain, false)));
  CHECK(to_hex(channel->unwrap(answer).value().data) == "E3134F08A0000001510000009F700101C5039EFE80");
  CHECK(channel->unwrap(answer).error().code == Errc::invalid);
  REQUIRE(channel->wrap(get_status(Scope::issuer_domain, false)));
  CHECK(channel->unwrap(answer).error().code == Errc::corrupt);  // replayed
}

TEST_CASE("a transport that fails ends the channel, since the card may have counted the command") {
  Script card{{{kUpdate, kScp03Answer}, {kExternal33, "9000"}, {kStatus33, ""}}};
  auto channel = open33(card);
  REQUIRE(channel);
  CHECK(channel->send(get_status(Scope::issuer_domain, false)).error().code == Errc::unavailable);
  CHECK_FALSE(channel->is_open());
}

TEST_CASE("class bytes: the channel number is sent but not part of the MAC, anything else is refused") {
  Script card{{{kUpdate, kScp03Answer}, {kExternal33, "9000"}}};
  auto channel = open33(card);
  REQUIRE(channel);
  for (const int cla : {0x84, 0x0C, 0x90, 0x40, 0xC0, 0x10}) {
    auto command = get_status(Scope::issuer_domain, false);
    command.cla = static_cast<std::uint8_t>(cla);
    CHECK(channel->wrap(command).error().code == Errc::invalid);
  }
  auto command = get_status(Scope::issuer_domain, false);
  command.cla = 0x81;  // none of the refused commands moved the counter
  CHECK(to_hex(apdu::encode(channel->wrap(command).value())) == "85" + kStatus33.substr(2));
}
