#include <doctest/doctest.h>

#include "bench.h"
#include "cardea/test/print.h"

using namespace cardea;
using card::Algorithm;
using card::gp::Protocol;
using test::ChannelBench;

namespace {

constexpr const char* kInitialize = "8050000008000102030405060700";
constexpr const char* kAuthenticate = "84820300109F232EF0F595686630F2734DC73DA62D";

}  // namespace

TEST_CASE("a session of level 03 [GP-2.3.1#E]") {
  ChannelBench card;
  card.add_keys(0xFF, Protocol::scp02, 0x15, Algorithm::tdes);
  card.count_sessions(0xFF, 1);
  card.next_challenge("A1A2A3A4A5A6");
  CHECK(card.send(kInitialize) == "00001122334455667788FF020001A1A2A3A4A5A6837DCD3FD9AAC5BA 9000");
  CHECK(card.send(kAuthenticate) == "9000");
  CHECK(card.channel.security_level() == 0x03);
  CHECK(card.counters.current(0xFF).value() == 2);

  card.will_answer("E3");
  CHECK(card.send("84F2800210CDA18B342F9D6AB01989409A4151386500") == "E3 9000");
  CHECK(card.arrived() == "80F28002024F0000");
}

TEST_CASE("the pseudo-random challenge follows from the counter [GP-2.3.1#E.4.2]") {
  ChannelBench card;
  card.add_keys(0xFF, Protocol::scp02, 0x55, Algorithm::tdes);
  card.count_sessions(0xFF, 1);
  CHECK(card.send(kInitialize).substr(0, 40) == "00001122334455667788FF020001EE69B58ADC72");
}
