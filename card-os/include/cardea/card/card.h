#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "cardea/bytes.h"
#include "cardea/card/gp/domain_keys.h"
#include "cardea/card/ports.h"
#include "cardea/card/profile.h"
#include "cardea/result.h"

namespace cardea::card {

/// Whether a command may be answered again from memory. Declared by each route.
enum class Effect : std::uint8_t {
  pure,       ///< same state, same command: same response, same next state, nothing written
  effectful,  ///< PIN, key use, writes, randomness
};

/// What one command did.
struct Outcome {
  Bytes response;  ///< response APDU, at least the status word
  Effect effect = Effect::effectful;
  std::string_view command;  ///< name for the log ("PIV VERIFY"); empty when nothing was recognised
};

/// One card in one session: volatile state here, persistent state behind the ports. Several sessions may have
/// the same card at once, each with a Card of its own over the same store.
///
/// Not thread-safe: one strand per session.
class Card {
 public:
  Card(const Profile& profile, Ports ports);
  Card(const Card&) = delete;
  Card& operator=(const Card&) = delete;
  Card(Card&&) noexcept;
  Card& operator=(Card&&) noexcept;
  ~Card();

  /// Runs one command APDU. Answers every input, malformed ones with a status word; never throws. `pins` is
  /// what came in place of the PINs in its data field; where the command has no use for it, it is ignored.
  Outcome transmit(BytesView command, const PinInput* pins = nullptr) noexcept;

  /// Cold or warm reset: all volatile state is gone, the default application is selected (ISO/IEC
  /// 7816-4, 11.1).
  void reset() noexcept;

  /// A digest of the canonical volatile state. Two sessions with equal digests and equal store generation
  /// answer every pure command alike.
  [[nodiscard]] Digest state_digest() const;

  /// Whether the volatile state holds something that this session was given and another has to earn for
  /// itself: a verified PIN, an authenticated administrator, a challenge that waits for its answer, parts of
  /// a chain, pending data of an effectful command. A name that is made of the digest for a cache outside
  /// needs a salt of the session then, so that what one PIN opened is never answered to another session.
  [[nodiscard]] bool has_security_status() const;

  /// Whether a PIN of the holder was verified in this session and has not been given up since (by log-out,
  /// reset, a wrong PIN, a change of application). What the holder has lent the server for this session ends
  /// with it. A PIN that was replaced elsewhere since still counts here; the card refuses key use then.
  [[nodiscard]] bool holder_verified() const;

  [[nodiscard]] const Profile& profile() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// What is decided when a card is made.
struct FactorySettings {
  std::uint32_t serial = 0;  ///< Yubico serial number
  /// The keys of the issuer security domain. Without any, no secure channel can be opened: keys that
  /// everybody knows would let everybody set PINs.
  std::optional<gp::SecurityDomainKeys> domain_keys = std::nullopt;
};

/// Brings an empty store to the factory state of the profile: PIN 123456, PUK 12345678 (both marked as
/// factory values), card management key 01..08 three times, discovery object, and the keys of the security
/// domain. Errors: those of the ports, `invalid` for such keys as no protocol takes, and `conflict` when the
/// store has records already.
Result<void> make_factory_card(const Profile& profile, const FactorySettings& settings, Ports ports);

}  // namespace cardea::card
