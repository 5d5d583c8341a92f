#pragma once

#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cardea/api/oprf.h"
#include "cardea/service/card_sessions.h"
#include "cardea/service/cards.h"
#include "cardea/service/pins.h"
#include "cardea/service/world.h"

namespace cardea::service {

struct RecoveryLimits {
  std::chrono::seconds life = std::chrono::minutes{30};
  unsigned attempts = 5;        ///< of one link
  std::size_t links_a_day = 3;  ///< of one card
  std::size_t most_codes = 20;
};

/// How a holder gets back in without the PIN (security.md, section 5). The holder's half is
/// cardea/api/recovery.h. A link gives the right to try for a while; a printed code or two of three answers
/// open the card's secret, on the holder's side; whoever has that sets a new PIN, and the keys survive.
///
/// Each attempt is spent durably before anything is answered. Thread-safe.
class Recovery {
 public:
  Recovery(World world, Cards& cards, PinOptions pins, RecoveryLimits limits = {});

  // --- By a holder who is logged in: the caller has made sure (CardSessions::holder_of).

  using Elements = std::array<Bytes, 3>;
  /// The tenant's function over three blinded answers, under a nonce that no stored enrolment uses.
  struct Evaluation {
    Bytes nonce;
    Elements evaluated;
    Bytes ksf;
  };
  Result<Evaluation> evaluate_for_enrolment(const std::string& card, const Elements& blinded);
  Result<void> keep_answers(const std::string& card, store::RecoveryAnswers answers,
                            const std::string& actor);
  /// A copy that the device's half opens. Errors: `denied` for a registrar's device.
  Result<void> keep_half(const std::string& card, const std::string& device, BytesView copy,
                         const std::string& actor);
  Result<void> keep_codes(const std::string& card, const std::vector<store::RecoveryCode>& codes,
                          const std::string& actor);

  /// What the holder has left behind.
  struct Standing {
    std::size_t codes = 0;  ///< unused ones
    bool answers = false;
    std::size_t workstations = 0;  ///< with a half
  };
  Result<Standing> standing(const std::string& card);

  // --- By an administrator or a registrar.

  struct Link {
    std::string token;  ///< a secret of 256 bits; only its hash is kept
    store::Time expires;
  };
  /// `assisted`: whoever makes it has seen to it that the bearer is the holder, and halves may be used.
  /// Errors: `not_found`, `exhausted` (three a day), `denied` for a card that nobody could recover.
  Result<Link> new_link(const std::string& card, const std::string& actor, bool assisted = false);

  // --- By two officers of a tenant with an escrow key. What they open stays with them: the server sees
  // neither the key nor the card's secret.

  struct EscrowCase {
    std::string id;
    std::string card;
    std::string officer;  ///< who asked
    bool approved = false;
    store::Time expires;
  };
  struct View;
  struct EscrowOpening;
  /// Errors: `denied` for a card without an escrow copy. Cases are for an hour and do not outlive the server.
  Result<EscrowCase> request_escrow(const std::string& card, const std::string& officer,
                                    const std::string& reason, const std::string& actor);
  /// Errors: `denied` for the officer who asked.
  Result<void> approve_escrow(const std::string& id, const std::string& officer, const std::string& actor);
  /// Once: the escrow copy, and a link that is good for `new_pin` and `complete` alone. Errors: `denied`
  /// while nobody has approved.
  Result<EscrowOpening> open_escrow(const std::string& id, const std::string& actor);

  // --- By whoever has the link.

  struct View {
    std::string card;
    std::string organisation;
    std::string label;
    std::vector<std::string> questions;  ///< three, or none
    std::size_t codes = 0;               ///< unused ones
    unsigned attempts = 0;
    store::Time expires;
    bool decimal_pins = false;  ///< what the new PIN must look like (OpenedSession)
    bool assisted = false;
  };
  /// Spends nothing. Errors: `not_found`, `denied` (expired).
  Result<View> look(std::string_view token);

  struct EscrowOpening {
    View view;
    std::string link;
    Bytes copy;       ///< sealed to the tenant's escrow key
    Bytes challenge;  ///< sealed to the card's public key
  };

  struct Attempt {
    Elements evaluated;         ///< of the answers
    std::vector<Bytes> copies;  ///< three for answers, one for a code
    Bytes ksf;                  ///< for answers
    Bytes challenge;            ///< sealed to the card's public key
    unsigned attempts_left = 0;
  };
  Result<Attempt> try_answers(std::string_view token, const Elements& blinded);
  /// `name` is what the code is known by. Errors: `denied` for one that is not there; the attempt is spent.
  Result<Attempt> try_code(std::string_view token, const Bytes& name);

  /// For a workstation that keeps a half. Errors: `denied` for a link that is not assisted (nothing is
  /// spent), and for a device that has no half or is revoked.
  Result<Attempt> try_half(std::string_view token, const std::string& device);

  /// Registration response for the new PIN, after an attempt, and how it is to be stretched.
  struct Registration {
    Bytes response;
    Bytes ksf;
  };
  Result<Registration> new_pin(std::string_view token, BytesView registration_request);

  struct Completion {
    Bytes answer;       ///< what the challenge says: only the card's secret reads it
    Bytes record;       ///< of the new PIN
    Bytes secret_copy;  ///< for its holder
  };
  /// Sets the new PIN with full tries and ends the link, and the code if there was one. Errors: `denied` when
  /// the challenge was not answered: the attempt is over.
  Result<void> complete(std::string_view token, const Completion& completion);

  /// "It was not me": the card is blocked and the link is over.
  Result<void> disown(std::string_view token);

 private:
  struct Open {
    Bytes challenge;
    std::optional<Bytes> code;
    std::string_view by;  ///< for the log
    Bytes nonce;          ///< of the new PIN's registration
    store::Time expires;
  };

  Bytes hash_of(std::string_view token) const;
  Result<api::oprf::KeyPair> function_of(const store::CardRow& row, BytesView nonce);
  Result<Elements> evaluate(const store::CardRow& row, BytesView nonce, const Elements& blinded);
  /// Spends an attempt and says so in the log.
  Result<store::RecoveryLink> spend(const Bytes& hash);
  Result<Bytes> challenge(const Bytes& hash, const store::CardRow& row, std::optional<Bytes> code,
                          store::Time expires, std::string_view by);
  /// With the mutex held.
  Result<EscrowCase*> escrow_case(const std::string& id);
  /// What the registration authority contributes.
  Result<Bytes> registrar_opens(const store::CardRow& row, const std::string& device);
  Result<Open> opened(const Bytes& hash, bool take);
  Result<void> note(const store::CardRow& row, const std::string& actor, std::string_view action,
                    bool success, std::string detail = "{}");

  World world_;
  Cards& cards_;
  PinOptions pins_;
  RecoveryLimits limits_;
  PinKeyring pin_keys_;
  CardSecrets secrets_;
  std::mutex mutex_;
  std::map<std::string, EscrowCase> cases_;
  std::map<Bytes, Open> open_;  // by the link's hash; an attempt does not outlive the server
};

}  // namespace cardea::service
