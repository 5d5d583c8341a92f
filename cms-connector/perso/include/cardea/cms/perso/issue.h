#pragma once

#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "cardea/cms/ca/authority.h"
#include "cardea/cms/perso/key_source.h"
#include "cardea/cms/perso/plan.h"
#include "cardea/cms/perso/secrets.h"
#include "cardea/cms/perso/state.h"
#include "cardea/cms/perso/steps.h"
#include "cardea/cms/piv/card.h"

namespace cardea::cms::perso {

/// How a run ends; the value is the program's exit code.
enum class Exit : std::uint8_t {
  ok = 0,
  refused = 1,
  usage = 2,
  no_card = 3,
  ca_failed = 4,
  interrupted = 5
};

/// A run that did not reach its end.
struct Failure {
  Exit exit = Exit::refused;
  std::string what;  ///< a sentence for the person at the workstation
  friend bool operator==(const Failure&, const Failure&) = default;
};

/// Errors of card and disk as the end of a run: what is gone can be resumed, what is refused was refused.
Failure to_failure(const Error& error);

template <class T>
using Outcome = tl::expected<T, Failure>;

/// Who is told how it goes.
class Progress {
 public:
  Progress() = default;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  Progress(Progress&&) = delete;
  Progress& operator=(Progress&&) = delete;
  virtual ~Progress() = default;

  virtual void begin(std::size_t number, std::size_t count, const std::string& title) = 0;
  /// `note` may be empty: "there already".
  virtual void done(const std::string& note) = 0;
  virtual void failed() = 0;
};

/// What a run works with.
struct Desk {
  piv::Card& card;
  ca::Authority& authority;
  StateStore& states;
  Progress& progress;
  std::function<bool()> interrupted;  ///< asked between two steps
};

/// What a run is to do, and with which secrets.
struct Job {
  const Plan& plan;
  const Credentials& current;  ///< what opens the card before anything is changed
  const NewCredentials& fresh;
  bool replace = false;       ///< a card that is issued already may be issued anew
  KeySource* keys = nullptr;  ///< for slots whose keys are made off the card
};

/// Takes the steps of the plan that are not yet taken, and keeps `state` in step with the card: it is saved
/// before each act that cannot be seen on the card, and after each step. A new state issues; one from a file
/// resumes.
///
/// Law: whatever ends a run, running again with the saved state goes on where the card is. No PIN or PUK
/// value is tried more than once in a run. Result: warnings.
Outcome<std::vector<std::string>> issue(const Job& job, State& state, Desk& desk);

/// Brings the card back to what it was: objects as before, PIN, PUK and management key as before where this
/// issuance changed them. Result: what could not be undone. Needs the fresh secrets that were set.
Outcome<std::vector<std::string>> roll_back(const Job& job, State& state, Desk& desk);

}  // namespace cardea::cms::perso
