#include <algorithm>

#include "http_message.h"

namespace cardea::api {
namespace {

bool is_visible(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return octet > 0x20 && octet < 0x7F;
}

/// Text that stays inside its part of the line.
bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_visible);
}
bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet >= 0x20 && octet != 0x7F;
  });
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

Result<void> append_request(std::string& out, const HttpRequest& request, std::string_view host) {
  bool fits = is_word(request.method) && is_word(request.path) && request.path.front() == '/' &&
              is_value(request.content_type) && is_word(host);
  for (const auto& [name, value] : request.headers)
    fits = fits && is_word(name) && name.find(':') == std::string::npos && is_value(value);
  if (!fits) return fail(Errc::invalid, "the request has a character that HTTP does not allow there");

  out.append(request.method).append(" ").append(request.path).append(" HTTP/1.1\r\n");
  append_header(out, "Host", host);
  for (const auto& [name, value] : request.headers)
    append_header(out, name, value);
  if (!request.content_type.empty()) append_header(out, "Content-Type", request.content_type);
  if (!request.body.empty() || request.method == "POST")
    append_header(out, "Content-Length", std::to_string(request.body.size()));
  out.append("\r\n").append(request.body);
  return {};
}

}  // namespace cardea::api
