#pragma once

#include <doctest/doctest.h>
#include <sodium.h>

#include <array>
#include <string>
#include <string_view>

#include "cardea/api/jose.h"
#include "cardea/test/must.h"

namespace cardea::api::test {

using cardea::test::must;

/// The key of RFC 8037, appendix A.1 (and of RFC 8032, 7.1, test 1).
inline SigningKey rfc8037_key() {
  return must(signing_key_from_seed(
      SecretBytes{BytesView{must(from_base64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"))}}));
}

/// A compact JWS with exactly these texts, signed properly whatever the header says.
inline std::string raw_jws(std::string_view header, std::string_view payload, const SigningKey& key) {
  auto text = base64url(as_bytes(header)) + '.' + base64url(as_bytes(payload));
  std::array<std::uint8_t, crypto_sign_BYTES> signature{};
  crypto_sign_detached(signature.data(), nullptr, as_bytes(text).data(), text.size(),
                       key.private_key.expose().data());
  return text + '.' + base64url(signature);
}

}  // namespace cardea::api::test
