#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/card/ports/key_vault.h"
#include "cardea/result.h"
#include "cardea/secret.h"

/// What the server and a `cardea-signer` say to each other over a SOCK_SEQPACKET pair: the kernel keeps the
/// frames, one request and one reply at a time, none larger than kMaxMessage. The descriptor is inherited as
/// kDescriptor.
namespace cardea::vault::wire {

inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::size_t kMaxMessage = 16'384;
inline constexpr int kDescriptor = 3;

enum class Op : std::uint8_t {
  hello = 1,             ///< fields: module, token label, user PIN, sandbox (one octet, 1 = seccomp)
  status = 2,            ///< counts the session objects that are left
  find_tenant = 3,       ///< `not_found` unless the tenant's keys are there
  generate = 4,          ///< → public key, sealed
  import_rsa = 5,        ///< fields: p, q, dp, dq, qinv → public key, sealed
  import_ec = 6,         ///< fields: scalar → public key, sealed
  import_symmetric = 7,  ///< fields: key → sealed
  rsa_private = 8,       ///< fields: block → output
  ecdsa_sign = 9,        ///< fields: digest → output
  ecdh = 10,             ///< fields: point → output
  encrypt_block = 11,    ///< fields: block → output
  init_token = 12,       ///< first message of a one-shot worker; fields: module, label, SO PIN, user PIN
  make_tenant = 13,      ///< first message of a one-shot worker; fields: module, label, SO PIN, user PIN
  tenant_secret = 14,    ///< fields: label, size (2 octets) → output
  adopt = 15,    ///< sealed of a key made ahead → sealed for the card and slot; nothing is done in the HSM
  rewrap = 16,   ///< sealed under any version → sealed under `kek_version`
  settle = 17,   ///< fields: CKA_ID; sealed of a wrapped key → sealed of the token object made of it
  destroy = 18,  ///< fields: CKA_ID; the card's token object, if it is there
  set_pin =
      19,  ///< first message of a one-shot worker; fields: module, label, "user" or "so", old PIN, new PIN
  sign_manifest = 20,  ///< fields: digest, or none → public key, output (r ‖ s)
  eddsa_sign = 21,     ///< fields: message → output
  forget = 22,         ///< destroys the kept keys of the card
  attest = 23,         ///< fields: facts (10 octets) → output (a certificate about the handle's key)
  attestation_certificate = 24,  ///< → output
  decrypt_block = 25,            ///< fields: block → output
  make_symmetric = 26,    ///< fields: for triple DES how many parts it has (one octet, 2 or 3) → sealed
  derive_symmetric = 27,  ///< sealed of a master key; fields: its algorithm (1), reference (1) and version
                          ///< (8), scheme (1), key identifier (1); diversification data (10) → sealed
  check_value = 28,       ///< → output (3 octets)
};

struct Request {
  Op op = Op::status;
  std::string tenant;
  std::string card;
  card::KeySlot slot;
  std::uint32_t kek_version = 1;  ///< of the tenant's keys: for what is sealed, found or made
  card::Algorithm algorithm = card::Algorithm::rsa2048;
  card::PublicKey public_key;
  Bytes sealed;
  bool keep = false;  ///< the unwrapped key may stay for the next operation, until `forget` or idle
  std::vector<SecretBytes> fields;
};

struct Reply {
  std::optional<Error> error;
  Bytes sealed;
  card::PublicKey public_key;
  SecretBytes output;
  std::uint64_t resident_bytes = 0;   ///< of the worker, refreshed now and then
  std::uint32_t session_objects = 0;  ///< answer to Op::status
  bool leaving = false;               ///< the worker lost its HSM session and ends after this reply
};

/// Errors: `invalid` when the message would be larger than kMaxMessage. The caller wipes the result.
Result<Bytes> encode(const Request& request);
Result<Bytes> encode(const Reply& reply);

/// Errors: `corrupt` for anything that `encode` does not produce.
Result<Request> decode_request(BytesView message);
Result<Reply> decode_reply(BytesView message);

/// Errors: `unavailable` when the peer has gone or, if the descriptor has a time limit, did not answer in
/// time.
Result<void> send(int descriptor, BytesView message);
/// Fills the front of `buffer`. Errors: as send; `corrupt` when the message does not fit.
Result<BytesView> receive(int descriptor, std::span<std::uint8_t> buffer);

}  // namespace cardea::vault::wire
