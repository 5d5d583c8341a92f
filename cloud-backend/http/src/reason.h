#pragma once

#include <string_view>

namespace cardea::http {

/// Reason phrase of a status code (RFC 9110, section 15).
std::string_view reason_of(int status);

}  // namespace cardea::http
