#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "cardea/api/http.h"

namespace cardea::api {

inline constexpr std::size_t kMaxReplyHead = 16U << 10U;
inline constexpr std::size_t kMaxReplyBody = 16U << 20U;

/// Appends the request in HTTP/1.1 form (RFC 9112), body included, to be sent in one go. Errors: `invalid`,
/// for a method, target or header that would break out of its line.
Result<void> append_request(std::string& out, const HttpRequest& request, std::string_view host);

/// Reads one reply from the octets of a connection as they arrive. Stricter than RFC 9112 asks of a client:
/// whoever sends bare line feeds, folded headers, two lengths or octets after the end is not a server we
/// know.
class ReplyReader {
 public:
  explicit ReplyReader(bool to_head = false) : to_head_{to_head} {}

  /// True when the reply is complete. Errors: `corrupt` (not HTTP/1.1), `exhausted` (larger than the limits).
  Result<bool> feed(std::string_view octets);
  /// The connection has ended in order. True when that ends the reply. Errors: `corrupt` (cut off).
  Result<bool> end();

  HttpReply take() { return std::move(reply_); }
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }

 private:
  enum class Body { none, counted, chunked, until_end };
  enum class State { head, body, chunk_size, chunk, chunk_end, trailer, done };

  Result<void> read_head(std::string_view head);
  Result<void> read_status(std::string_view line);
  Result<void> read_header(std::string_view line);
  Result<void> decide_body();
  Result<bool> step();
  Result<bool> step_head();
  Result<bool> step_line();
  Result<void> begin_chunk(std::string_view line);
  bool step_body();

  bool to_head_;
  State state_ = State::head;
  Body body_ = Body::until_end;
  std::optional<std::size_t> length_;
  bool chunked_ = false;
  bool keep_alive_ = true;
  std::size_t wanted_ = 0;   // octets of the body or chunk that are still to come
  std::size_t trailer_ = 0;  // octets of it that were seen
  std::string buffer_;
  std::size_t at_ = 0;  // where the unread part of buffer_ begins
  HttpReply reply_;
};

}  // namespace cardea::api
