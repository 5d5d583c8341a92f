#pragma once

#include <string_view>

#include "cardea/api/opaque.h"

// What the two halves of OPAQUE share. Names as in RFC 9807; sizes for ristretto255-SHA512.
namespace cardea::api::opaque {

inline constexpr std::size_t kNonce = 32;
inline constexpr std::size_t kElementSize = 32;
inline constexpr std::size_t kHash = 64;
inline constexpr std::size_t kSeed = 32;
inline constexpr std::size_t kEnvelope = kNonce + kHash;
inline constexpr std::size_t kMaskedResponse = kElementSize + kEnvelope;
inline constexpr std::size_t kCredentialResponse = kElementSize + kNonce + kMaskedResponse;

/// DeriveDiffieHellmanKeyPair (section 2.1).
Result<oprf::KeyPair> derive_dh_key_pair(BytesView seed);
Result<oprf::KeyPair> random_dh_key_pair(const Randomness& random);

/// Element times scalar, with all checks; an intermediate of 3DH, so secret.
Result<Secret<kElementSize>> diffie_hellman(const oprf::Scalar& key, BytesView element);

/// Expand(key, prefix ‖ label).
SecretBytes expand(BytesView key, BytesView prefix, std::string_view label, std::size_t size);

/// XOR of server public key ‖ envelope with the pad of (masking key, masking nonce): section 6.3.2.2.
Bytes mask_response(BytesView masking_key, BytesView masking_nonce, BytesView response);

/// Section 6.4.2.1. `identity` is empty for the public key.
struct Party {
  BytesView identity;
  BytesView public_key;
  [[nodiscard]] BytesView name() const { return identity.empty() ? public_key : identity; }
};

/// Server public key ‖ both names: what the envelope's tag covers (section 4.1.1).
Bytes cleartext_credentials(const Party& client, const Party& server);

struct Transcript {
  BytesView context;
  Party client;
  Party server;
  BytesView ke1;
  BytesView ke2_without_mac;
};

/// Section 6.4.2.2, and both MACs.
struct Schedule {
  Secret<kHash> session_key;
  Secret<kHash> server_mac;
  Secret<kHash> client_mac;
};
Schedule key_schedule(const Transcript& transcript, const Secret<kElementSize>& dh1,
                      const Secret<kElementSize>& dh2, const Secret<kElementSize>& dh3);

/// KSF over the OPRF's output, then Extract of both: `randomized_password` (section 5.2.3).
Result<Secret<kHash>> randomized_password(const Secret<kHash>& oprf_output, const Ksf& ksf);

}  // namespace cardea::api::opaque
