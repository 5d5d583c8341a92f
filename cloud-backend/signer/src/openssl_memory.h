#pragma once

namespace cardea::signer {

/// From now on whatever OpenSSL gives back is wiped, for the module in this process too. OpenSSL wipes keys
/// itself, but not every copy of one: in 3.0 an ECDH on P-256 gives back a block with the whole private
/// scalar in it (crypto/ec/ecp_nistz256.c, ecp_nistz256_windowed_mul). To be called before OpenSSL has taken
/// any memory; false when that was too late.
[[nodiscard]] bool wipe_what_openssl_gives_back();

}  // namespace cardea::signer
