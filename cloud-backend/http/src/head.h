#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cardea/http/message.h"

namespace cardea::http {

inline constexpr std::size_t kMaxHead =
    32U << 10U;  ///< request line and headers; a DPoP proof and a token are in it
inline constexpr std::size_t kMaxTarget = 2048;

/// What the head of a request says beyond the request itself.
struct Head {
  std::size_t size = 0;  ///< octets, the empty line included
  std::uint64_t body_size = 0;
  bool close = false;  ///< the connection ends after this request
  bool expects_continue = false;
};

enum class HeadState : std::uint8_t { incomplete, complete, bad };

/// Why a head is refused: becomes a problem document, and the connection ends, because where the next request
/// would begin is no longer known.
struct Refusal {
  int status = 400;
  const char* slug = "bad-request";
  const char* detail = "";
};

/// Reads the head of an HTTP/1.x request (RFC 9112) strictly: one space where one is meant, CRLF, no folded
/// lines, no space before a colon, one Host, at most one Content-Length, no Transfer-Encoding (bodies here
/// are small and their size is known: chunks would only add ways to disagree with a proxy about where a
/// request ends).
///
/// `scanned` is kept between calls for one request so that a head that trickles in is not searched again from
/// the start.
HeadState read_head(std::string_view buffer, std::size_t& scanned, Request& request, Head& head,
                    Refusal& refusal);

}  // namespace cardea::http
