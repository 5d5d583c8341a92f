#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cardea/cms/perso/plan.h"

namespace cardea::cms::perso {

enum class StepKind : std::uint8_t {
  open,          ///< select PIV, see that it is the right card
  authenticate,  ///< 9B
  object,        ///< write a data object, read it back
  retire,        ///< the slot's old key moves to a retired slot
  generate,      ///< a key pair on the card
  import_key,    ///< one that was made off the card
  request,       ///< PKCS#10, signed by the card
  certificate,   ///< from the authority
  store,         ///< write the certificate, read it back
  puk,
  pin,
  management_key,
};

/// One step of a plan, in the order in which they are taken.
struct Step {
  StepKind kind = StepKind::open;
  std::string id;         ///< "9A/generate": what the state file remembers
  std::string title;      ///< "9A generate RSA-2048"
  std::uint32_t tag = 0;  ///< object, store
  std::size_t slot = 0;   ///< index into Plan::slots
};

/// Which secrets are set; the steps of those that are kept are left out.
struct Changes {
  bool pin = false, puk = false, management_key = false;
};

std::vector<Step> plan_steps(const Plan& plan, const Changes& changes);

/// Steps that every run begins with, also a resumed one: what they achieve does not outlive the connection.
bool is_volatile(StepKind kind);

}  // namespace cardea::cms::perso
