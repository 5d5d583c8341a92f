#include <doctest/doctest.h>

#include "cardea/cms/gp/commands.h"
#include "cardea/cms/gp/registry.h"
#include "crypto.h"
#include "script.h"

using namespace cardea;
using namespace cardea::cms::gp;
using namespace cardea::cms::gp::testing;

namespace {

const std::string kUpdate = "8050000008000102030405060700";
const std::string kHost = "0001020304050607";

/// One key size: what the card answers and what the host must send.
struct Vector {
  std::size_t key_size;
  std::string card_cryptogram, external, status, answer;
};

const Vector kVectors[] = {
    {16, "90731990A1D499A2", "8482330010B0EDE46F131AB894C7896E62F437F8BB",
     "84F280021873523EB0EB279F5B28695AED4B193BAFCF8A52415716C58700", "97BBDCA0D1C91298"},
    {24, "B9C1FDDB6581CA94", "8482330010A3F435DF48FEDDA32E0004CC70CA44CF",
     "84F280021863FDEE3A83D219A937ED574CB0799950277A02C66E210CF000", "970F63318559835E"},
    {32, "A7E0354D063600A6", "84823300109E94901FB3B9FAE71FE63EDB2F8DF5D6",
     "84F28002189506695684F31F20049279B494EB3BF2683E95ABB08BBBF400", "DA68791CFAD0D457"},
};

std::string update_answer(const std::string& i, const std::string& cryptogram,
                          const std::string& counter = "") {
  return "00010203040506070809FF03" + i + "A1A2A3A4A5A6A7A8" + cryptogram + counter + "9000";
}

}  // namespace

TEST_CASE("SCP03 session keys of all key sizes [GPAmdD#6.2.1]") {
  const auto context = hex("0001020304050607A1A2A3A4A5A6A7A8");
  const auto key = [&](std::size_t size, std::uint8_t constant) {
    return to_hex(scp03_kdf(test_keys(KeyType::aes, size).enc, constant, context, size).value().expose());
  };
  CHECK(key(16, 4) == "BA96C04E36A7D36F3EDDFBD4866EAF4F");
  CHECK(key(16, 6) == "07EDB0AC3654324ED933CDBFBE005FA9");
  CHECK(key(16, 7) == "D5CA6C803A0C71A4AC7268BF197192A2");
  CHECK(key(24, 4) == "C4387B6DE58613D22754074C1879EE4D43D8168ECED1936B");
  CHECK(key(24, 6) == "EACB441444CBFE682346D40AB5B9A507CBD3800D695B3F8A");
  CHECK(key(24, 7) == "001DA1048AFE59CDEBCCDFC74FD2817FE0BC26FB666D4DFB");
  CHECK(key(32, 4) == "F0DDE7BB51F4EC8005F83C2376BBF3649D30164696C2B8BDDE90426DCC812A9E");
  CHECK(key(32, 6) == "1CC9C5F0B30D9333A0892571B61EBD4F97BDD0BB5C1B9B9FD51403ABC160E676");
  CHECK(key(32, 7) == "131A144A5E93E54F5506494991D580A25D6B1A5FA7F4C17E0D162D424CB86BB2");
}

TEST_CASE("SCP03 level 33: authentication and GET STATUS, AES-128 with the enciphered answer [GPAmdD#6.2]") {
  const auto& v = kVectors[0];
  Script card{
      {{kUpdate, update_answer("60", v.card_cryptogram)},
       {v.external, "9000"},
       {v.status, "6F58DF01A1DD460D216D318AB2DE3EE9C501113B5FA5E66B1572B1A860B8E15997BBDCA0D1C912989000"}}};
  auto channel =
      SecureChannel::open(card.transmit(), test_keys(KeyType::aes), options(SecurityLevel::all, kHost));
  REQUIRE_MESSAGE(channel, card.trouble);
  const auto entries = read_registry(*channel, Scope::issuer_domain);
  REQUIRE_MESSAGE(entries, card.trouble);
  REQUIRE(entries->size() == 1);
  CHECK(to_hex(entries->front().aid) == "A000000151000000");
  CHECK(entries->front().life_cycle == 0x01);
  CHECK(to_hex(entries->front().privileges) == "9EFE80");
  CHECK(card.finished());
}

