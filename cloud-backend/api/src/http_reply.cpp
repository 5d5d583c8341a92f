#include <algorithm>
#include <charconv>

#include "http_message.h"

namespace cardea::api {
namespace {

tl::unexpected<Error> corrupt() {
  return fail(Errc::corrupt, "what the server sent is not HTTP/1.1");
}
tl::unexpected<Error> too_large() {
  return fail(Errc::exhausted, "what the server sent is larger than any reply of it can be");
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_text(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

/// RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [kMarks](char c) {
    const char l = lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || kMarks.find(c) != std::string_view::npos;
  });
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return (octet < 0x20 && c != '\t') || octet == 0x7F;
  });
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && blank(text.back()))
    text.remove_suffix(1);
  return text;
}

/// All of `text` as a number without sign.
std::optional<std::size_t> number(std::string_view text, int base) {
  std::size_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

bool lists(std::string_view value, std::string_view word) {
  while (!value.empty()) {
    const auto comma = std::min(value.find(','), value.size());
    if (same_text(trimmed(value.substr(0, comma)), word)) return true;
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return false;
}

}  // namespace

Result<bool> ReplyReader::feed(std::string_view octets) {
  if (state_ == State::done) return corrupt();
  buffer_.append(octets);
  while (true) {
    CARDEA_TRY(const bool moved, step());
    if (state_ == State::done) {
      if (at_ != buffer_.size()) return corrupt();  // nobody asked for more
      return true;
    }
    if (!moved) break;
  }
  buffer_.erase(0, at_);
  at_ = 0;
  return false;
}

Result<bool> ReplyReader::end() {
  keep_alive_ = false;
  if (state_ == State::body && body_ == Body::until_end) state_ = State::done;
  if (state_ == State::done) return true;
  return fail(Errc::corrupt, "the reply was cut off");
}

/// Whether anything could be done with what is there.
Result<bool> ReplyReader::step() {
  switch (state_) {
    case State::head:
      return step_head();
    case State::body:
    case State::chunk:
      if (reply_.body.size() + std::min(wanted_, buffer_.size() - at_) > kMaxReplyBody) return too_large();
      return step_body();
    case State::chunk_size:
    case State::chunk_end:
    case State::trailer:
      return step_line();
    case State::done:
      break;
  }
  return false;
}

Result<bool> ReplyReader::step_head() {
  const std::string_view unread = std::string_view{buffer_}.substr(at_);
  const auto end = unread.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (unread.size() > kMaxReplyHead) return too_large();
    return false;
  }
  if (end > kMaxReplyHead) return too_large();
  CARDEA_CHECK(read_head(unread.substr(0, end)));
  at_ += end + 4;
  // 1xx announces a reply (RFC 9110, 15.2); we never ask to switch protocols.
  if (reply_.status == 101) return corrupt();
  if (reply_.status < 200) {
    reply_ = {};
    return true;
  }
  CARDEA_CHECK(decide_body());
  return true;
}

Result<void> ReplyReader::read_head(std::string_view head) {
  length_.reset();
  chunked_ = false;
  auto end = std::min(head.find("\r\n"), head.size());
  CARDEA_CHECK(read_status(head.substr(0, end)));
  while (end < head.size()) {
    head.remove_prefix(end + 2);
    end = std::min(head.find("\r\n"), head.size());
    CARDEA_CHECK(read_header(head.substr(0, end)));
  }
  return {};
}

Result<void> ReplyReader::read_status(std::string_view line) {
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  if (!line.starts_with(kVersion) || has_control(line)) return corrupt();
  line.remove_prefix(kVersion.size());
  const auto status = number(line.substr(0, 3), 10);
  if (line.size() < 3 || !status || *status < 100 || *status > 599) return corrupt();
  if (line.size() > 3 && line[3] != ' ') return corrupt();
  reply_.status = static_cast<int>(*status);
  return {};
}

Result<void> ReplyReader::read_header(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) || has_control(line))
    return corrupt();
  const auto name = line.substr(0, colon);
  const auto value = trimmed(line.substr(colon + 1));
  if (same_text(name, "content-length")) {
    const auto length = number(value, 10);
    if (!length || length_) return corrupt();
    length_ = length;
  } else if (same_text(name, "transfer-encoding")) {
    if (chunked_ || !same_text(value, "chunked")) return corrupt();
    chunked_ = true;
  } else if (same_text(name, "content-type")) {
    reply_.content_type = value;
  } else if (same_text(name, "connection")) {
    keep_alive_ = keep_alive_ && !lists(value, "close");
  }
  return {};
}

/// RFC 9112, 6.3.
Result<void> ReplyReader::decide_body() {
  if (chunked_ && length_) return corrupt();
  if (length_ && *length_ > kMaxReplyBody && !to_head_) return too_large();
  const bool none = to_head_ || reply_.status == 204 || reply_.status == 304;
  if (none || length_ == std::size_t{0}) {
    body_ = Body::none;
    state_ = State::done;
  } else if (chunked_) {
    body_ = Body::chunked;
    state_ = State::chunk_size;
  } else {
    body_ = length_ ? Body::counted : Body::until_end;
    wanted_ = length_.value_or(kMaxReplyBody + 1);
    state_ = State::body;
    if (length_) reply_.body.reserve(std::min<std::size_t>(*length_, 64U << 10U));
  }
  return {};
}

bool ReplyReader::step_body() {
  const auto n = std::min(wanted_, buffer_.size() - at_);
  reply_.body.append(buffer_, at_, n);
  at_ += n;
  wanted_ -= n;
  if (wanted_ == 0) state_ = body_ == Body::chunked ? State::chunk_end : State::done;
  return n > 0;
}

Result<bool> ReplyReader::step_line() {
  constexpr std::size_t kMaxLine = 256;
  const std::string_view unread = std::string_view{buffer_}.substr(at_);
  const auto end = unread.find("\r\n");
  const auto limit = state_ == State::trailer ? kMaxReplyHead : kMaxLine;
  if (std::min(end, unread.size()) > limit) return too_large();
  if (end == std::string_view::npos) return false;
  const auto line = unread.substr(0, end);
  if (state_ == State::chunk_size) {
    CARDEA_CHECK(begin_chunk(line));
  } else if (state_ == State::chunk_end) {
    if (!line.empty()) return corrupt();
    state_ = State::chunk_size;
  } else if (line.empty()) {
    state_ = State::done;
  } else {
    if (has_control(line)) return corrupt();
    trailer_ += line.size();
    if (trailer_ > kMaxReplyHead) return too_large();
  }
  at_ += end + 2;
  return true;
}

Result<void> ReplyReader::begin_chunk(std::string_view line) {
  // Extensions after ';' are read over, as RFC 9112, 7.1.1 asks.
  const auto size = number(trimmed(line.substr(0, line.find(';'))), 16);
  if (!size || has_control(line)) return corrupt();
  if (*size > kMaxReplyBody) return too_large();
  wanted_ = *size;
  state_ = *size == 0 ? State::trailer : State::chunk;
  return {};
}

}  // namespace cardea::api
