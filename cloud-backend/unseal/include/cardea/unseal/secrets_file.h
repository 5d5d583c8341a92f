#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "cardea/unseal/shares.h"

namespace cardea::unseal {

/// What opens the token. The old ones are there while they are being changed: then the token has the old or
/// the new.
struct Secrets {
  SecretBytes user;
  SecretBytes officer;  ///< may be empty
  SecretBytes old_user;
  SecretBytes old_officer;

  [[nodiscard]] bool changing() const { return !old_user.empty(); }
  [[nodiscard]] Secrets clone() const;
};

/// The file that holds the token's PINs, encrypted under the unseal key, and by what its shares are
/// recognised. Worth nothing without enough shares; without the file the shares are worth nothing: it belongs
/// into every backup.
///
/// JSON: format 1, key (id), threshold, shares (digests in the order of their numbers), sealed (nonce 24 |
/// XChaCha20-Poly1305 of user, officer, old_user, old_officer, each with a one-octet length; the additional
/// data are "cardea secrets 1" and the other members).
class SecretsFile {
 public:
  KeyId key{};
  unsigned threshold = 0;
  std::vector<std::array<std::uint8_t, 32>> shares;
  Bytes sealed;

  /// Errors: `invalid` for shares that no split could give.
  static Result<SecretsFile> make(const UnsealKey& key, unsigned threshold,
                                  std::vector<std::array<std::uint8_t, 32>> shares, const Secrets& secrets);
  /// Nothing when there is no file. Errors: `corrupt`, `unavailable`.
  static Result<std::optional<SecretsFile>> load(const std::filesystem::path& path);
  /// All or nothing, and durable; mode 0600. Errors: `unavailable`.
  Result<void> save(const std::filesystem::path& path) const;

  /// Errors: `denied` for another key, `corrupt`.
  [[nodiscard]] Result<Secrets> open(const UnsealKey& key) const;

 private:
  [[nodiscard]] Bytes context() const;
};

}  // namespace cardea::unseal
