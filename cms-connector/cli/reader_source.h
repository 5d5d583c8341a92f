#pragma once

#include <chrono>
#include <string>

#include "cardea/cms/batch/batch.h"
#include "cardea/cms/pcsc.h"
#include "channel_options.h"

namespace cardea::cms::cli {

/// How a reader is refilled.
struct Refill {
  std::string command;  ///< run by the shell when another card is wanted; empty: by hand, or by itself
  std::chrono::milliseconds deadline{60000};
};

/// Cards that are put into one PC/SC reader one after another. The command is told why in its environment:
/// CARDEA_REASON (`first`, `issued`, `refused`, `failed`, `lost`) and CARDEA_GUID (of the card that has to
/// come back). Exit code 0 means that a card is coming, 75 (EX_TEMPFAIL of sysexits.h) that it is to be asked
/// again, any other that there is no further card.
class ReaderSource final : public batch::CardSource {
 public:
  ReaderSource(std::string reader, Refill refill, WaitOptions wait, CardMaker card)
      : feed_{std::move(reader)},
        refill_{std::move(refill)},
        wait_{std::move(wait)},
        card_{std::move(card)} {}

  Result<std::unique_ptr<batch::Seat>> next(const batch::Wanted& wanted) override;

 private:
  /// True when a card is coming, false when the command is to be asked again.
  [[nodiscard]] Result<bool> ask(const batch::Wanted& wanted) const;
  [[nodiscard]] Result<void> ask_until_it_comes(const batch::Wanted& wanted) const;
  Result<Connected> connect(const batch::Wanted& wanted, bool another);

  CardFeed feed_;
  Refill refill_;
  WaitOptions wait_;
  CardMaker card_;
};

}  // namespace cardea::cms::cli
