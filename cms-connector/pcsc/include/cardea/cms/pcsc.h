#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cardea/cms/channel.h"

namespace cardea::cms {

/// A reader as PC/SC lists it.
struct Reader {
  std::string name;
  bool card_present = false;
  bool in_use = false;     ///< another program is connected
  bool exclusive = false;  ///< another program keeps the card to itself
  Bytes atr;               ///< empty without a card
};

/// All readers, in PC/SC's order. Errors: `unavailable` when the PC/SC service does not answer.
Result<std::vector<Reader>> list_readers();

/// The one reader that `wanted` names: its exact name, or else a part of it that fits no other reader, in any
/// case. An empty `wanted` names the only reader there is. Errors: `not_found`; `conflict` when several fit.
Result<std::string> pick_reader(const std::vector<std::string>& names, const std::string& wanted);

/// How long to wait, whom to tell, and when to give up early.
struct WaitOptions {
  std::chrono::milliseconds deadline{15000};
  std::function<void(const std::string&)> tell;  ///< called once, when there is something to wait for
  std::function<bool()> interrupted;             ///< asked about once a second
};

/// Waits until the reader is there and holds a card, and connects to it: exclusively, with T=1. The card is
/// reset when the channel is destroyed, so that no verified PIN stays behind.
///
/// Errors: `unavailable` (no PC/SC service, no reader or card until the deadline, card held by another
/// program), `conflict` (several readers fit the name).
struct Connected {
  std::string reader;
  std::unique_ptr<Channel> channel;
};
Result<Connected> connect_card(const std::string& wanted, const WaitOptions& options);

class Context;
class Waiting;

/// One reader, into which one card after another is put. It tells a card that was taken out and put in again,
/// or exchanged, from one that stayed: PC/SC counts these events. Once there was a card, a PC/SC service that
/// goes away is waited for like a reader; it counts anew, so that any card is the next one then.
class CardFeed {
 public:
  explicit CardFeed(std::string wanted) : wanted_{std::move(wanted)} {}

  /// The card that is in the reader, or the first that comes. Errors as for `connect_card`.
  Result<Connected> current(const WaitOptions& options);
  /// A card that was put in after the one that was connected last. Errors likewise.
  Result<Connected> next(const WaitOptions& options);
  /// Whether there is a card in the reader now; false also without a reader.
  [[nodiscard]] bool present() const;
  /// Until something changes in the reader of the last card, or `at_most`; a moment when PC/SC does not
  /// answer.
  void wait_for_change(std::chrono::milliseconds at_most) const;

 private:
  Result<Connected> connect(const WaitOptions& options, bool another);
  Result<Connected> connect_in(const std::shared_ptr<Context>& context, Waiting& waiting, bool another);

  std::string wanted_;
  std::shared_ptr<Context>
      context_;                   ///< that of the last card; it tells whether the service is still the same
  std::string reader_;            ///< of the last card
  unsigned long last_event_ = 0;  ///< PC/SC's count when the last card was connected
};

}  // namespace cardea::cms
