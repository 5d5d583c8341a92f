#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cardea::http {

struct Header {
  std::string_view name;
  std::string_view value;  ///< without white space around it
};

/// One request. Everything in it borrows from the connection's buffer and lives until the handler returns.
struct Request {
  static constexpr std::size_t kMaxHeaders = 64;

  std::string_view method;
  std::string_view path;   ///< as sent, not decoded; begins with '/'
  std::string_view query;  ///< what follows '?'
  std::string_view body;
  std::array<Header, kMaxHeaders> headers;
  std::size_t header_count = 0;
  std::array<std::uint8_t, 32> tls_exporter{};  ///< of the connection (RFC 9266); zeroes without TLS
  std::array<std::string, 4> parameters;        ///< what the {…} of the route matched, in order, decoded

  /// The value of a header, empty when there is none; names in any case.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  /// A query parameter with %XX and '+' decoded, empty when there is none.
  [[nodiscard]] std::string parameter(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string_view content_type;  ///< a constant of the program; empty without a body
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Answers a request. Called by several threads at once; an exception becomes a 500 without detail.
using Handler = std::function<Response(Request&)>;

/// Equality of ASCII text in any case.
[[nodiscard]] bool same_text(std::string_view a, std::string_view b);

/// Decodes %XX, and '+' as a space where `plus` says so. A '%' that no two digits follow stands for itself.
[[nodiscard]] std::string percent_decoded(std::string_view text, bool plus);

/// One value of application/x-www-form-urlencoded text, decoded; empty when there is none.
[[nodiscard]] std::string form_value(std::string_view form, std::string_view name);

}  // namespace cardea::http
