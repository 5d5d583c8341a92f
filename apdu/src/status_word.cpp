#include "cardea/apdu/status_word.h"

#include <array>
#include <string_view>

#include "cardea/hex.h"

namespace cardea::apdu {

namespace {

struct Name {
  StatusWord word;
  std::string_view text;
};

constexpr Name kNames[] = {
    {sw::kOk, "ok"},
    {sw::kSelectedFileInvalidated, "selected file or application invalidated"},
    {sw::kVerificationFailed, "verification failed"},
    {sw::kMemoryFailure, "memory failure"},
    {sw::kWrongLength, "wrong length"},
    {sw::kLogicalChannelNotSupported, "logical channel not supported"},
    {sw::kSecureMessagingNotSupported, "secure messaging not supported"},
    {sw::kLastOfChainExpected, "last command of the chain expected"},
    {sw::kChainingNotSupported, "command chaining not supported"},
    {sw::kSecurityNotSatisfied, "security status not satisfied"},
    {sw::kAuthBlocked, "authentication method blocked"},
    {sw::kReferenceDataUnusable, "reference data not usable"},
    {sw::kConditionsNotSatisfied, "conditions of use not satisfied"},
    {sw::kWrongData, "incorrect parameters in the command data field"},
    {sw::kFunctionNotSupported, "function not supported"},
    {sw::kNotFound, "file, application or object not found"},
    {sw::kNoMemory, "not enough memory space"},
    {sw::kWrongP1P2, "incorrect parameters P1-P2"},
    {sw::kReferencedDataNotFound, "referenced data not found"},
    {sw::kInsNotSupported, "instruction code not supported"},
    {sw::kClaNotSupported, "class not supported"},
    {sw::kUnspecified, "no precise diagnosis"},
};

std::string_view name_of(StatusWord word) {
  for (const auto& entry : kNames) {
    if (entry.word == word) return entry.text;
  }
  return {};
}

}  // namespace

std::string describe(StatusWord word) {
  const std::array octets{word.sw1(), word.sw2()};
  std::string out = to_hex(octets);
  if (const auto name = name_of(word); !name.empty()) return out.append(" ").append(name);
  if ((word.value() & 0xFFF0U) == 0x63C0U) {
    const unsigned tries = word.value() & 0x0FU;
    return out.append(" wrong, ")
        .append(std::to_string(tries))
        .append(tries == 1 ? " try left" : " tries left");
  }
  if (word.sw1() == 0x61) return out.append(" more data available");
  if (word.sw1() == 0x6C) return out.append(" wrong Le");
  return out;
}

}  // namespace cardea::apdu
