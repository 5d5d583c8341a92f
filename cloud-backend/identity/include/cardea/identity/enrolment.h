#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "cardea/api/jose.h"
#include "cardea/card/ports/clock.h"
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

/// One-time codes by which devices become known: 100 random bits in Crockford's base 32. The server keeps
/// their SHA-256 only, which is safe without stretching because nobody guesses 100 bits. Thread-safe.
class Enrolment {
 public:
  static constexpr std::chrono::hours kLongestValidity{24 * 7};

  /// Both outlive this.
  Enrolment(store::Database& database, const card::Clock& clock) : database_{database}, clock_{clock} {}

  /// Errors: `invalid` (validity not positive or above a week), those of the database.
  Result<IssuedCode> create(const EnrolmentOffer& offer);

  /// Uses up `code` and adds the device. Reads lower case, spaces, other grouping, O for 0, I and L for 1.
  /// Errors: `denied` (never given out, used, expired: the sentence says which), `invalid` (a name that is
  /// empty, longer than 100 octets or has control characters), `conflict` (this key is a device already).
  Result<store::Device> redeem(std::string_view code, const api::VerifyKey& key, std::string_view name);

 private:
  store::Database& database_;
  const card::Clock& clock_;
};

}  // namespace cardea::identity
