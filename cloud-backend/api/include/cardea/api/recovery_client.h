#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "cardea/api/client.h"
#include "cardea/api/http.h"
#include "cardea/api/pin_form.h"
#include "cardea/api/recovery.h"
#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

/// Recovery over HTTP (openapi.yaml, tag "recovery"): what a logged-in holder leaves behind, and what a link
/// allows. What the messages hold is made by recovery.h. The card's secret and what opens it stay here.
namespace cardea::api::recovery {

// --- Before: by the holder, with the PIN
// ----------------------------------------------------------------------------------

/// Shows the PIN to the card of a session that is used for nothing else, and so gets the card's secret; the
/// session is logged in from then on. `field` is the PIN as it stands in a command, padded. Errors: `denied`
/// for a wrong PIN, with the tries that are left; `not_found` for a card that has no secret; those of Client.
Result<CardSecret> show_pin(Client& client, const CardSession& session, const SecretBytes& field);

/// Codes in place of those that were there.
Result<void> leave_codes(Client& client, const CardSession& session, std::span<const Code> codes,
                         const CardSecret& secret);

/// Questions with their answers, as `normalise_answer` leaves them, in place of those that were there. Takes
/// three times as long as a PIN login. Errors: `invalid` for equal or missing answers.
Result<void> leave_answers(Client& client, const CardSession& session,
                           const std::array<std::string, kAnswers>& questions,
                           std::array<SecretBytes, kAnswers> answers, const CardSecret& secret);

/// The half stays with the caller. Errors: `denied` for a registrar's workstation.
Result<void> leave_half(Client& client, const CardSession& session, const Half& half,
                        const CardSecret& secret);

/// What is there for a card.
struct Standing {
  std::size_t codes = 0;  ///< unused ones
  bool answers = false;
  std::size_t workstations = 0;  ///< with a half
};
Result<Standing> standing_of(Client& client, const std::string& card);

// --- Afterwards: by whoever has the link
// ----------------------------------------------------------------------------------

struct LinkView {
  std::string organisation;
  std::string card;
  std::string label;
  std::vector<std::string> questions;  ///< three, or none
  std::size_t codes = 0;               ///< unused ones
  unsigned attempts = 0;               ///< left
  std::string expires;                 ///< RFC 3339
  PinForm pin_form = PinForm::decimal;
  bool assisted = false;  ///< the registration authority stands behind it
};

/// One link. Errors carry the server's sentence: `denied` for an expired link, a code that is not there,
/// answers that open nothing; `not_found` for a link that is unknown or was used; `exhausted` when no attempt
/// is left; those of HttpConnection.
class LinkClient {
 public:
  LinkClient(std::unique_ptr<HttpConnection> connection, std::string link);

  /// Spends nothing.
  Result<LinkView> look();

  /// An attempt that was right.
  struct Opened {
    CardSecret secret;
    Bytes challenge;  ///< sealed to the card
  };
  /// One attempt each, spent at the server before it answers.
  Result<Opened> open(const LinkView& view, const Code& code);
  Result<Opened> open(const LinkView& view, std::array<SecretBytes, kAnswers> answers);
  Result<Opened> open(const LinkView& view, const Half& half, const std::string& device);

  /// Sets the new PIN, a field as in a command, and ends the link. After `unavailable` it may or may not have
  /// been done.
  Result<void> set_pin(const LinkView& view, const Opened& opened, const SecretBytes& field);

  /// It was not me: the card is blocked.
  Result<void> disown();

 private:
  Result<nlohmann::json> post(const char* path, nlohmann::json body);

  std::unique_ptr<HttpConnection> connection_;
  std::string link_;
};

}  // namespace cardea::api::recovery
