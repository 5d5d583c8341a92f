#pragma once

#include <string_view>
#include <vector>

#include "cardea/http/message.h"

namespace cardea::http {

/// "GET", "/v1/cards/{id}", handler. A {…} stands for one non-empty segment of the path; at most four in a
/// pattern.
struct Route {
  std::string_view method;
  std::string_view pattern;
  Handler handler;
  std::string_view media_type = {};  ///< of the request body; anything goes when empty
};

/// Finds the route, by comparing segments: no regular expression on the path of an APDU. Routes are tried in
/// order, so the hottest comes first. What matches none is answered with 404, 405 (with Allow) or 415.
class Router {
 public:
  explicit Router(std::vector<Route> routes) : routes_{std::move(routes)} {}

  Response operator()(Request& request) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace cardea::http
