#include "pin_hash.h"

#include <sodium.h>

#include <variant>

namespace cardea::store {

namespace {

/// The octets that prove knowledge of a PIN. A new kind of evidence fails to compile here until it is dealt
/// with.
struct Octets {
  BytesView operator()(const card::PlainPin& pin) const { return pin.value.expose(); }
};

}  // namespace

PinHasher::PinHasher(unsigned lanes) : lanes_{lanes} {}

Result<PinHash> PinHasher::make(const card::PinEvidence& evidence) {
  PinHash made;
  randombytes_buf(made.salt.data(), made.salt.size());
  CARDEA_CHECK(compute(evidence, made.cost, made.salt, made.hash));
  return made;
}

Result<bool> PinHasher::matches(const card::PinEvidence& evidence, const PinHash& expected) {
  std::array<std::uint8_t, 32> shown{};
  CARDEA_CHECK(compute(evidence, expected.cost, expected.salt, shown));
  const bool same = constant_time_equal(shown, expected.hash);
  wipe(shown);
  const std::lock_guard lock{mutex_};
  ++comparisons_;
  return same;
}

std::uint64_t PinHasher::comparisons() {
  const std::lock_guard lock{mutex_};
  return comparisons_;
}

Result<void> PinHasher::compute(const card::PinEvidence& evidence, const PinHashCost& cost,
                                const std::array<std::uint8_t, 16>& salt,
                                std::array<std::uint8_t, 32>& hash) {
  const BytesView octets = std::visit(Octets{}, evidence);
  {
    std::unique_lock lock{mutex_};
    free_.wait(lock, [this] { return lanes_ > 0; });
    --lanes_;
  }
  // sodium takes the password as char, and wants a pointer even for no octets.
  const auto* const octet =
      reinterpret_cast<const char*>(octets.data());  // NOLINT(*-reinterpret-cast): octet to char
  const char* const password = octets.empty() ? "" : octet;
  const int failed = crypto_pwhash(hash.data(), hash.size(), password, octets.size(), salt.data(),
                                   static_cast<unsigned long long>(cost.passes),
                                   static_cast<std::size_t>(cost.memory), crypto_pwhash_ALG_ARGON2ID13);
  {
    const std::lock_guard lock{mutex_};
    ++lanes_;
  }
  free_.notify_one();
  if (failed != 0) return fail(Errc::exhausted, "not enough memory to check a PIN");
  return {};
}

}  // namespace cardea::store
