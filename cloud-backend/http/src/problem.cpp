#include "cardea/http/problem.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "reason.h"

namespace cardea::http {
namespace {

struct Kind {
  Errc code;
  int status;
  const char* slug;
};

constexpr std::array kKinds{
    Kind{Errc::unavailable, 503, "unavailable"},
    Kind{Errc::not_found, 404, "not-found"},
    Kind{Errc::conflict, 409, "conflict"},
    Kind{Errc::denied, 403, "denied"},
    Kind{Errc::exhausted, 507, "insufficient-storage"},
    Kind{Errc::invalid, 400, "invalid"},
    Kind{Errc::unsupported, 501, "unsupported"},
};

struct Title {
  std::string_view slug;
  const char* title;
};

constexpr std::array kTitles{
    Title{"unavailable", "Something the server needs is not answering"},
    Title{"not-found", "There is no such thing"},
    Title{"conflict", "It exists already, or changed meanwhile"},
    Title{"denied", "Not allowed"},
    Title{"exhausted", "A limit is reached"},
    Title{"insufficient-storage", "The server has no room left"},
    Title{"invalid", "The request makes no sense as put"},
    Title{"unsupported", "This server cannot do that"},
    Title{"internal", "The server failed"},
    Title{"unauthorised", "Authentication is missing or not valid"},
    Title{"sealed", "The server waits for its shares"},
    Title{"card-incomplete", "Something is missing on the card"},
    Title{"card-frozen", "The card is frozen: what is stored of it was changed"},
    Title{"session-gone", "The card session has ended"},
    Title{"bad-request", "The request is not well-formed HTTP"},
    Title{"method-not-allowed", "The method is not allowed here"},
    Title{"unsupported-media-type", "The body has the wrong media type"},
    Title{"body-too-large", "The body is too large"},
    Title{"length-required", "The length of the body must be stated"},
    Title{"headers-too-large", "The headers are too large"},
    Title{"uri-too-long", "The request target is too long"},
    Title{"expectation-failed", "The expectation cannot be met"},
    Title{"http-version-not-supported", "The HTTP version is not supported"},
};

}  // namespace

Response problem(int status, std::string_view slug, std::string_view detail) {
  const auto* const title =
      std::find_if(kTitles.begin(), kTitles.end(), [slug](const Title& t) { return t.slug == slug; });
  nlohmann::json document{
      {"type", "https://cardea.invalid/problems/" + std::string{slug}},
      {"title", title != kTitles.end() ? std::string{title->title} : std::string{reason_of(status)}},
      {"status", status}};
  if (!detail.empty()) document["detail"] = detail;
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return response;
}

Response problem(const Error& error) {
  for (const auto& kind : kKinds) {
    if (kind.code == error.code) return problem(kind.status, kind.slug, error.what);
  }
  return problem(500, "internal", "");
}

Response limited(const Error& error) {
  return error.code == Errc::exhausted ? problem(429, "exhausted", error.what) : problem(error);
}

Response unauthorised(std::string_view detail) {
  auto response = problem(401, "unauthorised", detail);
  response.headers.emplace_back("WWW-Authenticate", "DPoP algs=\"EdDSA\"");
  return response;
}

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Internal Server Error";
  }
}

}  // namespace cardea::http
