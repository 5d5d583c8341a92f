// from_hex: any text; what is read is written and read the same.

#include "cardea/hex.h"
#include "split.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text{data, data + size};
  if (const auto octets = cardea::from_hex(text)) {
    cardea::fuzz::require(cardea::from_hex(cardea::to_hex(*octets)) == octets);
  }
  return 0;
}
