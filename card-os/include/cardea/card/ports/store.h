#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::card {

/// What kind of thing a record is. Values are stored: never renumber.
enum class RecordSpace : std::uint8_t {
  card = 0,    ///< one record: life cycle, serial number, what else the card is made with
  object = 1,  ///< data objects, by tag
  key = 2,     ///< keys, by key reference: handle, public key and policies, in card-os's own encoding
};

/// Names one record of one card.
struct RecordId {
  RecordSpace space = RecordSpace::card;
  std::uint32_t id = 0;

  friend auto operator<=>(const RecordId&, const RecordId&) = default;
};

/// One line of a transaction: a new value, or nothing to erase the record.
struct Change {
  RecordId id;
  std::optional<Bytes> value;
};

/// What a record must be at the moment of a commit: this value, or not there.
struct Condition {
  RecordId id;
  std::optional<Bytes> value;
};

/// The persistent records of one card.
///
/// Laws, tested by tests/contract for each implementation:
///  1. `commit` applies all its changes or none, whatever interrupts it, also a kill of the process.
///  2. When `commit` has returned success, the changes survive loss of power.
///  3. `generation` grows by at least one with each successful `commit` and never shrinks.
///  4. `get` and `list` see the last successful `commit`, from whichever session of the card it came.
///  5. A failed call changes nothing. Erasing what is not there is a success.
///  6. `commit_if` is one step with its conditions: of two that expect the same value and change it, whatever
///     sessions they come from, one succeeds. The other is a `conflict`.
class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  /// The record's value, or nothing when there is none.
  virtual Result<std::optional<Bytes>> get(RecordId id) = 0;

  /// The ids in one space, ascending.
  virtual Result<std::vector<std::uint32_t>> list(RecordSpace space) = 0;

  Result<void> commit(std::span<const Change> changes) { return commit_if({}, changes); }
  /// Errors: `conflict` when a record is not as its condition says.
  virtual Result<void> commit_if(std::span<const Condition> conditions, std::span<const Change> changes) = 0;

  /// A number that tells whether anything of this card changed: records or PINs (law 3).
  virtual Result<std::uint64_t> generation() = 0;
};

}  // namespace cardea::card
