#include "cardea/test/ports.h"

#include <openssl/sha.h>

#include <algorithm>
#include <cstdlib>

namespace cardea::test {

card::Digest OpenSslCrypto::sha256(BytesView data) const {
  card::Digest out{};
  SHA256(data.data(), data.size(), out.data());
  return out;
}

card::Digest384 OpenSslCrypto::sha384(BytesView data) const {
  card::Digest384 out{};
  SHA384(data.data(), data.size(), out.data());
  return out;
}

std::uint64_t seed_from_environment(std::uint64_t fallback) {
  const char* text = std::getenv("CARDEA_SEED");  // NOLINT(concurrency-mt-unsafe): before any thread
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

std::uint64_t SeededRng::next() {
  state_ += 0x9E3779B97F4A7C15U;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31U);
}

void SeededRng::fill(std::span<std::uint8_t> out) {
  const auto given = std::min(out.size(), loaded_.size());
  std::copy_n(loaded_.begin(), given, out.begin());
  loaded_.erase(loaded_.begin(), loaded_.begin() + static_cast<std::ptrdiff_t>(given));
  for (auto& octet : out.subspan(given))
    octet = static_cast<std::uint8_t>(next() >> 56U);
}

Result<void> RecordingAudit::record(const card::AuditEvent& event) {
  if (failing_) return fail(Errc::unavailable, "the audit log fails here (planned by the test)");
  events_.push_back(event);
  return {};
}

}  // namespace cardea::test
