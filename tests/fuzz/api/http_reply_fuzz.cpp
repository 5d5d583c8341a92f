// The reader of HTTP replies: the same verdict and the same reply in one piece as in two, and never more than
// the limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "http_message.h"

namespace {

using namespace cardea;

std::optional<api::HttpReply> read(std::string_view first, std::string_view second) {
  api::ReplyReader reader;
  auto complete = reader.feed(first);
  if (complete && !second.empty()) complete = reader.feed(second);
  if (complete && !*complete) complete = reader.end();
  if (!complete) return std::nullopt;
  return reader.take();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view octets{reinterpret_cast<const char*>(data) + 1,
                                size - 1};  // NOLINT(*-reinterpret-cast): octet to char
  const auto cut = octets.empty() ? 0 : data[0] % octets.size();
  const auto whole = read(octets, {});
  const auto pieces = read(octets.substr(0, cut), octets.substr(cut));
  if (whole.has_value() != pieces.has_value()) std::abort();
  if (!whole) return 0;
  if (whole->status != pieces->status || whole->body != pieces->body) std::abort();
  if (whole->status < 200 || whole->status > 599 || whole->body.size() > api::kMaxReplyBody) std::abort();
  return 0;
}