TEST_CASE("SCP03 level 33: what the host sends with AES-192 and AES-256") {
  for (const auto& v : kVectors) {
    CAPTURE(v.key_size);
    Script card{{{kUpdate, update_answer("60", v.card_cryptogram)}, {v.external, "9000"}}};
    auto channel = SecureChannel::open(card.transmit(), test_keys(KeyType::aes, v.key_size),
                                       options(SecurityLevel::all, kHost));
    REQUIRE_MESSAGE(channel, card.trouble);
    const auto wrapped = channel->wrap(get_status(Scope::issuer_domain, false));
    CHECK(to_hex(apdu::encode(wrapped.value())) == v.status);
    CHECK(card.finished());
  }
}

TEST_CASE("SCP03 level 03 as a card of another make spoke it, i=70 with the challenge derived") {
  // kaoh/globalplatform, scp03Test.c, delete_application.
  Keyset keys;
  keys.enc = secret("F995D0A069335C7DF42E590317FFEA6D");
  keys.mac = secret("58563362EC5A4541ABCD32B34B1EAE7D");
  keys.dek = secret("0A02A6D687406DCFA09DC70B3EDB7E38");
  Script card{{{"8050000008B2BDE1A2DC66BD5600",
                "00000000000000000000300370C40932A6FEFEAEB2E127185170F45FCA0000159000"},
               {"848203001059D54D932423D29F6313C970875F8C2F", "9000"},
               {"84E400801829F06AEC3180B3EFE91FF662310B945DE0D5FE66AD67A5B6", "009000"}}};
  auto wanted = options(SecurityLevel::c_mac_c_enc, "B2BDE1A2DC66BD56");
  wanted.security_domain = hex("A000000151000000");
  auto channel = SecureChannel::open(card.transmit(), keys, wanted);
  REQUIRE_MESSAGE(channel, card.trouble);
  CHECK(to_hex(channel->card().sequence) == "000015");
  CHECK(channel->card().key_version == 0x30);
  auto remove = delete_object(hex("A00100015141434C"), true);
  remove.le.reset();  // as that host sent it; Le is not part of the MAC
  const auto answer = channel->send(remove);
  REQUIRE_MESSAGE(answer, card.trouble);
  CHECK(to_hex(answer->data) == "00");
  CHECK(card.finished());
}

TEST_CASE("SCP03 i & 10: the derived challenge is recomputed when the AID is known [GPAmdD#6.2.2.1]") {
  auto wanted = options(SecurityLevel::c_mac, kHost);
  wanted.security_domain = hex("A000000151000000");
  Script other{{{kUpdate, update_answer("70", "90731990A1D499A2", "000001")}}};
  const auto refused = SecureChannel::open(other.transmit(), test_keys(KeyType::aes), wanted);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::denied);
  CHECK(refused.error().what.find("challenge") != std::string::npos);

  // Key 40..4F, counter 1 and this AID make 86C8BD65FA1044EE: the cryptogram is looked at next.
  Script right{{{kUpdate, "00010203040506070809FF037086C8BD65FA1044EE90731990A1D499A20000019000"}}};
  const auto next = SecureChannel::open(right.transmit(), test_keys(KeyType::aes), wanted);
  REQUIRE_FALSE(next);
  CHECK(next.error().what.find("cryptogram") != std::string::npos);
}

TEST_CASE("SCP03: levels that the card's i does not offer are not asked of it") {
  const auto code = [](const std::string& i, SecurityLevel level) {
    const std::string counter = i == "10" ? "000001" : "";
    Script card{{{kUpdate, update_answer(i, "90731990A1D499A2", counter)}}};
    const auto channel = SecureChannel::open(card.transmit(), test_keys(KeyType::aes), options(level, kHost));
    return channel.error().code;
  };
  CHECK(code("00", SecurityLevel::c_mac_r_mac) == Errc::unsupported);
  CHECK(code("10", SecurityLevel::c_mac_c_enc_r_mac) == Errc::unsupported);
  CHECK(code("20", SecurityLevel::all) == Errc::unsupported);
}

