// Whatever an application sends: the stripper keeps the shape of each command and lets nothing of a PIN's
// field through.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "cardea/api/pin_command.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cardea::api::PinStripper stripper;
  cardea::BytesView rest{data, size};
  while (!rest.empty()) {
    const auto n = std::min<std::size_t>(rest.front(), rest.size() - 1);
    const auto sent = rest.subspan(1, n);
    rest = rest.subspan(1 + n);
    const auto out = stripper.strip(cardea::to_bytes(sent));
    if (out.apdu.size() != sent.size()) std::abort();
    if (!std::equal(out.apdu.begin(),
                    out.apdu.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(4, n)),
                    sent.begin())) {
      std::abort();
    }
    // No channel was opened: nothing here answers. So of these commands no class lets an octet through.
    const bool takes_a_pin =
        n > 4 && ((sent[1] & 0xFEU) == 0x20 || (sent[1] & 0xFEU) == 0x24 || (sent[1] & 0xFEU) == 0x2C);
    const bool is_short = n > 5 && sent[4] != 0 && n >= 5U + sent[4];
    if (takes_a_pin && is_short &&
        std::any_of(out.apdu.begin() + 5, out.apdu.begin() + 5 + sent[4], [](auto o) { return o != 0; }))
      std::abort();
    if (out.answer) std::abort();
    if (!out.shown) continue;
    const auto field = out.shown->field.expose();
    if (field.empty() || field.size() > 255) std::abort();
    // What is left of it after the header: length fields and zeroes, nothing of the field.
    const bool plain = n > 5 && sent[4] != 0 && n >= 5U + sent[4];
    if (plain &&
        std::any_of(out.apdu.begin() + 5, out.apdu.begin() + 5 + sent[4], [](auto o) { return o != 0; }))
      std::abort();
  }
  return 0;
}
