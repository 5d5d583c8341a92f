// The reader of request heads: the same verdict and the same request in one piece as in two; what is accepted
// lies inside the buffer, has a host where it must, and never more than the limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "head.h"

namespace {

using namespace cardea::http;

struct Outcome {
  HeadState state = HeadState::incomplete;
  Request request;
  Head head;
  Refusal refusal;
};

Outcome read(std::string_view octets, std::size_t cut) {
  Outcome out;
  std::size_t scanned = 0;
  if (cut != 0) out.state = read_head(octets.substr(0, cut), scanned, out.request, out.head, out.refusal);
  if (out.state == HeadState::incomplete)
    out.state = read_head(octets, scanned, out.request, out.head, out.refusal);
  return out;
}

void require(bool law) {
  if (!law) std::abort();
}

bool inside(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

bool has_control(std::string_view text) {
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if ((u < 0x20 && u != '\t') || u == 0x7F) return true;
  }
  return false;
}

void check_accepted(const Outcome& outcome, std::string_view octets) {
  const auto& request = outcome.request;
  const auto head = octets.substr(0, outcome.head.size);
  require(outcome.head.size <= octets.size() && head.size() >= 4 && head.ends_with("\r\n\r\n"));
  require(outcome.head.size <= kMaxHead + 4 && head.find("\r\n\r\n") == head.size() - 4);
  require(!request.method.empty() && inside(request.method, head));
  require(request.path.starts_with('/') && inside(request.path, head) && inside(request.query, head));
  require(request.path.size() + request.query.size() <= kMaxTarget);
  require(request.header_count <= Request::kMaxHeaders);
  std::size_t hosts = 0;
  for (std::size_t i = 0; i < request.header_count; ++i) {
    const auto& header = request.headers[i];
    require(!header.name.empty() && inside(header.name, head) && inside(header.value, head));
    require(!has_control(header.value));
    require(!same_text(header.name, "transfer-encoding"));
    if (same_text(header.name, "host")) ++hosts;
  }
  const auto line = head.substr(0, head.find("\r\n"));
  require(hosts <= 1 && (hosts == 1 || line.ends_with("HTTP/1.0")));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view octets{reinterpret_cast<const char*>(data) + 2,
                                size - 2};  // NOLINT(*-reinterpret-cast): octet to char
  const auto cut = octets.empty() ? 0 : (data[0] * 256U + data[1]) % octets.size();
  const auto whole = read(octets, 0);
  const auto pieces = read(octets, cut);
  require(whole.state == pieces.state);
  if (whole.state == HeadState::bad) {
    require(whole.refusal.status >= 400 && whole.refusal.status == pieces.refusal.status);
    require(*whole.refusal.slug != 0 && *whole.refusal.detail != 0);
  }
  if (whole.state != HeadState::complete) return 0;
  check_accepted(whole, octets);
  require(whole.head.size == pieces.head.size && whole.head.body_size == pieces.head.body_size);
  require(whole.head.close == pieces.head.close && whole.request.path == pieces.request.path);
  require(whole.request.header_count == pieces.request.header_count);
  return 0;
}
