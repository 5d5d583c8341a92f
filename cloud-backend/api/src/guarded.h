#pragma once

#include <exception>
#include <string>

#include "cardea/result.h"

namespace cardea::api {

/// No exception leaves the clients; what can throw in them is memory and JSON.
template <class Call>
auto guarded(Call call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::exception& e) {
    return fail(Errc::unavailable, std::string{"the request failed: "} + e.what());
  }
}

}  // namespace cardea::api
