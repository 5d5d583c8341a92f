#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cardea/audit/tree.h"

namespace cardea::audit {

/// The state of a log at one moment: the text of a C2SP tlog-checkpoint.
struct Checkpoint {
  std::string origin;  ///< which log, one line
  std::uint64_t size = 0;
  Hash root{};

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

std::string to_text(const Checkpoint& checkpoint);
/// Errors: `corrupt`.
Result<Checkpoint> parse_checkpoint(std::string_view text);

/// Base64 with padding (RFC 4648, section 4).
std::string base64(BytesView octets);
std::optional<Bytes> from_base64(std::string_view text);
/// One hash a line.
std::string to_text(const Proof& proof);
/// Errors: `corrupt`.
Result<Proof> parse_proof(std::string_view text);

}  // namespace cardea::audit
