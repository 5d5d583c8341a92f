#include "cardea/apdu/response.h"

#include "cardea/apdu/command.h"
#include "cardea/test/print.h"

namespace cardea::apdu {

TEST_CASE("response: data, then the status word [ISO7816-4#5.1.3]") {
  CHECK(to_hex(encode(Response{})) == "9000");
  CHECK(to_hex(encode({{0x05, 0x04, 0x03}, sw::kOk})) == "0504039000");
  CHECK(parse_response(from_hex("0504039000").value()) == Response{{0x05, 0x04, 0x03}, sw::kOk});
  CHECK(parse_response(from_hex("6982").value()) == Response{{}, sw::kSecurityNotSatisfied});
}

TEST_CASE("response: without room for a status word it is none, nor beyond 65 536 octets of data") {
  CHECK(parse_response({}) == std::nullopt);
  CHECK(parse_response(from_hex("90").value()) == std::nullopt);
  Bytes octets(kMaxResponseSize, 0x61);
  CHECK(parse_response(octets)->data.size() == 65536);
  octets.push_back(0);
  CHECK(parse_response(octets) == std::nullopt);
}

TEST_CASE("status word: halves, families, saturation") {
  CHECK(StatusWord{0x69, 0x82} == sw::kSecurityNotSatisfied);
  CHECK(sw::kNotFound.sw1() == 0x6A);
  CHECK(sw::kNotFound.sw2() == 0x82);
  CHECK(sw::tries_left(0).value() == 0x63C0);
  CHECK(sw::tries_left(15).value() == 0x63CF);
  CHECK(sw::tries_left(255).value() == 0x63CF);
  CHECK(sw::more_data(1).value() == 0x6101);
  CHECK(sw::more_data(255).value() == 0x61FF);
  CHECK(sw::more_data(256).value() == 0x6100);
  CHECK(sw::more_data(65536).value() == 0x6100);
}

TEST_CASE("status word: names for people") {
  CHECK(describe(sw::kOk) == "9000 ok");
  CHECK(describe(sw::kSecurityNotSatisfied) == "6982 security status not satisfied");
  CHECK(describe(sw::kAuthBlocked) == "6983 authentication method blocked");
  CHECK(describe(sw::kWrongLength) == "6700 wrong length");
  CHECK(describe(sw::kNotFound) == "6A82 file, application or object not found");
  CHECK(describe(sw::tries_left(3)) == "63C3 wrong, 3 tries left");
  CHECK(describe(sw::tries_left(1)) == "63C1 wrong, 1 try left");
  CHECK(describe(sw::tries_left(0)) == "63C0 wrong, 0 tries left");
  CHECK(describe(sw::more_data(16)) == "6110 more data available");
  CHECK(describe(StatusWord{0x6C08}) == "6C08 wrong Le");
  CHECK(describe(StatusWord{0x9104}) == "9104");
}

TEST_CASE("status word: every word that has a constant has a name") {
  for (const auto word : {sw::kOk,
                          sw::kSelectedFileInvalidated,
                          sw::kVerificationFailed,
                          sw::kMemoryFailure,
                          sw::kWrongLength,
                          sw::kLogicalChannelNotSupported,
                          sw::kSecureMessagingNotSupported,
                          sw::kLastOfChainExpected,
                          sw::kChainingNotSupported,
                          sw::kSecurityNotSatisfied,
                          sw::kAuthBlocked,
                          sw::kReferenceDataUnusable,
                          sw::kConditionsNotSatisfied,
                          sw::kWrongData,
                          sw::kFunctionNotSupported,
                          sw::kNotFound,
                          sw::kNoMemory,
                          sw::kWrongP1P2,
                          sw::kReferencedDataNotFound,
                          sw::kInsNotSupported,
                          sw::kClaNotSupported,
                          sw::kUnspecified}) {
    CHECK(describe(word).size() > 5);
  }
}

}  // namespace cardea::apdu
