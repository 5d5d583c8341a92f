#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::audit {

/// The key of a witness: Ed25519 (C2SP tlog-cosignature, "cosignature/v1", signature type 0x04).
struct CosignerKey {
  std::string name;  ///< no blank, no plus sign
  std::array<std::uint8_t, 32> key{};

  friend bool operator==(const CosignerKey&, const CosignerKey&) = default;
};

/// `name+id+base64`, as C2SP writes verifier keys.
std::string to_text(const CosignerKey& key);
/// Errors: `corrupt`.
Result<CosignerKey> parse_cosigner_key(std::string_view text);

/// What a witness signs: when, and the text of the checkpoint without its signatures.
std::string cosigned_message(std::uint64_t time, std::string_view text);
/// The line that goes below the checkpoint. `signature`: Ed25519, 64 octets.
std::string cosignature_line(const CosignerKey& key, std::uint64_t time, BytesView signature);

/// When this witness cosigned the note, in seconds since 1970. Errors: `corrupt` for a note without a valid
/// cosignature of it.
Result<std::uint64_t> open_cosignature(std::string_view note, const CosignerKey& key);

}  // namespace cardea::audit
