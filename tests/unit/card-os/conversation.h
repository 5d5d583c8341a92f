#pragma once

#include <string>
#include <string_view>

#include "cardea/apdu/response.h"
#include "cardea/hex.h"
#include "cardea/test/print.h"
#include "cardea/test/test_card.h"

namespace cardea::test {

// What conversations with a card begin with, and their answers in hexadecimal.

inline constexpr std::string_view kVerify = "00 20 00 80 08 313233343536FFFF";
inline constexpr std::string_view kWrongPin = "00 20 00 80 08 393939393939FFFF";
inline constexpr std::string_view kStatus = "00 20 00 80";

/// The whole response: data and status word.
inline std::string ask(TestCard& card, std::string_view command) {
  return to_hex(apdu::encode(card.send(command)));
}

/// Mutual authentication with the factory's management key and the published vector's numbers.
inline void become_administrator(TestCard& card) {
  card.world().rng.load("1122334455667788"_hex);
  REQUIRE(ask(card, "0087039B047C028000") == "7C0A80086C5E94DCADD39F1D9000");
  REQUIRE(ask(card, "0087039B167C14800811223344556677888108A1A2A3A4A5A6A7A8") ==
          "7C0A8208199FA374705A69EB9000");
}

/// A P-256 key in a slot; leaves the caller administrator. The point, 04 ‖ x ‖ y.
inline Bytes make_p256(TestCard& card, std::string_view reference) {
  become_administrator(card);
  const auto response = card.send("004700" + std::string{reference} + "05AC0380011100");
  REQUIRE(response.sw == apdu::sw::kOk);
  return Bytes(response.data.begin() + 5, response.data.end());  // 7F49 43 86 41
}

/// GENERAL AUTHENTICATE over a hash of 32 zeroes.
inline std::string sign_p256(std::string_view reference) {
  return "008711" + std::string{reference} + "267C2482008120" + std::string(64, '0');
}

}  // namespace cardea::test
