#pragma once

#include <string>
#include <string_view>

#include "cardea/api/jose.h"

namespace cardea::api {

inline constexpr std::size_t kMaxJws = 8192;

/// The three parts of a compact JWS whose header is one that we accept.
struct CompactParts {
  std::string_view signed_text;  ///< header and payload as transmitted
  std::string header;
  std::string payload;
  Bytes signature;
};

/// Everything that verify_jws refuses but a bad signature and a payload that is no JSON.
Result<CompactParts> split_compact(std::string_view compact);

/// As verify_jws, with any payload: RFC 8037 signs a sentence.
Result<Jws> verify_compact(std::string_view compact, const VerifyKey& key);

}  // namespace cardea::api
