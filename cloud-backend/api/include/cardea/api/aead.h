#pragma once

#include <array>
#include <cstdint>

#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::api {

/// Authenticated encryption, numbered as in HPKE's registry (RFC 9180, section 7.3). Both have keys of 32,
/// nonces of 12 and tags of 16 octets.
enum class Aead : std::uint8_t {
  aes256gcm = 2,         ///< libsodium offers it only where the processor has AES instructions
  chacha20poly1305 = 3,  ///< everywhere (RFC 8439)
};

/// What everything that is stored or sent uses, so that no card can be opened on one machine only
/// (decisions/0002-one-aead.md). The number stands in each format; readers take both.
inline constexpr Aead kDefaultAead = Aead::chacha20poly1305;

inline constexpr std::size_t kAeadKeySize = 32;
inline constexpr std::size_t kAeadTagSize = 16;
using AeadNonce = std::array<std::uint8_t, 12>;

/// Whether this machine can compute it; false for numbers that are not in the list.
[[nodiscard]] bool available(Aead aead);

/// Ciphertext ‖ tag. A nonce must never serve twice under one key: the caller's duty. Errors: `unsupported`
/// on this machine.
Result<Bytes> aead_seal(Aead aead, const Secret<kAeadKeySize>& key, const AeadNonce& nonce, BytesView aad,
                        BytesView plain);

/// Errors: `denied` for anything that is not what was sealed with this key, nonce and associated data;
/// `unsupported` on this machine.
Result<SecretBytes> aead_open(Aead aead, const Secret<kAeadKeySize>& key, const AeadNonce& nonce,
                              BytesView aad, BytesView sealed);

}  // namespace cardea::api
