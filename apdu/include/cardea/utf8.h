#pragma once

#include <string_view>

namespace cardea {

/// Whether `text` is UTF-8 throughout (RFC 3629, 4): no octet on its own, no longer form than is needed, no
/// surrogate, nothing above U+10FFFF. The same that JSON texts may hold.
bool is_utf8(std::string_view text);

}  // namespace cardea
