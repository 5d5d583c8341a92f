#include "cardea/unseal/shares.h"

#include <sodium.h>

#include <algorithm>
#include <memory>
#include <set>

// The header does not say that it is C.
extern "C" {
#include <libgfshare.h>
}

namespace cardea::unseal {

namespace {

constexpr unsigned kMaxShares = 16;

void fill_random(unsigned char* out, unsigned int size) {
  randombytes_buf(out, size);
}

/// libgfshare asks this hook for its coefficients, and for what it overwrites its memory with.
void prepare_library() {
  [[maybe_unused]] const int ready = ::sodium_init();
  gfshare_fill_rand = &fill_random;
}

using Context = std::unique_ptr<gfshare_ctx, decltype(&gfshare_ctx_free)>;

}  // namespace

Share Share::clone() const {
  Share out;
  out.number = number;
  out.threshold = threshold;
  out.key = key;
  std::ranges::copy(data.expose(), out.data.expose().begin());
  return out;
}

KeyId key_id(const UnsealKey& key) {
  constexpr std::string_view purpose = "cardea unseal key id 1";
  crypto_hash_sha256_state state;
  std::array<std::uint8_t, crypto_hash_sha256_BYTES> full{};
  crypto_hash_sha256_init(&state);
  const auto octets = as_bytes(purpose);
  crypto_hash_sha256_update(&state, octets.data(), octets.size());
  crypto_hash_sha256_update(&state, key.expose().data(), key.size());
  crypto_hash_sha256_final(&state, full.data());
  sodium_memzero(&state, sizeof state);
  KeyId id{};
  std::copy_n(full.begin(), id.size(), id.begin());
  return id;
}

std::string text(const KeyId& id) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (i > 0 && i % 2 == 0) out += '-';
    out += digits[id.at(i) >> 4U];
    out += digits[id.at(i) & 0x0FU];
  }
  return out;
}

Result<std::vector<Share>> split(const UnsealKey& key, unsigned threshold, unsigned count) {
  if (threshold < 2 || count < threshold || count > kMaxShares) {
    return fail(Errc::invalid,
                "there are 2 to 16 shares, and the threshold is 2 or more and not above their number");
  }
  prepare_library();
  std::vector<unsigned char> numbers(count);
  for (unsigned i = 0; i < count; ++i)
    numbers[i] = static_cast<unsigned char>(i + 1);
  const Context context{
      gfshare_ctx_init_enc(numbers.data(), count, static_cast<unsigned char>(threshold), UnsealKey::size()),
      &gfshare_ctx_free};
  if (!context) return fail(Errc::unavailable, "no memory for the shares");
  Secret<32> copy;  // the library's interface is not const
  std::ranges::copy(key.expose(), copy.expose().begin());
  gfshare_ctx_enc_setsecret(context.get(), copy.expose().data());
  std::vector<Share> out(count);
  for (unsigned i = 0; i < count; ++i) {
    out[i].number = numbers[i];
    out[i].threshold = static_cast<std::uint8_t>(threshold);
    out[i].key = key_id(key);
    gfshare_ctx_enc_getshare(context.get(), static_cast<unsigned char>(i), out[i].data.expose().data());
  }
  return out;
}

Share whole(const UnsealKey& key) {
  Share out;
  out.key = key_id(key);
  std::ranges::copy(key.expose(), out.data.expose().begin());
  return out;
}

Result<UnsealKey> combine(std::span<const Share> shares) {
  if (shares.empty()) return fail(Errc::invalid, "there is no share");
  const auto& first = shares.front();
  std::set<unsigned> seen;
  for (const auto& share : shares) {
    if (share.key != first.key || share.threshold != first.threshold) {
      return fail(Errc::invalid, "the shares are of different keys");
    }
    if (!seen.insert(share.number).second) return fail(Errc::invalid, "one share is there twice");
  }
  if (shares.size() < first.threshold) return fail(Errc::invalid, "there are too few shares");
  UnsealKey out;
  if (first.number == 0) {
    std::ranges::copy(first.data.expose(), out.expose().begin());
  } else {
    prepare_library();
    std::vector<unsigned char> numbers;
    for (const auto& share : shares.first(first.threshold))
      numbers.push_back(share.number);
    const Context context{
        gfshare_ctx_init_dec(numbers.data(), static_cast<unsigned>(numbers.size()), UnsealKey::size()),
        &gfshare_ctx_free};
    if (!context) return fail(Errc::unavailable, "no memory for the shares");
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      auto copy = shares[i].clone();
      gfshare_ctx_dec_giveshare(context.get(), static_cast<unsigned char>(i), copy.data.expose().data());
    }
    gfshare_ctx_dec_extract(context.get(), out.expose().data());
  }
  if (key_id(out) != first.key) {
    return fail(Errc::corrupt, "the shares do not give the key that they name: one of them is not genuine");
  }
  return out;
}

std::array<std::uint8_t, 32> digest(const Share& share) {
  constexpr std::string_view purpose = "cardea share digest 1";
  crypto_hash_sha256_state state;
  std::array<std::uint8_t, 32> out{};
  crypto_hash_sha256_init(&state);
  const auto octets = as_bytes(purpose);
  crypto_hash_sha256_update(&state, octets.data(), octets.size());
  const std::array<std::uint8_t, 2> head{share.number, share.threshold};
  crypto_hash_sha256_update(&state, head.data(), head.size());
  crypto_hash_sha256_update(&state, share.key.data(), share.key.size());
  crypto_hash_sha256_update(&state, share.data.expose().data(), share.data.size());
  crypto_hash_sha256_final(&state, out.data());
  sodium_memzero(&state, sizeof state);
  return out;
}

}  // namespace cardea::unseal
