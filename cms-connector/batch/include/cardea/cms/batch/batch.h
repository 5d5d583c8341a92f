#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cardea/cms/batch/record.h"
#include "cardea/cms/ca/authority.h"
#include "cardea/cms/perso/issue.h"
#include "cardea/cms/piv/card.h"

namespace cardea::cms::batch {

/// Why a card is asked for.
enum class Why : std::uint8_t {
  first,    ///< nothing happened yet: the card that is in the reader will do
  issued,   ///< the one in the reader is finished
  refused,  ///< the one in the reader is not to be issued
  failed,   ///< the one in the reader was given up for now
  lost,     ///< the one that was being issued is gone, and is the one that is wanted
};

/// What the next card is to be.
struct Wanted {
  Why why = Why::first;
  std::string guid;  ///< `lost`: of the card that has to come back
};

/// A card in a reader; connected for as long as this lives.
class Seat {
 public:
  Seat() = default;
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  Seat(Seat&&) = delete;
  Seat& operator=(Seat&&) = delete;
  virtual ~Seat() = default;
  virtual piv::Card& card() = 0;
  [[nodiscard]] virtual std::string reader() const = 0;
};

/// Where cards come from: a reader, and whoever fills it.
class CardSource {
 public:
  CardSource() = default;
  CardSource(const CardSource&) = delete;
  CardSource& operator=(const CardSource&) = delete;
  CardSource(CardSource&&) = delete;
  CardSource& operator=(CardSource&&) = delete;
  virtual ~CardSource() = default;

  /// Waits for the next card: with `first` and `lost` the one that is there will do, otherwise one that came
  /// after the last. Errors: `unavailable` (no reader, no card in time, interrupted), `denied` (whoever fills
  /// the reader has no more).
  virtual Result<std::unique_ptr<Seat>> next(const Wanted& wanted) = 0;
};

/// Who is told how it goes.
class Listener : public perso::Progress {
 public:
  /// `number` of `count` people.
  virtual void person(std::size_t number, std::size_t count, const Entry& entry, bool resumed) = 0;
  virtual void issued(const Entry& entry, std::chrono::milliseconds took,
                      const std::vector<std::string>& warnings) = 0;
  virtual void not_issued(const Entry& entry, const std::string& why) = 0;
  /// A card that was put in and is not to be issued, or was lost.
  virtual void remark(const std::string& sentence) = 0;
};

/// How people's cards are to be issued.
struct Terms {
  const perso::Plan& plan;
  const perso::Credentials& current;
  bool keep_going = false;           ///< the next person's turn when one fails
  bool retry_failed = false;         ///< people who failed before are tried again, on the card they had
  bool give_up_interrupted = false;  ///< a new card for those whose half issued card does not come back
  std::time_t now = 0;
  perso::KeySource* keys = nullptr;  ///< for slots whose keys are made off the card
};

struct Tools {
  CardSource& cards;
  ca::Authority& authority;
  RecordStore& record;
  const Folder& folder;
  Listener& listener;
  std::function<bool()> interrupted;
};

struct Tally {
  std::size_t done = 0, failed = 0, left = 0;
};
Tally count(const Record& record);

/// Issues one card after another until everybody has one, and keeps `record` in step: saved before a card is
/// begun and after it is done.
///
/// Law: killed at any point and run again with the saved record, nobody gets two cards, no card is issued
/// twice, and a card that was begun is finished before its person gets another. Cards are told apart by the
/// GUID of their CHUID and by their serial number.
perso::Outcome<Tally> run(Record& record, const Terms& terms, Tools& tools);

}  // namespace cardea::cms::batch
