#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "cardea/card/ports/crypto.h"
#include "cardea/secret.h"
#include "piv/key_load.h"

namespace cardea::card::piv {

/// What the card said in the first step of a 9B authentication and waits to see again in the second.
struct Challenge {
  enum class Kind : std::uint8_t { external = 1, mutual = 2 };
  Kind kind = Kind::external;
  Digest key{};  ///< fingerprint of the 9B record it was made for
  SecretBytes octets;
};

/// What is good for the very next command only.
struct OneShot {
  bool fresh_pin = false;  ///< the PIN was verified by the command before
  std::optional<Challenge> challenge;
};

/// All that dies with a reset.
struct State {
  /// Under which version of the application PIN the holder was verified. A PIN replaced in another session
  /// has another version, and the holder is verified no more.
  std::optional<std::uint64_t> verified;

  /// The 9B record that the administrator has proved to know. The same rule.
  std::optional<Digest> administrator;

  /// A key that comes element by element through the secure channel.
  std::optional<KeyLoad> load;

  OneShot next;
};

}  // namespace cardea::card::piv
