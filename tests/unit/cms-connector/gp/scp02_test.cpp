#include <doctest/doctest.h>

#include "cardea/cms/gp/commands.h"
#include "cardea/cms/gp/registry.h"
#include "script.h"

using namespace cardea;
using namespace cardea::cms::gp;
using namespace cardea::cms::gp::testing;

namespace {

const std::string kUpdate = "8050000008000102030405060700";
const std::string kAnswer = "00000000000000000000FF020001A1A2A3A4A5A6837DCD3FD9AAC5BA9000";

Result<SecureChannel> open(Script& card, SecurityLevel level) {
  return SecureChannel::open(card.transmit(), test_keys(KeyType::tdes), options(level, "0001020304050607"));
}

}  // namespace

TEST_CASE("SCP02 level 03: authentication, then GET STATUS enciphered [GPCS2.3.1#E.4]") {
  Script card{{{kUpdate, kAnswer},
               {"84820300109F232EF0F595686630F2734DC73DA62D", "9000"},
               {"84F2800210CDA18B342F9D6AB01989409A4151386500", "E30C4F07A00000015100009F7001019000"}}};
  auto channel = open(card, SecurityLevel::c_mac_c_enc);
  REQUIRE(channel);
  CHECK(channel->card().protocol == 2);
  CHECK(channel->card().key_version == 0xFF);
  CHECK(to_hex(channel->card().sequence) == "0001");
  const auto answer = channel->send(get_status(Scope::issuer_domain, false));
  REQUIRE_MESSAGE(answer, card.trouble);
  CHECK(answer->data.size() == 15);
  CHECK(card.finished());
}

TEST_CASE("SCP02 level 01 as a card of another make spoke it") {
  // kaoh/globalplatform, scp02Test.c, get_status_mac_only.
  Script card{
      {{"8050000008D5AD539A60CA5E7200", "000074746E6E6E6262620102069FAA2A0591E73367DD78794D04315E9000"},
       {"84820100107C799B3C771DBAE6BEF49310977617BA", "9000"},
       {"84F220020A4F00BB6E71C0EFCFCF0D00",
        "E30D4F07A00000000353509F700101E30B4F05A0000000049F700101E30B4F05325041592E9F700101E30B4F05F00007"
        "11809F700101E30C4F06A000000421209F700101E30D4F07D0D1D2D3D4D5019F7001019000"}}};
  auto channel = SecureChannel::open(card.transmit(), test_keys(KeyType::tdes),
                                     options(SecurityLevel::c_mac, "D5AD539A60CA5E72"));
  REQUIRE_MESSAGE(channel, card.trouble);
  const auto files = read_registry(*channel, Scope::load_files);
  REQUIRE_MESSAGE(files, card.trouble);
  REQUIRE(files->size() == 6);
  CHECK(to_hex(files->at(5).aid) == "D0D1D2D3D4D501");
  CHECK(files->at(5).life_cycle == 0x01);
  CHECK(card.finished());
}

TEST_CASE("SCP02 level 03 as a card of another make spoke it: the ICV follows the MAC before") {
  // kaoh/globalplatform, scp02Test.c, install_mac_enc.
  Script card{
      {{"8050000008EBAA9E53C696281B00", "000074746E6E6E626262010206A15086BBEE58F467149061DA4B6EAE9000"},
       {"848203001005814C116071EB67D8BA9D9879454564", "9000"},
       {"84E4008018BC146FA0403BE4BAD3BC089E4ABD8674DA7EFEA21047B85800", "6A88"},
       {"84E4008018C2748C1669FAFC0E20C5253680388A4A49C9A6038D77B45700", "009000"}}};
  auto channel = SecureChannel::open(card.transmit(), test_keys(KeyType::tdes),
                                     options(SecurityLevel::c_mac_c_enc, "EBAA9E53C696281B"));
  REQUIRE_MESSAGE(channel, card.trouble);
  const auto first = channel->send(delete_object(hex("D0D1D2D3D4D50101"), true));
  REQUIRE_MESSAGE(first, card.trouble);
  CHECK(first->sw == apdu::sw::kReferencedDataNotFound);
  const auto second = channel->send(delete_object(hex("D0D1D2D3D4D501"), true));
  REQUIRE_MESSAGE(second, card.trouble);
  CHECK(second->sw == apdu::sw::kOk);
  CHECK(card.finished());
}

