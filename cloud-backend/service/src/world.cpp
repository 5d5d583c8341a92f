#include "cardea/service/world.h"

#include <openssl/evp.h>
#include <sodium.h>

#include <atomic>
#include <cstdlib>
#include <span>

namespace cardea::service {
namespace {

class OpenSslCrypto final : public card::Crypto {
 public:
  [[nodiscard]] card::Digest sha256(BytesView data) const override {
    // Fetched once and one context a thread: EVP_Digest by name looks the algorithm up each time, which costs
    // more than the hash of an APDU.
    thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                                       &EVP_MD_CTX_free};
    card::Digest digest{};
    unsigned size = 0;
    if (!context || EVP_DigestInit_ex(context.get(), algorithm_.get(), nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), data.data(), data.size()) != 1 ||
        EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1) {
      std::abort();  // only without memory; a digest that is silently wrong would be worse
    }
    return digest;
  }

  // Seldom asked for: once when secure messaging is opened.
  [[nodiscard]] card::Digest384 sha384(BytesView data) const override {
    card::Digest384 digest{};
    if (EVP_Digest(data.data(), data.size(), digest.data(), nullptr, EVP_sha384(), nullptr) != 1)
      std::abort();
    return digest;
  }

 private:
  std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm_{EVP_MD_fetch(nullptr, "SHA256", nullptr),
                                                             &EVP_MD_free};
};

class SystemClock final : public card::Clock {
 public:
  [[nodiscard]] std::chrono::sys_time<std::chrono::milliseconds> now() const override {
    const auto present =
        std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now())
            .time_since_epoch()
            .count();
    // The port's law: never backwards. A clock that was set back stands still until it catches up.
    auto latest = latest_.load(std::memory_order_relaxed);
    while (present > latest && !latest_.compare_exchange_weak(latest, present, std::memory_order_relaxed)) {
    }
    return std::chrono::sys_time<std::chrono::milliseconds>{
        std::chrono::milliseconds{std::max(present, latest)}};
  }

 private:
  mutable std::atomic<std::chrono::milliseconds::rep> latest_{0};
};

class SodiumRng final : public card::Rng {
 public:
  SodiumRng() {
    if (sodium_init() < 0) std::abort();
  }
  void fill(std::span<std::uint8_t> out) override { randombytes_buf(out.data(), out.size()); }
};

}  // namespace

std::unique_ptr<card::Crypto> make_crypto() {
  return std::make_unique<OpenSslCrypto>();
}
std::unique_ptr<card::Clock> make_clock() {
  return std::make_unique<SystemClock>();
}
std::unique_ptr<card::Rng> make_rng() {
  return std::make_unique<SodiumRng>();
}

std::string new_uuid(card::Rng& rng) {
  std::array<std::uint8_t, 16> octets{};
  rng.fill(octets);
  octets[6] = static_cast<std::uint8_t>((octets[6] & 0x0FU) | 0x40U);
  octets[8] = static_cast<std::uint8_t>((octets[8] & 0x3FU) | 0x80U);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += kDigits[octets[i] >> 4U];
    out += kDigits[octets[i] & 0x0FU];
  }
  return out;
}

std::string new_token(card::Rng& rng, std::size_t octets) {
  SecretBytes secret{octets};
  rng.fill(secret.expose());
  std::string out(sodium_base64_encoded_len(octets, sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');
  sodium_bin2base64(out.data(), out.size(), secret.expose().data(), octets,
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  out.pop_back();  // the terminator that sodium writes
  return out;
}

std::string_view name(SessionEnd reason) {
  switch (reason) {
    case SessionEnd::closed:
      return "closed";
    case SessionEnd::idle:
      return "idle";
    case SessionEnd::lifetime:
      return "lifetime";
    case SessionEnd::card_assigned:
      return "card assigned";
    case SessionEnd::card_blocked:
      return "card blocked";
    case SessionEnd::card_deleted:
      return "card deleted";
    case SessionEnd::pin_recovered:
      return "pin recovered";
    case SessionEnd::device_revoked:
      return "device revoked";
    case SessionEnd::displaced:
      return "displaced by another session of the device";
    case SessionEnd::shutdown:
      return "shutdown";
  }
  return "";
}

}  // namespace cardea::service
