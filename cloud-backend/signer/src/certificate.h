#pragma once

#include <string>

#include "cardea/card/ports/key_vault.h"
#include "cardea/result.h"

/// The few certificates that a signer writes, in DER, without the signature: it is made in the HSM.
namespace cardea::signer {

/// The parts of a Yubico attestation.
struct Attested {
  std::uint8_t reference = 0;  ///< of the slot
  std::uint64_t version = 0;   ///< of the slot
  card::PublicKey public_key;
  card::AttestationFacts facts;
};

/// TBSCertificate (RFC 5280, 4.1.1.1) of the tenant's key that attests, issued by itself: a CA that issues to
/// no other.
Bytes attestation_authority(const std::string& tenant, const card::PublicKey& key);

/// TBSCertificate of an attested key. Extensions 1.3.6.1.4.1.41482.3.3 version, .7 serial number, .8 PIN and
/// touch policy, .9 form factor.
Bytes attestation_of(const std::string& tenant, const Attested& attested);

/// Certificate: the parts with their ECDSA signature, r ‖ s over SHA-256.
Bytes signed_certificate(BytesView to_be_signed, BytesView signature);

}  // namespace cardea::signer
