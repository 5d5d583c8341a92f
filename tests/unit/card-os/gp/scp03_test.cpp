#include <doctest/doctest.h>

#include "bench.h"
#include "cardea/test/print.h"

using namespace cardea;
using card::Algorithm;
using card::gp::Protocol;
using test::ChannelBench;

namespace {

struct Vector {
  Algorithm algorithm;
  const char* card_cryptogram;
  const char* host_cryptogram;
  const char* host_mac;
  const char* encrypted;  // 4F00, first command
  const char* command_mac;
  const char* response_mac;
};

constexpr Vector kVectors[] = {
    {Algorithm::aes128, "90731990A1D499A2", "B0EDE46F131AB894", "C7896E62F437F8BB",
     "73523EB0EB279F5B28695AED4B193BAF", "CF8A52415716C587", "97BBDCA0D1C91298"},
    {Algorithm::aes192, "B9C1FDDB6581CA94", "A3F435DF48FEDDA3", "2E0004CC70CA44CF",
     "63FDEE3A83D219A937ED574CB0799950", "277A02C66E210CF0", "970F63318559835E"},
    {Algorithm::aes256, "A7E0354D063600A6", "9E94901FB3B9FAE7", "1FE63EDB2F8DF5D6",
     "9506695684F31F20049279B494EB3BF2", "683E95ABB08BBBF4", "DA68791CFAD0D457"},
};

}  // namespace

TEST_CASE("a session of level 33, all key sizes [GP-AmdD#6.2]") {
  for (const auto& v : kVectors) {
    CAPTURE(std::string{card::name(v.algorithm)});
    ChannelBench card;
    card.add_keys(0xFF, Protocol::scp03, 0x60, v.algorithm);
    card.next_challenge("A1A2A3A4A5A6A7A8");
    CHECK(card.send("8050000008000102030405060700") ==
          std::string{"00001122334455667788FF0360A1A2A3A4A5A6A7A8"} + v.card_cryptogram + " 9000");
    CHECK_FALSE(card.channel.authenticated());
    CHECK(card.send(std::string{"8482330010"} + v.host_cryptogram + v.host_mac + "00") == "9000");
    CHECK(card.channel.authenticated());
    CHECK(card.channel.security_level() == 0x33);
    CHECK(card.channel.key_version() == 0xFF);

    card.will_answer("E3134F08A0000001510000009F700101C5039EFE80");
    const auto answer = card.send(std::string{"84F2800218"} + v.encrypted + v.command_mac + "00");
    CHECK(card.arrived() == "80F28002024F0000");
    REQUIRE(answer.size() == 2 * 40 + 5);
    CHECK(answer.substr(64) == std::string{v.response_mac} + " 9000");
    if (v.algorithm == Algorithm::aes128)
      CHECK(answer.substr(0, 64) == "6F58DF01A1DD460D216D318AB2DE3EE9C501113B5FA5E66B1572B1A860B8E159");
  }
}

TEST_CASE("the pseudo-random challenge follows from the counter [GP-AmdD#6.2.2.1]") {
  ChannelBench card;
  card.add_keys(0x30, Protocol::scp03, 0x70, Algorithm::aes128);
  card.count_sessions(0x30, 1);
  const auto answer = card.send("8050300008000102030405060700");
  CHECK(answer.substr(0, 26 + 16) ==
        "000011223344556677883003"
        "70"
        "86C8BD65FA1044EE");
  CHECK(answer.substr(answer.size() - 11) == "000001 9000");
  CHECK(card.send("8050300008000102030405060700") == answer);  // nobody has come in
}
