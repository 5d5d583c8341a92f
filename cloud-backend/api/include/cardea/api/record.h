#pragma once

#include <cstdint>
#include <string_view>

#include "cardea/api/aead.h"
#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

/// What travels between agent and server after a PIN login: records that only the two ends of that login can
/// make or read, each good once, in its place.
namespace cardea::api::record {

enum class Direction : std::uint8_t { to_server = 1, to_client = 2 };

/// What both ends know and no record says.
struct Binding {
  std::string_view session;      ///< id of the card session
  std::uint64_t generation = 0;  ///< a number of the card that both ends saw at the login
  Aead aead = kDefaultAead;
};

// Record: AEAD number 1 | ciphertext | tag 16.
//   key       = HKDF-Expand-SHA-512(session key, "cardea/1 record key" | direction 1 | AEAD number 1, 32)
//   iv        = HKDF-Expand-SHA-512(session key, "cardea/1 record iv" | direction 1 | AEAD number 1, 12)
//   nonce     = iv XOR sequence number (8 octets big-endian, right-aligned)
//   AAD       = "cardea/1 record" | AEAD number 1 | direction 1 | sequence 8 | generation 8 | session id
// The sequence number is the exchange's own; it travels in the clear beside the record.
inline constexpr std::size_t kOverhead = 1 + kAeadTagSize;

/// The sending half of one direction.
class Sealer {
 public:
  /// `session_key` is OPAQUE's, 64 octets.
  Sealer(const Secret<64>& session_key, Direction direction, const Binding& binding);

  /// Errors: `conflict` unless the number is above all earlier ones: one nonce never serves two texts.
  /// Whoever must repeat a message repeats the octets.
  Result<Bytes> seal(std::uint64_t sequence, BytesView plain);

 private:
  Secret<kAeadKeySize> key_;
  AeadNonce iv_{};
  Bytes aad_;  // with room for the sequence number
  Aead aead_;
  std::uint64_t last_ = 0;
};

/// The receiving half of one direction.
class Opener {
 public:
  /// Both ends count from the exchange that carried KE1: `next` is the number that the first record must
  /// have.
  Opener(const Secret<64>& session_key, Direction direction, const Binding& binding, std::uint64_t next);

  /// Errors: `conflict` when the number is not the next one (replayed, reordered, or one is missing),
  /// `denied` when the record is damaged, cut, or from another session, direction, generation or login;
  /// `invalid` when it is no record at all. Only a success moves on to the next number.
  Result<SecretBytes> open(std::uint64_t sequence, BytesView record);

 private:
  Secret<kAeadKeySize> key_;
  AeadNonce iv_{};
  Bytes aad_;
  Aead aead_;
  std::uint64_t next_;
};

}  // namespace cardea::api::record
