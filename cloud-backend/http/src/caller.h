#pragma once

#include "cardea/http/interface.h"
#include "cardea/http/problem.h"

namespace cardea::http {

// Requests in the name of a device.

/// Whoever has not been recognised gets 401; other failures are what they are.
inline Response authentication_problem(const Error& error) {
  return error.code == Errc::denied ? unauthorised(error.what) : limited(error);
}

inline Result<identity::Principal> caller(const Application& app, const Request& request) {
  return app.authenticator.authenticate(request.method, request.path, request.header("Host"),
                                        request.header("Authorization"), request.header("DPoP"));
}

}  // namespace cardea::http
