#pragma once

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "cardea/cms/ca/request.h"
#include "cardea/cms/perso/plan.h"
#include "cardea/cms/perso/steps.h"
#include "cardea/cms/piv/objects.h"
#include "cardea/result.h"

namespace cardea::cms::perso {

/// What is known about a data object that this issuance writes.
struct ObjectState {
  Bytes content;         ///< what it is to hold; empty while that is not known yet
  bool touched = false;  ///< a write was at least begun
  Bytes before;          ///< what it held before; empty: nothing
  friend bool operator==(const ObjectState&, const ObjectState&) = default;
};

/// What is known about a slot.
struct SlotState {
  std::optional<piv::PublicKey> key;
  Bytes request, certificate;  ///< DER; empty while there is none
  friend bool operator==(const SlotState&, const SlotState&) = default;
};

/// How far one card's issuance has come. Everything that resuming and rolling back need, and no secret.
struct State {
  std::string plan;  ///< the plan's document
  piv::Guid guid{};
  std::optional<std::uint32_t> serial;  ///< of the card, where it has one
  std::string reader;
  ca::Holder holder;
  Changes changes;
  std::map<std::uint32_t, ObjectState> objects;
  std::map<std::uint8_t, SlotState> slots;  ///< by key reference
  /// Steps whose effect cannot be seen on the card: written down before they are taken.
  std::set<std::string> begun;
  std::set<std::string> done;
  bool renewal = false;  ///< of a card that was issued before; `guid` is its own
  bool finished = false;
  bool rolled_back = false;
};

/// A new issuance: draws the GUID and the identifiers, and composes the data objects. `now` decides the
/// expiry.
Result<State> new_state(const Plan& plan, const ca::Holder& holder, const Changes& changes, std::time_t now);

/// Whether anything was, or may have been, done to a card.
bool has_begun(const State& state);

/// "3F1A…": 32 digits.
std::string guid_text(const piv::Guid& guid);

std::string to_text(const State& state);
/// Errors: `corrupt`, with what is wrong.
Result<State> parse_state(std::string_view text);

/// Where the state is kept.
class StateStore {
 public:
  StateStore() = default;
  StateStore(const StateStore&) = delete;
  StateStore& operator=(const StateStore&) = delete;
  StateStore(StateStore&&) = delete;
  StateStore& operator=(StateStore&&) = delete;
  virtual ~StateStore() = default;
  /// When it returns, the state survives the loss of power. Errors: `unavailable`.
  virtual Result<void> save(const State& state) = 0;
};

/// A file of mode 0600, replaced as a whole at each save.
class StateFile final : public StateStore {
 public:
  explicit StateFile(std::filesystem::path path) : path_{std::move(path)} {}
  Result<void> save(const State& state) override;
  [[nodiscard]] Result<State> load() const;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Remembers nothing: for the dry run.
class NoState final : public StateStore {
 public:
  Result<void> save(const State&) override { return {}; }
};

/// $XDG_STATE_HOME/cardea-cms, or ~/.local/state/cardea-cms.
std::filesystem::path state_directory();

/// The state files of unfinished issuances in a directory.
std::vector<std::filesystem::path> unfinished_states(const std::filesystem::path& directory);

}  // namespace cardea::cms::perso
