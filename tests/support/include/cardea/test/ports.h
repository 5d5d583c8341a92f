#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cardea/card/ports/audit.h"
#include "cardea/card/ports/clock.h"
#include "cardea/card/ports/crypto.h"
#include "cardea/card/ports/rng.h"
#include "cardea/test/medium.h"

namespace cardea::test {

/// SHA-256 and SHA-384 by OpenSSL.
class OpenSslCrypto final : public card::Crypto {
 public:
  [[nodiscard]] card::Digest sha256(BytesView data) const override;
  [[nodiscard]] card::Digest384 sha384(BytesView data) const override;
};

/// Stands still until it is told to move.
class FakeClock final : public card::Clock {
 public:
  [[nodiscard]] std::chrono::sys_time<std::chrono::milliseconds> now() const override { return now_; }
  void advance(std::chrono::milliseconds by) { now_ += by; }

 private:
  std::chrono::sys_time<std::chrono::milliseconds> now_{std::chrono::hours{24} * 365 * 56};  // in 2025
};

/// The seed of a run: CARDEA_SEED in the environment, else `fallback`.
std::uint64_t seed_from_environment(std::uint64_t fallback);

/// Octets that follow from a seed (SplitMix64), after any that were loaded beforehand.
class SeededRng final : public card::Rng {
 public:
  explicit SeededRng(std::uint64_t seed) : seed_{seed}, state_{seed} {}

  void fill(std::span<std::uint8_t> out) override;

  /// The next octets to give out, ahead of the pseudo-random ones: challenges of published vectors.
  void load(BytesView octets) { append(loaded_, octets); }
  /// How many loaded octets nobody has asked for yet.
  [[nodiscard]] std::size_t loaded() const { return loaded_.size(); }

  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  /// For failure messages: "CARDEA_SEED=7".
  [[nodiscard]] std::string describe() const { return "CARDEA_SEED=" + std::to_string(seed_); }

 private:
  std::uint64_t next();

  std::uint64_t seed_;
  std::uint64_t state_;
  Bytes loaded_;
};

/// Keeps all events; can be told to fail.
class RecordingAudit final : public card::Audit {
 public:
  Result<void> record(const card::AuditEvent& event) override;

  [[nodiscard]] const std::vector<card::AuditEvent>& events() const { return events_; }
  void clear() { events_.clear(); }
  /// While set, nothing can be recorded.
  void set_failing(bool failing) { failing_ = failing; }

  /// Events of one kind: `audit.count<card::KeyUsed>()`.
  template <class Event>
  [[nodiscard]] std::size_t count() const {
    std::size_t n = 0;
    for (const auto& event : events_)
      n += std::holds_alternative<Event>(event) ? 1U : 0U;
    return n;
  }

 private:
  std::vector<card::AuditEvent> events_;
  bool failing_ = false;
};

}  // namespace cardea::test
