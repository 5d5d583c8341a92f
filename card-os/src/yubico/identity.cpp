#include "engine/error_map.h"
#include "piv/card_record.h"
#include "piv/piv.h"
#include "yubico/version.h"

namespace cardea::card::piv {

// FD GET VERSION.
CardResult<Reply> Piv::version(const Command&) {
  return Reply{to_bytes(yubico::kVersion)};
}

// F8 GET SERIAL.
CardResult<Reply> Piv::serial(const Command&) {
  CARDEA_TRY(const auto card, lift(load_card_record(ports_.store)));
  Reply reply;
  append_be32(reply.data, card.serial);
  return reply;
}

}  // namespace cardea::card::piv
