#include "cardea/http/router.h"

#include <string>

#include "cardea/http/problem.h"

namespace cardea::http {
namespace {

/// The text up to the next '/', which is taken off `rest`.
std::string_view next_segment(std::string_view& rest) {
  const auto segment = rest.substr(0, rest.find('/'));
  rest.remove_prefix(segment.size() < rest.size() ? segment.size() + 1 : rest.size());
  return segment;
}

bool matches(std::string_view pattern, std::string_view path, std::array<std::string, 4>& parameters) {
  std::size_t count = 0;
  if (path.back() == '/') return false;
  while (!pattern.empty() && !path.empty()) {
    const auto want = next_segment(pattern);
    const auto have = next_segment(path);
    if (!want.empty() && want.front() == '{') {
      if (have.empty()) return false;
      parameters[count++] = percent_decoded(have, false);
    } else if (want != have) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

/// The media type without its parameters.
bool is_media_type(std::string_view header, std::string_view wanted) {
  auto type = header.substr(0, header.find(';'));
  while (!type.empty() && type.back() == ' ')
    type.remove_suffix(1);
  return same_text(type, wanted);
}

}  // namespace

Response Router::operator()(Request& request) const {
  std::string allowed;
  for (const auto& route : routes_) {
    if (!matches(route.pattern, request.path, request.parameters)) continue;
    if (route.method != request.method) {
      allowed += (allowed.empty() ? "" : ", ") + std::string{route.method};
      continue;
    }
    if (!route.media_type.empty() && !is_media_type(request.header("Content-Type"), route.media_type)) {
      return problem(415, "unsupported-media-type", "Send " + std::string{route.media_type} + ".");
    }
    return route.handler(request);
  }
  if (allowed.empty()) return problem(404, "not-found", "There is no such resource.");
  auto response = problem(405, "method-not-allowed", "Use " + allowed + ".");
  response.headers.emplace_back("Allow", allowed);
  return response;
}

}  // namespace cardea::http
