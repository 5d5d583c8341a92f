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
