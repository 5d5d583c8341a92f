#pragma once

#include <string>
#include <string_view>

#include "cardea/card/ports/audit.h"
#include "cardea/service/world.h"

namespace cardea::service {

/// Writes what a card reports into the audit log, with who had the card in hand.
class CardAudit final : public card::Audit {
 public:
  struct Subject {
    std::string organisation;
    std::string card;
    std::string actor;  ///< "device:<id>", "administrator"
  };

  CardAudit(World world, Subject subject) : world_{world}, subject_{std::move(subject)} {}

  Result<void> record(const card::AuditEvent& event) override;
  /// A proof that came late was shown: not to the card, which knows of PINs only while they are compared.
  Result<void> record_refund(card::PinRef ref, const card::PinVerdict& verdict);

 private:
  Result<void> append(std::string_view action, bool success, std::string detail);

  World world_;
  Subject subject_;
};

}  // namespace cardea::service
