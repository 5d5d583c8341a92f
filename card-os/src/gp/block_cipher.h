#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>

#include "cardea/bytes.h"
#include "cardea/card/ports/key_vault.h"
#include "cardea/card/ports/session_cipher.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::card::gp {

/// A block cipher with its key, wherever the key is.
class BlockCipher {
 public:
  BlockCipher() = default;
  BlockCipher(const BlockCipher&) = delete;
  BlockCipher& operator=(const BlockCipher&) = delete;
  virtual ~BlockCipher() = default;

  [[nodiscard]] virtual std::size_t block_size() const = 0;
  /// CBC over whole blocks.
  virtual Result<SecretBytes> encrypt(BytesView initial, BytesView blocks) const = 0;

  /// CBC with an initial value of zeroes; for one block, ECB.
  Result<SecretBytes> encrypt(BytesView blocks) const;
};

/// A key that stays in the vault: one call of the vault a block.
class StaticKey final : public BlockCipher {
 public:
  StaticKey(KeyVault& vault, const KeyHandle& key) : vault_{vault}, key_{key} {}

  using BlockCipher::encrypt;
  [[nodiscard]] std::size_t block_size() const override { return card::block_size(key_.algorithm); }
  Result<SecretBytes> encrypt(BytesView initial, BytesView blocks) const override;
  /// CBC backwards.
  [[nodiscard]] Result<SecretBytes> decrypt(BytesView initial, BytesView blocks) const;

 private:
  KeyVault& vault_;
  const KeyHandle& key_;
};

/// A key of the session.
class SessionKey final : public BlockCipher {
 public:
  SessionKey(SessionCipher& cipher, Algorithm algorithm, SecretBytes key)
      : cipher_{cipher}, algorithm_{algorithm}, key_{std::move(key)} {}

  using BlockCipher::encrypt;
  [[nodiscard]] std::size_t block_size() const override { return card::block_size(algorithm_); }
  Result<SecretBytes> encrypt(BytesView initial, BytesView blocks) const override {
    return cipher_.cbc_encrypt(algorithm_, key_, initial, blocks);
  }
  Result<SecretBytes> decrypt(BytesView initial, BytesView blocks) const {
    return cipher_.cbc_decrypt(algorithm_, key_, initial, blocks);
  }

 private:
  SessionCipher& cipher_;
  Algorithm algorithm_;
  SecretBytes key_;
};

/// CMAC with a block of 16 octets (SP 800-38B), untruncated.
Result<SecretBytes> cmac(const BlockCipher& key, BytesView message);

/// All parts one after the other, in one place that is wiped.
SecretBytes join(std::initializer_list<BytesView> parts);
/// The same with 80 00 .. up to a multiple of `block` (ISO/IEC 9797-1, padding method 2).
SecretBytes join_padded(std::initializer_list<BytesView> parts, std::size_t block);
/// How long the data was before it was padded; nothing when no padding is there.
std::optional<std::size_t> unpadded_size(BytesView padded);

}  // namespace cardea::card::gp
