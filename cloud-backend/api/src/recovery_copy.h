#pragma once

#include <string_view>

#include "cardea/api/recovery.h"

namespace cardea::api::recovery {

/// "cardea/1 recovery" and then kind, tenant, card and detail, each preceded by its length in two octets.
Bytes copy_context(std::string_view kind, const Subject& subject, BytesView detail);

// A copy: AEAD number 1 | nonce 12 | ciphertext 32 | tag 16, with the context as associated data.
Result<Bytes> seal_copy(const Secret<32>& key, BytesView context, const CardSecret& secret,
                        const Randomness& random);
/// Errors: `denied`, `invalid` for what is no copy.
Result<CardSecret> open_copy(const Secret<32>& key, BytesView context, BytesView copy);

}  // namespace cardea::api::recovery
