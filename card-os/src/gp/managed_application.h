#pragma once

#include <cstdint>
#include <span>

#include "cardea/apdu/aid.h"
#include "cardea/card/ports/store.h"
#include "cardea/card/result.h"

namespace cardea::card::gp {

/// An application that a security domain deletes, makes again and fills, without its being selected.
class ManagedApplication {
 public:
  ManagedApplication() = default;
  ManagedApplication(const ManagedApplication&) = delete;
  ManagedApplication& operator=(const ManagedApplication&) = delete;
  virtual ~ManagedApplication() = default;

  [[nodiscard]] virtual const apdu::Aid& instance() const = 0;

  /// Erases all that belongs to it, in one transaction with `also` and under its condition.
  virtual CardResult<void> erase(const Condition& condition, const Change& also) = 0;
  /// Brings it into the state in which it is delivered, with `also` in the transaction that finishes it.
  virtual CardResult<void> make(const Condition& condition, const Change& also) = 0;

  /// Data objects in BER-TLV as its own PUT DATA has them, one after the other: all or none.
  virtual CardResult<void> store_objects(BytesView objects) = 0;
  /// One data group (DGI). `confidential`: nobody on the way could read it. The caller wipes the value.
  virtual CardResult<void> store_group(std::uint16_t group, BytesView value, bool confidential) = 0;
};

}  // namespace cardea::card::gp
