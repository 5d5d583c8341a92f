// read_tlv, read_tlvs: values lie within the input, nested ones too, and rewriting them reads the same.

#include "cardea/apdu/tlv.h"
#include "split.h"

namespace {

void walk(cardea::BytesView octets, int depth) {
  const auto objects = cardea::apdu::read_tlvs(octets);
  if (!objects) return;
  std::size_t total = 0;
  for (const auto& object : *objects) {
    total += object.whole.size();
    cardea::fuzz::require(object.value.size() < object.whole.size());
    const auto again = cardea::apdu::make_tlv(object.tag, object.value);
    const auto back = cardea::apdu::read_tlv(again);
    cardea::fuzz::require(back && back->tag == object.tag && cardea::equal(back->value, object.value));
    if (objects->size() < 64) cardea::fuzz::require(cardea::apdu::find(*objects, object.tag).has_value());
    if (depth < 8) walk(object.value, depth + 1);
  }
  cardea::fuzz::require(total == octets.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  walk({data, size}, 0);
  return 0;
}
