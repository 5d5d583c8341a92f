// parse_response and its inverse; names of all status words.

#include "cardea/apdu/response.h"
#include "split.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const cardea::BytesView octets{data, size};
  if (const auto response = cardea::apdu::parse_response(octets)) {
    cardea::fuzz::require(cardea::equal(cardea::apdu::encode(*response), octets));
    cardea::fuzz::require(cardea::apdu::describe(response->sw).size() >= 4);
  }
  return 0;
}
