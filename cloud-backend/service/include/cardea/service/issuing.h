#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cardea/service/card_certificate.h"
#include "cardea/service/card_sessions.h"
#include "cardea/service/cards.h"
#include "cardea/service/world.h"

namespace cardea::service {

/// What a card must be before it counts as issued, and how many blank ones there may be.
struct IssuingOptions {
  std::size_t blank_cards = 20;  ///< of one organisation, unwritten ones
  std::chrono::milliseconds blank_life = std::chrono::hours{24};
  std::vector<std::string> required_slots{};  ///< "9A", "9C", "9D", "9E"; one of the first three when empty
  std::vector<std::string> uid_attributes{"UID"};  ///< of subjects, see read_certificate
};

struct NewBlank {
  std::string request;  ///< the device's own name for it, 1 to 64 octets: asking again gets the same card
  std::string profile;
  std::string label;  ///< made from the serial number when empty
};

/// A certificate on a card that is being issued.
struct SlotCertificate {
  std::string slot;  ///< "9A"
  CertificateFacts facts;
};

/// Whom a card's certificates name.
struct HolderNames {
  std::string name;
  std::string email;  ///< the first of them; may be empty
  std::vector<store::PersonIdentifier> identifiers;
};

/// How far the issuing of a card has come.
struct IssuingView {
  CardView card;
  std::vector<std::string> missing;  ///< phrases; empty: it can be finished
  std::vector<SlotCertificate> certificates;
  std::optional<HolderNames> holder;  ///< as far as the certificates agree
  bool in_use = false;                ///< somebody has it in a reader
};

/// Issuing by a registration authority: blank cards on demand, written by whatever card management system it
/// has, finished when they are complete. The holder is read from the certificates. Thread-safe.
///
/// blank → issuing (the first write) → issued (`finish`) → in use (Cards::activate, or a device of the holder
/// is enrolled, or one that is enrolled already opens it). Only devices of registrars open a card before
/// that, a blank one only the device it was handed to.
class Issuing {
 public:
  Issuing(World world, CardSessions& sessions, Cards& cards, IssuingOptions options)
      : world_{world}, sessions_{sessions}, cards_{cards}, options_{std::move(options)} {}

  /// A blank card for a registrar's device: the one that it got for this request already, whatever has become
  /// of it; one that nobody wrote to; or a new one. Errors: `denied` for another role; `invalid`; `conflict`
  /// when the request was for another profile; `exhausted` at the limit; those of Cards::issue.
  Result<store::CardRow> blank(const Caller& caller, const NewBlank& wanted);

  /// Errors: `not_found`, `denied` for another role.
  Result<IssuingView> look(const Caller& caller, const std::string& card);
  Result<IssuingView> look(const std::string& card);

  /// The card is issued if nothing is missing (else the view says what), and gets its holder: whom the
  /// certificates' identifiers name in the card's organisation, or a new person. Once it is issued, asking
  /// again changes nothing. Errors: `not_found`; `denied`, also for a blocked card; `conflict` with a
  /// sentence when the identifiers are those of several people, or the card is not one that is being issued;
  /// `corrupt`.
  Result<IssuingView> finish(const Caller& caller, const std::string& card);
  Result<IssuingView> finish(const std::string& card, const std::string& actor);

  /// A registrar's device gives up a card that is not issued. Errors: `not_found`; `denied`.
  Result<void> discard(const Caller& caller, const std::string& card);

  /// The cards of a registrar's organisation that are blank or being issued, with whether they are in use.
  Result<std::vector<IssuingView>> unfinished(const Caller& caller);

  /// Removes blank cards that nobody wrote to for a long time. To be called now and then; how many there
  /// were.
  std::size_t sweep();

 private:
  Result<void> check_wanted(const Caller& caller, const NewBlank& wanted) const;
  Result<std::optional<store::CardRow>> reuse(const Caller& caller, const NewBlank& wanted,
                                              const std::vector<store::CardRow>& blanks);
  [[nodiscard]] bool as_new(const store::CardRow& row) const;
  Result<IssuingView> view_of(const store::CardRow& row);
  Result<void> add_certificates(const store::CardRow& row, IssuingView& view);
  struct Match {
    store::Person person;
    bool is_new = false;
  };
  Result<Match> match(const store::CardRow& row, const HolderNames& names);
  Result<IssuingView> finish(const store::CardRow& row, const std::string& actor);
  Result<void> settle(const store::CardRow& row, const HolderNames& names, const std::string& actor);

  World world_;
  CardSessions& sessions_;
  Cards& cards_;
  IssuingOptions options_;
  std::mutex handing_out_;  ///< so that the limit holds, and no two requests get one card
};

/// Whom the certificates of one card name together. Errors: `conflict` with a sentence when that is not one
/// person: two values of one kind that have none in common, or no identifier in common and different names;
/// `invalid` when no certificate has a name.
Result<HolderNames> holder_named_by(const std::vector<SlotCertificate>& certificates);

}  // namespace cardea::service
