#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "cardea/api/channel.h"
#include "cardea/api/opaque.h"
#include "cardea/api/pin_command.h"
#include "cardea/api/pin_form.h"
#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::api {

/// What the client binds a PIN login to, besides the PIN's reference.
struct LoginPlace {
  std::string tenant;
  std::string card;
  std::string device_thumbprint;
  Bytes access_token_hash;  ///< SHA-256 of the token that opened the session
  Bytes tls_exporter;       ///< empty where the tenant does not require it
};

/// One command that shows a PIN, the client's half: the PIN stays here, and what goes to the server proves
/// that it is known.
///
///   start ── opening() ──►  server spends a try  ── PinChallenge ──►  finish ── Proof ──►  server gives it
///   back
class PinLogin {
 public:
  /// Errors: none that can be provoked.
  static Result<PinLogin> start(StrippedCommand command, PinForm form);

  /// The first step. Its response is what the application gets if there is no challenge, or the PIN is wrong.
  [[nodiscard]] PinOpeningStep opening() const;

  struct Proof {
    PinProofStep step;
    std::array<std::uint8_t, opaque::kKe3Size> ke3{};
    Secret<64> session_key;
    std::uint64_t generation = 0;
  };
  /// Stretches the PIN: takes as long as the challenge says. Errors: `denied` when the PIN is wrong or the
  /// two ends do not speak of the same session; `invalid` or `corrupt` for a challenge that is none;
  /// `exhausted`.
  Result<Proof> finish(const PinChallenge& challenge, const LoginPlace& place) &&;

  /// Whether the application may be told 9000 before the server has the proof: VERIFY changes nothing that
  /// lasts.
  [[nodiscard]] bool sets_a_value() const { return new_reference_ != 0; }
  /// Of the PIN that is shown.
  [[nodiscard]] std::uint8_t reference() const { return reference_; }

 private:
  PinLogin() = default;

  Bytes apdu_;   // as the application sent it: perhaps the last part of a chain
  Bytes whole_;  // the whole command
  std::uint8_t reference_ = 0;
  std::uint8_t new_reference_ = 0;
  bool well_formed_ = false;
  bool new_well_formed_ = false;
  bool new_factory_value_ = false;
  std::optional<opaque::ClientLogin> login_;
  std::optional<opaque::ClientRegistration> registration_;
};

}  // namespace cardea::api
