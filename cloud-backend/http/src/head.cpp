#include "head.h"

#include <algorithm>

namespace cardea::http {
namespace {

/// tchar of RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
  const auto is_tchar = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), is_tchar);
}

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

/// field-value: no control characters but the tab.
bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u == '\t' || (u >= 0x20 && u != 0x7F);
  });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

bool parse_number(std::string_view text, std::uint64_t& out) {
  out = 0;
  if (text.empty() || text.size() > 18) return false;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + static_cast<unsigned>(c - '0');
  }
  return true;
}

struct Seen {
  bool needs_host = true;  ///< HTTP/1.1 (RFC 9112, 3.2)
  bool host = false;
  bool length = false;
};

bool refuse(Refusal& refusal, int status, const char* slug, const char* detail) {
  refusal = {status, slug, detail};
  return false;
}

bool read_request_line(std::string_view line, Request& request, Head& head, Seen& seen, Refusal& refusal) {
  const auto first = line.find(' ');
  const auto second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos)
    return refuse(refusal, 400, "bad-request", "The request line is malformed.");
  request.method = line.substr(0, first);
  const auto target = line.substr(first + 1, second - first - 1);
  const auto version = line.substr(second + 1);
  if (!is_token(request.method)) return refuse(refusal, 400, "bad-request", "The method is malformed.");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    if (version.substr(0, 5) == "HTTP/") {
      return refuse(refusal, 505, "http-version-not-supported", "This server speaks HTTP/1.1.");
    }
    return refuse(refusal, 400, "bad-request", "The request line is malformed.");
  }
  if (target.size() > kMaxTarget)
    return refuse(refusal, 414, "uri-too-long", "The request target is too long.");
  if (target.empty() || target.front() != '/' || !is_visible(target)) {
    return refuse(refusal, 400, "bad-request", "The request target is malformed.");
  }
  const auto question = target.find('?');
  request.path = target.substr(0, question);
  request.query = question == std::string_view::npos ? std::string_view{} : target.substr(question + 1);
  seen.needs_host = version == "HTTP/1.1";
  head.close = !seen.needs_host;
  return true;
}

bool read_field(std::string_view line, Request& request, Head& head, Seen& seen, Refusal& refusal) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return refuse(refusal, 400, "bad-request", "A header line is malformed.");
  }
  if (request.header_count == Request::kMaxHeaders) {
    return refuse(refusal, 431, "headers-too-large", "The request has too many headers.");
  }
  const Header header{line.substr(0, colon), trimmed(line.substr(colon + 1))};
  if (!is_field_value(header.value))
    return refuse(refusal, 400, "bad-request", "A header value is malformed.");
  request.headers[request.header_count++] = header;

  if (same_text(header.name, "content-length")) {
    if (seen.length || !parse_number(header.value, head.body_size)) {
      return refuse(refusal, 400, "bad-request", "Content-Length is malformed.");
    }
    seen.length = true;
  } else if (same_text(header.name, "transfer-encoding")) {
    return refuse(refusal, 411, "length-required", "Send the body with Content-Length.");
  } else if (same_text(header.name, "host")) {
    if (seen.host) return refuse(refusal, 400, "bad-request", "The request has two Host headers.");
    seen.host = true;
  } else if (same_text(header.name, "connection")) {
    if (same_text(header.value, "close")) head.close = true;
    if (same_text(header.value, "keep-alive")) head.close = false;
  } else if (same_text(header.name, "expect")) {
    if (!same_text(header.value, "100-continue")) {
      return refuse(refusal, 417, "expectation-failed", "Only 100-continue can be expected.");
    }
    head.expects_continue = true;
  }
  return true;
}

}  // namespace

HeadState read_head(std::string_view buffer, std::size_t& scanned, Request& request, Head& head,
                    Refusal& refusal) {
  const auto end = buffer.find("\r\n\r\n", scanned > 3 ? scanned - 3 : 0);
  if (end == std::string_view::npos || end > kMaxHead) {
    scanned = buffer.size();
    if (buffer.size() <= kMaxHead) return HeadState::incomplete;
    refusal = {431, "headers-too-large", "The head of the request is too large."};
    return HeadState::bad;
  }
  request = Request{};
  head = Head{};
  head.size = end + 4;
  auto rest = buffer.substr(0, end + 2);
  Seen seen;
  bool first = true;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(line.size() + 2);
    const bool good = first ? read_request_line(line, request, head, seen, refusal)
                            : read_field(line, request, head, seen, refusal);
    if (!good) return HeadState::bad;
    first = false;
  }
  if (!seen.host && seen.needs_host) {
    refusal = {400, "bad-request", "The request has no Host header."};
    return HeadState::bad;
  }
  return HeadState::complete;
}

}  // namespace cardea::http
