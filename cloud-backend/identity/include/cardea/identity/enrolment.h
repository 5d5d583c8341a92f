#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "cardea/api/jose.h"
#include "cardea/card/ports/clock.h"
#include "cardea/identity/dpop.h"
#include "cardea/result.h"
#include "cardea/store/database.h"

namespace cardea::identity {

/// Whom a new device will belong to.
struct EnrolmentOffer {
  std::string organisation;           ///< id
  std::optional<std::string> person;  ///< id
  store::DeviceRole role = store::DeviceRole::user;
  std::chrono::milliseconds valid{std::chrono::minutes{15}};
};

struct IssuedCode {
  std::string code;  ///< "ABCDE-FGHJK-MNPQR-STVWX"; a secret, shown once
  store::Time expires_at;
};

/// What a device shows to become known.
struct EnrolmentRequest {
  std::string_view code;
  api::VerifyKey key{};
  std::string_view dpop;  ///< the proof, made with the key and bound to the code
  RequestTarget target;
};

/// A public key whose private half the asking device has shown that it holds, for one code. Only
/// Enrolment::prove makes them, so that nobody else's key can be enrolled.
class ProvenKey {
 public:
  [[nodiscard]] const api::VerifyKey& key() const { return key_; }

 private:
  friend class Enrolment;
  ProvenKey(const api::VerifyKey& key, std::string digits) : key_{key}, digits_{std::move(digits)} {}

  api::VerifyKey key_;
  std::string digits_;  ///< of the code; empty when it can be none
};

/// One-time codes by which devices become known: 100 random bits in Crockford's base 32. The server keeps
/// their SHA-256 only, which is safe without stretching because nobody guesses 100 bits. Thread-safe.
class Enrolment {
 public:
  static constexpr std::chrono::hours kLongestValidity{24 * 7};

  /// Both outlive this.
  Enrolment(store::Database& database, const card::Clock& clock) : database_{database}, clock_{clock} {}

  /// Errors: `invalid` (validity not positive or above a week), those of the database.
  Result<IssuedCode> create(const EnrolmentOffer& offer);

  /// That the device holds the private key (RFC 9449; check_enrolment_proof). The code is not looked at yet,
  /// so that a refusal tells nothing of it, and is not used up. Errors: `denied`.
  [[nodiscard]] Result<ProvenKey> prove(const EnrolmentRequest& request) const;

  /// Uses up the code and adds the device. Reads lower case, spaces, other grouping, O for 0, I and L for 1.
  /// Errors: `denied` (never given out, used, expired: the sentence says which), `invalid` (a name that is
  /// empty, longer than 100 octets or has control characters), `conflict` (this key is a device already).
  Result<store::Device> redeem(const ProvenKey& key, std::string_view name);

  /// The organisation that gave out a code which could be redeemed now; nothing for any other text.
  Result<std::optional<std::string>> organisation_of(std::string_view code);

 private:
  store::Database& database_;
  const card::Clock& clock_;
};

}  // namespace cardea::identity
