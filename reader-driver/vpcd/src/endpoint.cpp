#include "cardea/vpcd/endpoint.h"

#include <charconv>
#include <optional>

namespace cardea::vpcd {

namespace {

/// A decimal number without sign, of at most `limit`.
std::optional<unsigned> number(std::string_view text, unsigned limit) {
  unsigned value = 0;
  const auto* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stopped != end || value > limit) return std::nullopt;
  return value;
}

/// Four numbers with dots between them, of which the first is 127.
bool is_ipv4_loopback(std::string_view text) {
  for (int part = 0; part < 4; ++part) {
    const auto dot = text.find('.');
    if ((dot == std::string_view::npos) != (part == 3)) return false;
    const auto value = number(text.substr(0, dot), 255);
    if (!value || (part == 0 && *value != 127)) return false;
    text.remove_prefix(part == 3 ? text.size() : dot + 1);
  }
  return true;
}

tl::unexpected<Error> malformed(std::string_view text) {
  return fail(Errc::invalid, std::string{text} + ": the reader must be HOST, HOST:PORT or [IPV6]:PORT");
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
  auto host = text;
  std::string_view rest;
  if (!text.empty() && text.front() == '[') {
    const auto bracket = text.find(']');
    if (bracket == std::string_view::npos) return malformed(text);
    host = text.substr(1, bracket - 1);
    rest = text.substr(bracket + 1);
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (host.empty() || host.find_first_of("[]/ ") != std::string_view::npos) return malformed(text);
  Endpoint out{host == "localhost" ? "127.0.0.1" : std::string{host}, kDefaultPort};
  if (rest.empty()) return out;
  const auto port = rest.front() == ':' ? number(rest.substr(1), 0xFFFF) : std::nullopt;
  if (!port || *port == 0) return malformed(text);
  out.port = static_cast<std::uint16_t>(*port);
  return out;
}

std::string to_text(const Endpoint& endpoint) {
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  return (ipv6 ? '[' + endpoint.host + ']' : endpoint.host) + ':' + std::to_string(endpoint.port);
}

bool on_loopback(const Endpoint& endpoint) {
  return endpoint.host == "::1" || is_ipv4_loopback(endpoint.host);
}

}  // namespace cardea::vpcd
