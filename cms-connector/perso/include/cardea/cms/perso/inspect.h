#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cardea/cms/perso/plan.h"
#include "cardea/cms/piv/card.h"
#include "cardea/cms/piv/objects.h"

namespace cardea::cms::perso {

/// What a slot holds, as far as the card tells.
struct SlotReport {
  piv::Slot slot;
  std::optional<piv::KeyAlgorithm> algorithm;
  std::optional<ca::CertificateInfo> certificate;
  Bytes der;  ///< of the certificate
};

struct CardReport {
  piv::CardFacts facts;
  std::optional<piv::Guid> guid;
  std::string expiry;  ///< of the CHUID, "YYYYMMDD"
  std::optional<piv::KeyHistory> history;
  std::vector<SlotReport> slots;      ///< those that hold something
  std::vector<std::string> problems;  ///< what is not as it should be, or not as the plan says
};

/// Reads everything that needs no PIN, and compares it with itself and with the plan, where one is given:
/// keys against certificates, validity, algorithms, objects, the count of retired keys. Errors: those of the
/// card.
Result<CardReport> inspect(piv::Card& card, const Plan* plan);

}  // namespace cardea::cms::perso
