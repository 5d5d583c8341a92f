// The runner notices everything that is not as written, and says where.

#include <doctest/doctest.h>

#include "functions.h"
#include "player.h"

namespace cardea::transcript {

namespace {

std::string outcome(std::string_view text) {
  Player player{std::string{test::kYubikey5}, "."};
  try {
    player.play(text);
  } catch (const Mismatch& e) {
    return e.what();
  }
  return "as written";
}

}  // namespace

TEST_CASE("runner: what is as written passes") {
  CHECK(outcome("> 00200080\n< 63C3\n") == "as written");
  CHECK(outcome("# text\n\n> 00 20\n  00 80   # in two lines\n< 63C?\n") == "as written");
  CHECK(outcome("> 00FD0000\n< ? {minor:1} 03 9000\nexpect $minor = 04\n") == "as written");
  CHECK(outcome("> 00FD0000\n< * 03 9000\n") == "as written");
}

TEST_CASE("runner: a wrong status word and wrong data, with the line and the step") {
  CHECK(outcome("> 00200080\n< 63C3\n> 00200080\n< 9000\n") ==
        "line 4, step 2: got 63C3 wrong, 3 tries left, want 9000 ok");
  CHECK(outcome("> 00FD0000\n< 050404 9000\n") == "line 2, step 1: got data 050403, want 050404");
  CHECK(outcome("> 00FD0000\n< 9000\n") == "line 2, step 1: got data 050403, want no data");
  CHECK(outcome("> 00FD0000\n< 0504 9000\n") == "line 2, step 1: got data 050403, want 0504");
  CHECK(outcome("> 00FD0000\n< 05040303 * 9000\n") == "line 2, step 1: got data 050403, want 05040303 *");
  CHECK(outcome("> 00200080\n< 6A82|63C3\n") ==
        "line 2, step 1: got 63C3 wrong, 3 tries left, want 6A82|63C3");
}

TEST_CASE("runner: where profiles differ, each has its own line") {
  const std::string both = "profile piv-nist piv-yubikey5\n> 00FD0000\n";
  CHECK(outcome(both + "on piv-nist < 6D00\non piv-yubikey5 < 050403 9000\n") == "as written");
  CHECK(outcome(both + "on piv-nist < 9000\non piv-yubikey5 < 6D00\n") ==
        "line 4, step 1: got 9000 ok, want 6D00 instruction code not supported");
  CHECK(outcome(both + "on piv-nist < 6D00\n") ==
        "line 3, step 1: the last command has no answer in the transcript");
  CHECK(outcome(both + "on piv-mine < 6D00\n") ==
        "line 3, step 1: the transcript is not played for piv-mine");
  CHECK(outcome(both + "on piv-nist\n") == "line 3, step 1: on PROFILE LINE");
}

TEST_CASE("runner: missing and left-over steps") {
  CHECK(outcome("> 00200080\n") == "line 1, step 1: the last command has no answer in the transcript");
  CHECK(outcome("> 00200080\n> 00200080\n< 63C3\n") ==
        "line 2, step 1: the command before has no answer in the transcript");
  CHECK(outcome("< 9000\n") == "line 1, step 0: an answer without a command");
  CHECK(outcome("> 00200080\n< 63C3\n< 63C3\n") == "line 3, step 1: an answer without a command");
  CHECK(outcome("# nothing\n") == "line 0, step 0: a transcript without commands");
  CHECK(outcome("fail store after 1\n> 00200080\n< 63C3\n") ==
        "line 3, step 1: left over: the planned failure never came");
  CHECK(outcome("random 01\n> 00200080\n< 63C3\n") ==
        "line 3, step 1: left over: nobody asked for the loaded randomness");
}

TEST_CASE("runner: mistakes in the transcript itself") {
  CHECK(outcome("jump 3\n") == "line 1, step 0: unknown directive jump");
  CHECK(outcome("> 0020008\n< 9000\n") == "line 1, step 1: not an octet: '8'");
  CHECK(outcome("> $pin\n< 9000\n") == "line 1, step 1: $pin has no value");
  CHECK(outcome("> {nothing:00}\n< 9000\n") == "line 1, step 1: no function is called nothing");
  CHECK(outcome("> {lc:00\n< 9000\n") == "line 1, step 1: a brace is not closed");
  CHECK(outcome("> 00FD0000\n< * * 9000\n") == "line 2, step 1: more than one part of open length");
  CHECK(outcome("> 00200080\n< 63C3\nprofile piv-nist\n") == "line 3, step 1: the profile comes first");
  CHECK(outcome("include nowhere.part\n") == "line 1, step 0: nowhere.part cannot be read");
}

TEST_CASE("runner: the effect that a command declares") {
  CHECK(outcome("> 00200080\n< 63C3\neffect surprising\n").starts_with("line 3, step 1: the command is "));
}

TEST_CASE("functions: lengths, slices and known ciphers") {
  const Variables none;
  CHECK(evaluate("{lc:AABB}", none) == Bytes{0x02, 0xAA, 0xBB});
  CHECK(evaluate("{lcx:AABB}", none) == Bytes{0x00, 0x00, 0x02, 0xAA, 0xBB});
  CHECK(evaluate("{slice:00112233:1:2}", none) == Bytes{0x11, 0x22});
  CHECK(evaluate("{tlv:5FC105:{fill:AA:2}}", none) == Bytes{0x5F, 0xC1, 0x05, 0x02, 0xAA, 0xAA});
  // FIPS 197, appendix B and C.3.
  CHECK(evaluate("{aes:2B7E151628AED2A6ABF7158809CF4F3C:3243F6A8885A308D313198A2E0370734}", none) ==
        evaluate("3925841D02DC09FBDC118597196A0B32", none));
  CHECK(evaluate("{unaes:000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F:"
                 "8EA2B7CA516745BFEAFC49904B496089}",
                 none) == evaluate("00112233445566778899AABBCCDDEEFF", none));
}

}  // namespace cardea::transcript
