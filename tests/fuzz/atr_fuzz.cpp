// parse_atr: historical octets lie within the input; what the builder makes, the parser takes.

#include "cardea/apdu/aid.h"
#include "cardea/apdu/atr.h"
#include "split.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const cardea::BytesView octets{data, size};
  if (const auto atr = cardea::apdu::parse_atr(octets)) {
    cardea::fuzz::require(atr->historical.size() <= 15 && !atr->interfaces.empty());
    cardea::fuzz::require(!atr->protocols().empty());
  }
  const auto built = cardea::apdu::parse_atr(cardea::apdu::make_t1_atr(octets));
  cardea::fuzz::require(built && built->historical.size() == std::min<std::size_t>(size, 15));
  if (const auto aid = cardea::apdu::Aid::from(octets)) cardea::fuzz::require(aid->selected_by(octets));
  return 0;
}
