#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cardea/card/ports/pin_vault.h"
#include "cardea/service/card_secrets.h"
#include "cardea/service/card_sessions.h"
#include "cardea/service/world.h"

namespace cardea::service {

struct NewCard {
  std::string organisation;           ///< id
  std::optional<std::string> holder;  ///< id of a person
  std::string profile = "piv-yubikey5";
  std::string label;                           ///< made from the serial number when empty
  std::optional<store::BlankRequest> asked{};  ///< it is to be a blank card
};

/// What may be told of a card's PINs: their counters. Nothing for a PIN that was never set. `must_change`
/// only where the organisation wants PINs of the holder's own.
struct PinsView {
  std::optional<card::PinStatus> pin;
  std::optional<card::PinStatus> puk;

  /// "pin", "puk": which the holder is to change before keys that need the PIN are used.
  [[nodiscard]] std::vector<std::string> must_change() const;
};

/// A card with its holder's name, for lists.
struct CardView {
  store::CardRow row;
  std::string holder_name;
  std::vector<std::string> must_change{};  ///< see PinsView; not in lists of a whole organisation
  // Where one card is shown, not in lists.
  std::optional<PinsView> pins{};
  std::optional<PasscodeView> passcode{};
  std::optional<std::vector<std::uint8_t>> key_versions{};  ///< of its GlobalPlatform keys
};

/// Makes and manages cards. Each act is in the audit log; a card in the making is announced there before
/// anything is done and concluded afterwards, so that a kill between leaves a trace that `finish_interrupted`
/// follows.
class Cards {
 public:
  Cards(World world, CardSessions& sessions)
      : world_{world}, sessions_{sessions}, secrets_{world}, pin_keys_{world.vault} {}

  /// Errors: `invalid` (no such profile), `not_found` (no such organisation or person), those of store and
  /// vault.
  Result<store::CardRow> issue(const NewCard& card, const std::string& actor);

  // Sessions of the card end at once. Errors: `not_found`.
  Result<void> block(const std::string& card, const std::string& actor);
  Result<void> remove(const std::string& card, const std::string& actor);

  /// Whoever has the card open has it no more.
  void end_sessions(const std::string& card, SessionEnd reason) { sessions_.end_all_of_card(card, reason); }

  Result<void> unblock(const std::string& card, const std::string& actor);
  /// Ends the card's issuance: from then on only its holder can open its keys, and the holder's devices may
  /// open it. Errors: `not_found`; `conflict` while PIN or PUK has no copy of the card's secret, and while
  /// the card is not complete; those of check_still_own.
  Result<void> activate(const std::string& card, const std::string& actor);
  /// Nobody holds the card when there is no holder.
  Result<void> assign(const std::string& card, const std::optional<std::string>& holder,
                      const std::string& actor);

  /// With the PIN counters; asking for them spends no try. Errors: `not_found`, those of the store.
  Result<CardView> show(const std::string& card);
  /// All cards of an organisation.
  Result<std::vector<CardView>> list(const std::string& organisation);
  /// The card, if the caller may open it. Errors: `not_found`.
  Result<store::CardRow> visible(const Caller& caller, const std::string& card);
  /// The cards that the caller may open.
  Result<std::vector<CardView>> visible_to(const Caller& caller);

  /// At start, before the first request: cards that were being made when the last run ended are activated if
  /// nothing of them is missing, else removed. Returns how many there were.
  Result<std::size_t> finish_interrupted();

 private:
  Result<void> make(const store::CardRow& row, const std::string& actor);
  Result<void> note(const store::CardRow& row, const std::string& actor, std::string_view action,
                    bool success, std::string detail = "{}");
  Result<PinsView> pins_of(const store::CardRow& row);
  Result<std::vector<CardView>> with_names(std::vector<store::CardRow> rows, const std::string& organisation);

  World world_;
  CardSessions& sessions_;
  CardSecrets secrets_;
  PinKeyring pin_keys_;
};

}  // namespace cardea::service
