#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "cardea/apdu/aid.h"
#include "cardea/card/ports/store.h"
#include "cardea/card/result.h"

namespace cardea::card::gp {

/// One piece of what STORE DATA brings.
struct Part {
  /// Number of the data group (DGI); nothing for data objects in BER-TLV, one after the other, as the
  /// application's own PUT DATA has them.
  std::optional<std::uint16_t> group;
  BytesView value;
  bool confidential = false;  ///< nobody on the way could read it
};

/// How the making of an application ended.
enum class Making : std::uint8_t {
  finished,
  not_claimed,  ///< the record was not what the condition says
  overtaken,    ///< it is not what was claimed any more
};

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
  /// Brings it into the state in which it is delivered. First, under the condition, comes `claimed`: it has a
  /// value that nobody else's has, and with it no application yet. Nothing is touched before, and of several
  /// that make the application at once the last to claim finishes. `made` is in the transaction that
  /// finishes it. What is interrupted in between is made from the beginning the next time.
  virtual CardResult<Making> make(const Condition& condition, const Change& claimed, const Change& made) = 0;

  /// All parts are looked at before the first is written: what is refused is written in no part. The caller
  /// wipes the values.
  virtual CardResult<void> store(std::span<const Part> parts) = 0;
};

}  // namespace cardea::card::gp
