#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>

#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

// libsodium 1.0.18 has HMAC but not HKDF; both hashes are here because OPAQUE is defined over SHA-512 and
// HPKE's usual suites over SHA-256.
namespace cardea::api {

using Sha256 = std::array<std::uint8_t, 32>;
using Sha512 = std::array<std::uint8_t, 64>;

/// Hash of the parts, one after the other.
Sha256 sha256(std::initializer_list<BytesView> parts);
Sha512 sha512(std::initializer_list<BytesView> parts);

/// HMAC (RFC 2104) of the parts, one after the other; the key may have any length.
Secret<32> hmac_sha256(BytesView key, std::initializer_list<BytesView> parts);
Secret<64> hmac_sha512(BytesView key, std::initializer_list<BytesView> parts);

/// HKDF-Extract (RFC 5869, section 2.2); an empty salt is one of zeroes.
Secret<32> hkdf_extract_sha256(BytesView salt, BytesView key_material);
Secret<64> hkdf_extract_sha512(BytesView salt, BytesView key_material);

/// HKDF-Expand (RFC 5869, section 2.3), `size` octets: at most 255 hashes, a larger one is a mistake of the
/// program and gives an empty result.
SecretBytes hkdf_expand_sha256(BytesView pseudo_random_key, BytesView info, std::size_t size);
SecretBytes hkdf_expand_sha512(BytesView pseudo_random_key, BytesView info, std::size_t size);

/// Extract with an empty salt, then expand to 32 octets: one key out of another under a label.
Secret<32> derive_key(BytesView key_material, BytesView info);

}  // namespace cardea::api
