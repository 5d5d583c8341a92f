#include "cardea/api/kdf.h"

#include <sodium.h>

#include <algorithm>

namespace cardea::api {
namespace {

struct HmacSha256 {
  static constexpr std::size_t kSize = crypto_auth_hmacsha256_BYTES;
  using State = crypto_auth_hmacsha256_state;
  static void init(State& s, BytesView key) { crypto_auth_hmacsha256_init(&s, key.data(), key.size()); }
  static void update(State& s, BytesView part) {
    crypto_auth_hmacsha256_update(&s, part.data(), part.size());
  }
  static void final(State& s, std::uint8_t* out) { crypto_auth_hmacsha256_final(&s, out); }
};

struct HmacSha512 {
  static constexpr std::size_t kSize = crypto_auth_hmacsha512_BYTES;
  using State = crypto_auth_hmacsha512_state;
  static void init(State& s, BytesView key) { crypto_auth_hmacsha512_init(&s, key.data(), key.size()); }
  static void update(State& s, BytesView part) {
    crypto_auth_hmacsha512_update(&s, part.data(), part.size());
  }
  static void final(State& s, std::uint8_t* out) { crypto_auth_hmacsha512_final(&s, out); }
};

template <class Hmac>
Secret<Hmac::kSize> hmac(BytesView key, std::initializer_list<BytesView> parts) {
  // libsodium asks for pointers that are not null, even to nothing.
  constexpr std::array<std::uint8_t, 1> kNothing{};
  typename Hmac::State state;
  Hmac::init(state, key.empty() ? BytesView{kNothing}.first(0) : key);
  for (const auto part : parts) {
    if (!part.empty()) Hmac::update(state, part);
  }
  Secret<Hmac::kSize> mac;
  Hmac::final(state, mac.expose().data());
  sodium_memzero(&state, sizeof state);
  return mac;
}

template <class Hmac>
Secret<Hmac::kSize> extract(BytesView salt, BytesView key_material) {
  // HMAC pads a short key with zeroes, so an empty salt is the salt of zeroes that RFC 5869 asks for.
  return hmac<Hmac>(salt, {key_material});
}

template <class Hmac>
SecretBytes expand(BytesView key, BytesView info, std::size_t size) {
  if (size > 255 * Hmac::kSize) return {};
  SecretBytes out{size};
  Secret<Hmac::kSize> block;
  BytesView previous;
  std::uint8_t counter = 0;
  for (std::size_t done = 0; done < size; done += Hmac::kSize) {
    ++counter;
    block = hmac<Hmac>(key, {previous, info, BytesView{&counter, 1}});
    previous = block.expose();
    const auto n = std::min(Hmac::kSize, size - done);
    std::copy_n(previous.begin(), n, out.expose().begin() + static_cast<std::ptrdiff_t>(done));
  }
  return out;
}

}  // namespace

Sha256 sha256(std::initializer_list<BytesView> parts) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  for (const auto part : parts) {
    if (!part.empty()) crypto_hash_sha256_update(&state, part.data(), part.size());
  }
  Sha256 hash{};
  crypto_hash_sha256_final(&state, hash.data());
  sodium_memzero(&state, sizeof state);
  return hash;
}

Sha512 sha512(std::initializer_list<BytesView> parts) {
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  for (const auto part : parts) {
    if (!part.empty()) crypto_hash_sha512_update(&state, part.data(), part.size());
  }
  Sha512 hash{};
  crypto_hash_sha512_final(&state, hash.data());
  sodium_memzero(&state, sizeof state);
  return hash;
}

Secret<32> hmac_sha256(BytesView key, std::initializer_list<BytesView> parts) {
  return hmac<HmacSha256>(key, parts);
}
Secret<64> hmac_sha512(BytesView key, std::initializer_list<BytesView> parts) {
  return hmac<HmacSha512>(key, parts);
}

Secret<32> hkdf_extract_sha256(BytesView salt, BytesView key_material) {
  return extract<HmacSha256>(salt, key_material);
}
Secret<64> hkdf_extract_sha512(BytesView salt, BytesView key_material) {
  return extract<HmacSha512>(salt, key_material);
}

SecretBytes hkdf_expand_sha256(BytesView pseudo_random_key, BytesView info, std::size_t size) {
  return expand<HmacSha256>(pseudo_random_key, info, size);
}
SecretBytes hkdf_expand_sha512(BytesView pseudo_random_key, BytesView info, std::size_t size) {
  return expand<HmacSha512>(pseudo_random_key, info, size);
}

Secret<32> derive_key(BytesView key_material, BytesView info) {
  const auto prk = hkdf_extract_sha512({}, key_material);
  const auto okm = hkdf_expand_sha512(prk.expose(), info, 32);
  Secret<32> key;
  std::ranges::copy(okm.expose(), key.expose().begin());
  return key;
}

}  // namespace cardea::api
