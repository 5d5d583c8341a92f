#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::cms::ca {

/// Those for whom something is enciphered that this host is not to read again: CMS EnvelopedData (RFC 5652)
/// with AES-256, for RSA and EC certificates. Each of them can open it: `openssl cms -decrypt -inform PEM`.
class Recipients {
 public:
  /// Certificates in PEM, one after another. Errors: `invalid` (none, expired, an RSA key below 2048 bits,
  /// another kind of key, a key usage that does not allow it).
  static Result<Recipients> from_pem(std::string_view certificates);
  /// Likewise, from files. Errors also: `not_found`, `unavailable`.
  static Result<Recipients> load(const std::vector<std::string>& files);

  /// The envelope in PEM. Errors: `invalid` when OpenSSL cannot make it.
  [[nodiscard]] Result<std::string> seal(const SecretBytes& content) const;

  /// The certificates that it was made from.
  [[nodiscard]] const std::string& pem() const { return pem_; }

 private:
  explicit Recipients(std::string pem) : pem_{std::move(pem)} {}
  std::string pem_;
};

}  // namespace cardea::cms::ca
