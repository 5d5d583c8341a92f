#pragma once

#include <string_view>

#include "cardea/http/message.h"
#include "cardea/result.h"

namespace cardea::http {

/// A problem document (RFC 9457) of a fixed kind; the title comes with the slug.
Response problem(int status, std::string_view slug, std::string_view detail);

/// The only translation of `Error` into HTTP. What is not meant for the other side (`corrupt`) becomes 500
/// without detail. `exhausted` becomes 507: the disk, the database or the memory is full, which no client can
/// help.
Response problem(const Error& error);

/// The same for calls that have limits of their own (how many sessions, how many proofs at once): `exhausted`
/// is the caller's affair there and becomes 429.
Response limited(const Error& error);

/// 401 with the challenge that RFC 9449, 7.1 asks for.
Response unauthorised(std::string_view detail);

}  // namespace cardea::http
