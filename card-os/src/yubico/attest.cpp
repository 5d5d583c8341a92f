#include "piv/piv.h"
#include "piv/references.h"

namespace cardea::card::piv {

// F9 ATTEST. The card has no attestation key yet: what there is to say is which answer a key gets on a card
// without one.
CardResult<Reply> Piv::attest(const Command& command) {
  if (!is_key_slot(command.p1)) return refuse(sw::kWrongData);
  CARDEA_TRY(const auto key, load_key(command.p1));
  if (key && key->origin == KeyOrigin::imported) return refuse(sw::kWrongData);
  return refuse(sw::kReferencedDataNotFound);
}

}  // namespace cardea::card::piv