TEST_CASE("SCP02 i=55: a challenge that the card derived is recomputed, one that it did not is refused") {
  auto with_aid = options(SecurityLevel::c_mac, "0001020304050607");
  with_aid.scp02_i = 0x55;
  with_aid.security_domain = hex("A000000151000000");
  // The challenge of this AID, counter 0001 and key is EE69B58ADC72; the card here sends another one.
  Script other{{{kUpdate, kAnswer}}};
  const auto refused = SecureChannel::open(other.transmit(), test_keys(KeyType::tdes), with_aid);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::denied);
  CHECK(refused.error().what.find("challenge") != std::string::npos);
  CHECK(other.finished());

  // The right challenge passes; then it is the cryptogram (of the other challenge) that is refused.
  Script right{{{kUpdate, "00000000000000000000FF020001EE69B58ADC72837DCD3FD9AAC5BA9000"}}};
  const auto next = SecureChannel::open(right.transmit(), test_keys(KeyType::tdes), with_aid);
  REQUIRE_FALSE(next);
  CHECK(next.error().what.find("cryptogram") != std::string::npos);
}

TEST_CASE("SCP02 i=15 has no R-MAC: no such level is asked of the card") {
  Script card{{{kUpdate, kAnswer}}};
  const auto channel = open(card, SecurityLevel::c_mac_r_mac);
  REQUIRE_FALSE(channel);
  CHECK(channel.error().code == Errc::unsupported);
  CHECK(card.finished());
}

TEST_CASE("SCP02 commands stay short: 247 octets with a MAC, 239 enciphered") {
  for (const auto level : {SecurityLevel::c_mac, SecurityLevel::c_mac_c_enc}) {
    const bool enc = level == SecurityLevel::c_mac_c_enc;
    Script card{{{kUpdate, kAnswer}}};
    card.add(enc ? Script::Turn{"84820300109F232EF0F595686630F2734DC73DA62D", "9000"}
                 : Script::Turn{"84820100109F232EF0F59568665A2D12D7C2DAF7DF", "9000"});
    auto channel = open(card, level);
    if (!channel) MESSAGE(card.trouble);
    REQUIRE(channel);
    CHECK(channel->max_data() == (enc ? 239U : 247U));
    auto command = get_data(0x0066);
    command.data.assign(channel->max_data(), 0x5A);
    CHECK(channel->wrap(command).value().data.size() == (enc ? 248U : 255U));
    command.data.push_back(0x5A);
    CHECK(channel->wrap(command).error().code == Errc::invalid);
  }
}

TEST_CASE("SCP02 i=55 level 03: the derived challenge is accepted, then commands with and without data") {
  // Challenge and cryptograms computed with the openssl program.
  Script card{{{kUpdate, "00010203040506070809FF020001EE69B58ADC72C7863B37C9C80D2A9000"},
               {"8482030010B0F5F2B642C35319CE0EB94F70C26F32", "9000"}}};
  auto wanted = options(SecurityLevel::c_mac_c_enc, "0001020304050607");
  wanted.scp02_i = 0x55;
  wanted.security_domain = hex("A000000151000000");
  auto channel = SecureChannel::open(card.transmit(), test_keys(KeyType::tdes), wanted);
  REQUIRE_MESSAGE(channel, card.trouble);
  for (const auto& turn : {Script::Turn{"80F28002024F00", "84F2800210CDA18B342F9D6AB0287303F59549B159"},
                           Script::Turn{"80F28002", "84F2800208E3D62E02640ECCD3"},
                           Script::Turn{"80F28002084F06112233445566",
                                        "84F280021885D66C5507FB63D11F60AF1EE4EE5B6C64EF5665B46BD1F5"}}) {
    CAPTURE(turn.command);
    CHECK(to_hex(apdu::encode(channel->wrap(command(turn.command)).value())) == turn.answer);
    CHECK(channel->unwrap({}));
  }
}

TEST_CASE("SCP02 enciphers keys under the session's DEK [GPCS2.3.1#E.4.7]") {
  // The enciphered key: martinpaljak/GlobalPlatformPro, TestPlaintextKeys.testKeyEncryption_SCP02, counter
  // 0000.
  Script card{{{kUpdate, "00010203040506070809FF020000A1A2A3A4A5A665A1B6AE9F1B78229000"},
               {"84820100105CC0227FBD6AB5B9488316910184DEDC", "9000"}}};
  auto channel = open(card, SecurityLevel::c_mac);
  REQUIRE_MESSAGE(channel, card.trouble);
  auto fresh = test_keys(KeyType::tdes);
  CHECK(to_hex(channel->encrypt_sensitive(fresh.enc).value()) == "EFBEE6C6D99D7B70BDE9D7E927F020AF");
  fresh.version = 0x01;
  const std::string field = "8010EFBEE6C6D99D7B70BDE9D7E927F020AF038BAF47";
  CHECK(to_hex(apdu::encode(put_key(*channel, fresh, 0xFF).value())) ==
        "80D8FF814301" + field + field + field + "00");
}
