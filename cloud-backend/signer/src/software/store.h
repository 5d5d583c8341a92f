#pragma once

#include <p11-kit/pkcs11.h>

#include <filesystem>
#include <string>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/secret.h"

namespace cardea::signer::software {

/// The files of a software token (vault/README.md has their layout): `token` holds the token key, once under
/// each PIN; `NAME.object` one token object each under the token key. Files are written whole and renamed, so
/// a reader needs no lock.
class Store {
 public:
  explicit Store(std::filesystem::path directory) : directory_{std::move(directory)} {}

  [[nodiscard]] bool initialised() const;
  /// Empty when the token is not initialised.
  [[nodiscard]] std::string label() const;

  /// A new token key under the officer's PIN.
  [[nodiscard]] CK_RV initialise(std::string_view label, BytesView so_pin) const;
  /// The token key: CKR_PIN_INCORRECT when the PIN is wrong.
  CK_RV open(CK_USER_TYPE user, BytesView pin, Secret<32>& token_key) const;
  /// Puts the token key under a (new) PIN of the user or the officer.
  [[nodiscard]] CK_RV set_pin(CK_USER_TYPE user, BytesView pin, const Secret<32>& token_key) const;

  /// Names of all object files.
  [[nodiscard]] std::vector<std::string> names() const;
  /// CKR_DEVICE_ERROR for a file that is damaged or of another token.
  CK_RV read(const std::string& name, const Secret<32>& token_key, SecretBytes& content) const;
  /// Under a new random name.
  CK_RV write(BytesView content, const Secret<32>& token_key, std::string& name) const;
  CK_RV remove(const std::string& name) const;

 private:
  [[nodiscard]] bool replace(const std::string& name, BytesView content) const;
  [[nodiscard]] Bytes slurp(const std::string& name) const;

  std::filesystem::path directory_;
};

}  // namespace cardea::signer::software
