#pragma once

#include <cstdint>
#include <string_view>

#include "cardea/api/hpke.h"
#include "cardea/api/randomness.h"
#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

/// A card's secret is the private half of an X25519 pair to which all keys of the card are sealed: who lacks
/// it can use none of them. It is stored only as copies, each of which one holder can open: the PIN's export
/// key, the PUK's, the server during issuance, the tenant's escrow. Agents make and open copies too.
namespace cardea::api::card_secret {

using Value = Secret<32>;

/// Names of holders, as they stand in the database and in each copy.
inline constexpr std::string_view kPin = "pin";
inline constexpr std::string_view kPuk = "puk";
inline constexpr std::string_view kIssuance = "issuance";
inline constexpr std::string_view kEscrow = "escrow";

/// Where a copy belongs: none opens elsewhere.
struct Place {
  std::string_view tenant;
  std::string_view card;
  std::string_view holder;
};

// Copy: format 01 | kind 1 | AEAD number 1 | card public key 32 | …
//   kind 01, under a key:   … nonce 12 | ciphertext 32 | tag 16                       95 octets
//   kind 02, to a public key: … encapsulated key 32 | ciphertext 32 | tag 16         115 octets
//   associated data of both: "cardea/1 card secret" | tenant x16 | card x16 | holder x16 | the first 35
//   octets of the copy kind 01: key = HKDF-SHA-512(salt none, key material, "cardea/1 card secret copy", 32)
//   kind 02: HPKE base mode (hpke.h), info = "cardea/1 card secret copy"
// x16: preceded by its length in two octets.
inline constexpr std::size_t kKeyCopySize = 95;
inline constexpr std::size_t kEscrowCopySize = 115;

/// A copy for whoever has `key_material` (OPAQUE's export key, 64 octets; a tenant's secret).
Result<Bytes> seal_copy(const Place& place, BytesView key_material, const hpke::KeyPair& card,
                        const Randomness& random = system_randomness());

/// The card's pair. Errors: `invalid` for what is no such copy, `denied` for another key or place; `corrupt`
/// when what it holds is not the secret that it names.
Result<hpke::KeyPair> open_copy(const Place& place, BytesView key_material, BytesView copy);

/// A copy for the owner of an escrow key. Errors: those of hpke::seal.
Result<Bytes> seal_copy_to(const Place& place, const hpke::PublicKey& escrow, const hpke::KeyPair& card,
                           const Randomness& random = system_randomness());
Result<hpke::KeyPair> open_copy_with(const Place& place, const hpke::KeyPair& escrow, BytesView copy);

/// The public key that a copy names, without opening it: what a server checks of a copy that a client
/// uploads. Errors: `invalid`.
Result<hpke::PublicKey> subject_of(BytesView copy);

}  // namespace cardea::api::card_secret
