#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::unseal {

/// What opens the file of secrets (secrets_file.h), and is kept in shares.
using UnsealKey = Secret<32>;

/// Tells unseal keys apart; derived from the key, tells nothing of it.
using KeyId = std::array<std::uint8_t, 8>;
KeyId key_id(const UnsealKey& key);
/// "7F3A-91C2-…"
std::string text(const KeyId& id);

/// One of several parts, any `threshold` of which give the key (Shamir's scheme over GF(2^8), by libgfshare),
/// while fewer say nothing about it. Number 0 with threshold 1 stands for the key itself: what a machine
/// keeps for itself, sealed by its TPM or its service manager.
struct Share {
  static constexpr std::uint8_t kVersion = 1;

  std::uint8_t number = 0;
  std::uint8_t threshold = 1;
  KeyId key{};
  Secret<32> data;

  [[nodiscard]] Share clone() const;
};

/// Errors: `invalid` unless 2 ≤ threshold ≤ count ≤ 16.
Result<std::vector<Share>> split(const UnsealKey& key, unsigned threshold, unsigned count);
/// The whole key as one share.
Share whole(const UnsealKey& key);

/// Errors: `invalid` for too few shares, those of several keys, the same one twice; `corrupt` when what they
/// give is not the key they name: one of them is not genuine.
Result<UnsealKey> combine(std::span<const Share> shares);

/// A digest by which a share is recognised without keeping it.
std::array<std::uint8_t, 32> digest(const Share& share);

/// A share on paper, a few lines of letters and digits in groups of five, each line with a check character:
///
///     # Cardea share 2 of 5; any 3 open the key 7F3A-91C2-0011-2233
///     CARDEA-SHARE-1
///     0G2RC 1J0AB … 7
///
/// No I, L, O, U among the characters. Secret: the caller sees to it that it goes where it should.
SecretBytes to_text(const Share& share, unsigned count);

/// Reads it back. Letters in any case, I and L as 1, O as 0, white space and dashes anywhere; lines that
/// begin with # are skipped. Errors: `invalid`, with the line that was mistyped.
Result<Share> parse_share(std::string_view text);

}  // namespace cardea::unseal
