// parse_command: what is read is written back octet for octet, and nothing else ends the program.

#include "cardea/apdu/class_byte.h"
#include "cardea/apdu/command.h"
#include "split.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const cardea::BytesView octets{data, size};
  const auto command = cardea::apdu::parse_command(octets);
  if (!command) {
    cardea::fuzz::require(command.error() == cardea::apdu::sw::kWrongLength);
    return 0;
  }
  cardea::fuzz::require(cardea::equal(cardea::apdu::encode(*command), octets));
  if (const auto cla = cardea::apdu::parse_class_byte(command->cla)) cardea::fuzz::require(cla->channel < 20);
  return 0;
}
