#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "cardea/apdu/aid.h"
#include "cardea/card/ports/store.h"
#include "engine/protection.h"
#include "gp/records.h"

namespace cardea::card::gp {

/// What the registry says of the PIV application, as the present command of this session found it.
///
/// All that the application writes passes through here: another session may delete it, and make it anew, in
/// the middle of a command.
class Registration final : public Availability {
 public:
  Registration(Store& store, apdu::Aid application) : store_{store}, application_{std::move(application)} {}

  CardResult<void> look() override;
  [[nodiscard]] bool selectable(const apdu::Aid& aid) const override {
    return selectable(seen_.registry, aid);
  }
  [[nodiscard]] std::uint64_t instance() const override { return seen_.registry.instance; }

  /// `Store::commit` of the application's own records. Errors: 6985 when the application that the command
  /// began with is not there any more, or was locked, and nothing is written then; the store's.
  CardResult<void> commit(std::span<const Change> changes);

  /// Whether the application is still the one that the command began with, for what is no record. Errors:
  /// 6985.
  CardResult<void> still_there();

 private:
  [[nodiscard]] bool selectable(const Registry& registry, const apdu::Aid& aid) const;

  Store& store_;
  apdu::Aid application_;
  StoredRegistry seen_;
};

}  // namespace cardea::card::gp
