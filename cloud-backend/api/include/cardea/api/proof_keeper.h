#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "cardea/api/opaque.h"
#include "cardea/result.h"

namespace cardea::api {

/// The PIN and the PUK: whose logins there are.
inline constexpr std::array<std::uint8_t, 2> kPinReferences{0x80, 0x81};

/// Where a client keeps the proof of a PIN login (KE3) until it has arrived, so that the try comes back even
/// if the process, the session or the network ends before.
///
/// What is kept is no secret to log in with: once its session is gone the server has forgotten the login's
/// keys. It is good for giving that one try back, within 24 hours, from this device.
///
/// One card's, the newest proof of each PIN: it gives back what the older ones would (store::PinRecords).
class ProofKeeper {
 public:
  using Proof = std::array<std::uint8_t, opaque::kKe3Size>;

  ProofKeeper() = default;
  ProofKeeper(const ProofKeeper&) = delete;
  ProofKeeper& operator=(const ProofKeeper&) = delete;
  virtual ~ProofKeeper() = default;

  /// Law: durable once it has returned success.
  virtual Result<void> keep(std::uint8_t reference, const Proof& proof) = 0;
  /// It has arrived, or is worth nothing. To forget what is not there is no error.
  virtual void forget(std::uint8_t reference) = 0;
  [[nodiscard]] virtual std::optional<Proof> kept(std::uint8_t reference) = 0;
};

}  // namespace cardea::api