TEST_CASE("SCP03 level 33 as a card of another make spoke it: R-MAC and R-ENC over three answers") {
  // kaoh/globalplatform, scp03Test.c, send_apdu_rmac_rencryption: the same 165 octets there and back, three
  // times.
  std::string text;
  for (int i = 0; i < 15; ++i)
    text += to_hex(as_bytes("Hello World"));
  const std::vector<Script::Turn> turns = {
      {"84400000B80422E602DD973125102DDE05875CA115C04D811A40593DB9D9480927CC9A249BD118FB6C674A86BF70D0CD"
       "898153A438DAC4CD302B74876D718481FCDB9D39944453BEBD28832300C99FB8035D2DFF3E3CB3F5DAD5683301279292"
       "07A179226EB5C6C52341A297CB2C8F25E481F1CE6EF6EADD2410E70EB268AF48D29CB20CFCB8448DE83235ADA96A5EEE"
       "D379C0701924707DA111DBB9039ACF8E19F1CE62AA4EF26D7C871E842ED815245F7F2D9A9A87D9BDA54B188DCB",
       "20F075017DE9F58A1E3D7567CBE71140AC0EBFA376881449A0665992BB997C6A145AC6BE3B642931C2652F62B85532B4"
       "5689EB3E37602E6276B72BABE6A0FF00BEB02473EF22792A37F70D17F7715F103528CC6122880FC86AE75E5F085F1B37"
       "492FF33DD148162DAFA203D973F3A4579F8B547FACB14034641FC817BBDF119A9EB0F24DED4F9CE3640B46189EE2138B"
       "405446FA4F154D4F9600B288299642BEF5A387B71922A0CAD4D77D9596E8F417A6DB42CFE2C1081E9000"},
      {"84400000B803C6D93C9A2EBE310E2215CEAC64C9CB8A03A89657272AE001E398FB7A7F42E02210672D0927DBE2BF6F80"
       "AA322D948C2743EFBA75EC51FD9BC5E6B4306371916CC50B0F341177FB99091F560A37C88D1A387443792E128A3A0411"
       "8D0EA9F8EC989012FE4E097440411852373B4470851AC573A0B15262E506B34F771DCC53A24E91FAD37FE67454FAAFEF"
       "CC3E2F7141DCD7174D88933629E632C1CFDD5D1D30017D0CA14FE32A022F064C93EB4769F5A497BE036C5A563F",
       "EFA214CD7DE37F299690265ECDBF210361CBC87EAA227C7A5FC1C984A8DFFAF82B6C1856E57C399FA46AA13F9A7150F7"
       "6207BCBF7421EFE6424D1FCFEF090F63CDF6C1F21F951E286D6A237843B4E1AD070D7FB16C883D052338F19D5C5E9613"
       "5398F6251E5D48984EBE528E42A93CBD880D67D6631BCCEF13C3D54572C77CEAD84D26F72A4A66FA13DDCFA6C1BF8F5C"
       "F4AB151D722B3DBE86841F30BA15E4B90834B122257913FAA6F09D0E540E114817C1ED9F9D2F7AD39000"},
      {"84400000B8982E6E5F120796589037A751431F835CCF17C5A13CB4D7F5E0948CF48538FEDCD6F2F0A54F813E8BA755DF"
       "E22F7B847BF6A8BBDB1FEEC531B44D01B92BD55EEAA5B55B770AF293E4995E14E3076A40A89ED21A6C2F3772839E6E9A"
       "31FAB4B493AB31FE1D951AD11D9924DF15C1C33A5F3C90D168E2A78437ED40601B5289C56F2F020C78744C8C22141A2F"
       "CFFADB4B4FDE504EFABA6DD9D5EAD7E0F7D57B58F97C28DACD4C9E93052A0F16EFDF2A41DDFE373917C351B9B8",
       "0E625EA4492C2253DF239C271E0DEA22DDB136461742E6AD02FA9710588655A17B9C9C115076E00EF858C84662827AF5"
       "B90CE2374A575A7208E708BB3D01F655A996BF10F6077F61FBD71927E352215CE9348429FDAB03A3E6EEC5C71556A3C4"
       "2B98240D224314638608CFDCFE5847BB2811948956F9204BC69085A034F33982E75BEBDEB71B59665FCEA9EDD27A85AB"
       "E908171D68E2FA639E2ABA02A27CD21E3A37EE831A1C1C1CF6ECD1B4C744EBD250EA42072B5300789000"},
  };
  Script card{{{"80500000082C8130E574247B1B00",
                "00010203040506070809000370A5874C57119B976BF94879E36F29E0390000019000"},
               {"8482330010A75F1CD48F3B93DFA57E690937921F92", "9000"}}};
  auto channel = SecureChannel::open(card.transmit(), test_keys(KeyType::aes),
                                     options(SecurityLevel::all, "2C8130E574247B1B"));
  REQUIRE_MESSAGE(channel, card.trouble);
  for (const auto& turn : turns) {
    auto wrapped = channel->wrap(command("80400000A5" + text)).value();
    wrapped.le.reset();  // as that host sent it
    CHECK(to_hex(apdu::encode(wrapped)) == turn.command);
    const auto answer = channel->unwrap(*apdu::parse_response(hex(turn.answer)));
    CHECK(to_hex(answer.value().data) == text);
  }
}
