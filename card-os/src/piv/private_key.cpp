#include <algorithm>

#include "engine/error_map.h"
#include "piv/authentication_template.h"
#include "piv/piv.h"
#include "piv/references.h"
#include "piv/signature.h"

namespace cardea::card::piv {

namespace {

/// RSA with the keys for decipherment is either, and the card cannot tell: padding is the client's.
KeyOperation rsa_operation(std::uint8_t reference) {
  const bool decipherment = reference == kKeyManagementKey || is_retired_key(reference);
  return decipherment ? KeyOperation::decipher_or_sign_raw : KeyOperation::sign;
}

bool below(BytesView block, BytesView modulus) {
  return std::ranges::lexicographical_compare(block, modulus);
}

}  // namespace

// SP 800-73-4 Part 2, 3.2.4 GENERAL AUTHENTICATE with a key of the holder: 9A, 9C, 9D, 9E, 82 to 95.
//
// Existence, then algorithm, then access, then data: which keys there are is no secret, the certificates say
// it. An empty slot is 6A88, "referenced data not found"; as a Yubico card it is 6A80, the only word that
// ykman takes for "no key here". A wrong algorithm is 6A86 for both.
CardResult<Reply> Piv::use_private_key(const Command& command) {
  CARDEA_TRY(const auto key, load_key(command.p2));
  if (!key) return refuse(profile_.yubico ? sw::kWrongData : sw::kReferencedDataNotFound);
  const auto algorithm = key->handle.algorithm;
  if (algorithm_of(command.p1) != algorithm) return refuse(sw::kWrongP1P2);
  CARDEA_CHECK(allows_use(*key));

  CARDEA_TRY(const auto request, parse_authentication_template(command.data));
  if (!asked_for(request.response) || request.witness) return refuse(sw::kWrongData);
  if (given(request.challenge) == given(request.exponentiation)) return refuse(sw::kWrongData);

  CardResult<Bytes> result = refuse(sw::kWrongData);
  if (given(request.exponentiation)) {
    if (is_ec(algorithm) || algorithm == Algorithm::x25519) result = ecdh(*key, *request.exponentiation);
  } else if (is_rsa(algorithm)) {
    result = rsa_private(*key, *request.challenge);
  } else if (is_ec(algorithm)) {
    result = ecdsa(*key, *request.challenge);
  } else if (algorithm == Algorithm::ed25519) {
    result = eddsa(*key, *request.challenge);
  } else if (is_symmetric(algorithm)) {
    result = encrypt(*key, *request.challenge);
  }
  if (!result) return refuse(result.error());
  const WipeOnExit wipe_result{*result};
  return Reply{make_authentication_template(0x82, *result)};
}

/// The PIN, as the key's policy wants it; then, where the issuer says so, one that the holder has chosen. In
/// this order, for 6982 is what has clients ask for a PIN.
CardResult<void> Piv::allows_use(const KeyRecord& key) {
  if (key.pin_policy == PinPolicy::never) return {};
  if (key.pin_policy == PinPolicy::always && !now_.fresh_pin) return refuse(sw::kSecurityNotSatisfied);
  CARDEA_TRY(const bool verified, pin_verified());
  if (!verified) return refuse(sw::kSecurityNotSatisfied);
  CARDEA_TRY(const bool awaited, lift(ports_.pins.change_awaited()));
  if (awaited) return refuse(sw::kConditionsNotSatisfied);
  return {};
}

/// A result leaves the card only when its use is on record.
CardResult<Bytes> Piv::release(const KeyRecord& key, KeyOperation operation, Result<SecretBytes> result) {
  const auto& handle = key.handle;
  const KeyUsed event{handle.slot.reference, handle.algorithm, operation, result.has_value()};
  const auto recorded = ports_.audit.record(event);
  if (!result) return refuse(status_word(result.error()));
  if (!recorded) return refuse(sw::kUnspecified);
  return to_bytes(result->expose());
}

// m^d mod n, padding is the client's.
CardResult<Bytes> Piv::rsa_private(const KeyRecord& key, BytesView block) {
  const auto& modulus = key.handle.public_key.modulus;
  if (block.size() != modulus.size() || !below(block, modulus)) return refuse(sw::kWrongData);
  return release(key, rsa_operation(key.handle.slot.reference), ports_.keys.rsa_private(key.handle, block));
}

CardResult<Bytes> Piv::ecdsa(const KeyRecord& key, BytesView hash) {
  const auto digest = fit_hash(hash, digest_size(key.handle.algorithm));
  auto signature =
      ports_.keys.ecdsa_sign(key.handle, digest).map([](const Bytes& r_s) { return SecretBytes{r_s}; });
  CARDEA_TRY(const auto r_s, release(key, KeyOperation::sign, std::move(signature)));
  return der_signature(r_s);
}

/// Ed25519 signs the message itself, and the signature has no wrapping.
CardResult<Bytes> Piv::eddsa(const KeyRecord& key, BytesView message) {
  auto signature =
      ports_.keys.eddsa_sign(key.handle, message).map([](const Bytes& r_s) { return SecretBytes{r_s}; });
  return release(key, KeyOperation::sign, std::move(signature));
}

CardResult<Bytes> Piv::ecdh(const KeyRecord& key, BytesView point) {
  constexpr std::uint8_t kUncompressed = 0x04;
  const auto algorithm = key.handle.algorithm;
  const bool shaped =
      point.size() == point_size(algorithm) && (is_25519(algorithm) || point.front() == kUncompressed);
  if (!shaped) return refuse(sw::kWrongData);
  return release(key, KeyOperation::agree, ports_.keys.ecdh(key.handle, point));
}

// Internal authentication with a symmetric card authentication key.
CardResult<Bytes> Piv::encrypt(const KeyRecord& key, BytesView block) {
  if (block.size() != block_size(key.handle.algorithm)) return refuse(sw::kWrongData);
  return release(key, KeyOperation::authenticate, ports_.keys.encrypt_block(key.handle, block));
}

}  // namespace cardea::card::piv
