#pragma once

#include <openssl/err.h>

#include <array>
#include <string>

namespace cardea::http {

/// What OpenSSL has to say about its last failure.
inline std::string openssl_text() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  return text.data();
}

}  // namespace cardea::http
