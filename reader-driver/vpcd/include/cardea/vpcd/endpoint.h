#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cardea/result.h"

namespace cardea::vpcd {

/// The first slot of vpcd and of BixVReader, unless they are told otherwise; the others follow it.
inline constexpr std::uint16_t kDefaultPort = 35963;

/// Where a slot listens.
struct Endpoint {
  std::string host;  ///< a name, or an address without brackets
  std::uint16_t port = kDefaultPort;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// `HOST`, `HOST:PORT` or `[IPV6]:PORT`; "localhost" is 127.0.0.1, where vpcd listens. Errors: `invalid` with
/// a sentence.
Result<Endpoint> parse_endpoint(std::string_view text);

/// As `parse_endpoint` takes it.
std::string to_text(const Endpoint& endpoint);

/// Whether the address is one of this machine's own (127.0.0.0/8, ::1). A name is not, whatever it may stand
/// for.
bool on_loopback(const Endpoint& endpoint);

}  // namespace cardea::vpcd
