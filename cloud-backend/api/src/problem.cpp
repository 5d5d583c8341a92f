#include "problem.h"

#include <nlohmann/json.hpp>
#include <string>

#include "cardea/api/json.h"

namespace cardea::api {
namespace {

Errc code_of(int status) {
  switch (status) {
    case 401:
    case 403:
      return Errc::denied;
    case 404:
    case 410:
      return Errc::not_found;
    case 409:
      return Errc::conflict;
    case 429:
      return Errc::unavailable;
    default:
      return status >= 500 ? Errc::unavailable : Errc::invalid;
  }
}

std::string presentable(std::string text) {
  constexpr std::size_t kLongest = 500;
  if (text.size() > kLongest) text.resize(kLongest);
  for (auto& c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7F) c = ' ';
  }
  return text;
}

}  // namespace

Error to_error(const HttpReply& reply) {
  std::string sentence;
  if (reply.content_type.starts_with("application/problem+json")) {
    if (const auto document = parse_json(reply.body)) {
      sentence = text_member(*document, "detail");
      if (sentence.empty()) sentence = text_member(*document, "title");
    }
  }
  if (sentence.empty()) sentence = "the server answered with status " + std::to_string(reply.status);
  return {code_of(reply.status), presentable(std::move(sentence))};
}

}  // namespace cardea::api
