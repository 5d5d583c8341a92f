#pragma once

#include <cstdint>

#include "cardea/card/gp/secure_channel.h"
#include "cardea/card/ports.h"
#include "cardea/card/result.h"
#include "engine/protection.h"
#include "gp/records.h"
#include "gp/stored_key_sets.h"

namespace cardea::card::gp {

/// A security domain as an application uses it: the issuer's keys, their counters, the audit log,
/// and the one channel that a host can have with the application. The issuer security domain itself has one
/// of these, and so has every application that a host may open a channel to.
class Domain final : public Protection {
 public:
  /// `aid`: of the application, which pseudo-random challenges are about. The issuer's own domain takes
  /// protected commands at any time, and refuses those without a session as a violation; an application
  /// answers then as one that has no secure messaging.
  enum class Kind : std::uint8_t { issuer, application };
  Domain(const Ports& ports, BytesView aid, Kind kind);

  /// As SecureChannel has them; and 6985 on a terminated card.
  CardResult<Bytes> initialize_update(const apdu::Command& command);
  CardResult<void> external_authenticate(const apdu::Command& command);

  [[nodiscard]] bool authenticated() const { return channel_.authenticated(); }
  /// Whether the session has at least these parts of a level.
  [[nodiscard]] bool has_level(std::uint8_t bits) const {
    return channel_.authenticated() && (channel_.security_level() & bits) == bits;
  }
  /// The key version that the session lives and dies with; 00 when there is none.
  [[nodiscard]] std::uint8_t key_version() const {
    return channel_.authenticated() ? lives_with_ : std::uint8_t{0};
  }
  CardResult<SecretBytes> decrypt_sensitive(BytesView blocks) { return channel_.decrypt_sensitive(blocks); }
  void close() noexcept { channel_.close(); }

  /// This session has itself replaced the keys that it was opened with: it goes on, and lives as long as the
  /// new ones. Sessions that others opened with the old keys end.
  void live_with(std::uint8_t version, std::uint64_t generation);

  [[nodiscard]] StoredKeySets& keys() { return keys_; }

  /// Appends what of the state is not secret, for the state digest.
  void append_state(Bytes& out) const { channel_.append_state(out); }
  [[nodiscard]] bool has_security_status() const { return !channel_.closed(); }

  [[nodiscard]] bool expects(apdu::SecureMessaging kind) const override;
  [[nodiscard]] bool active() const override { return !channel_.closed(); }
  [[nodiscard]] bool opens(const apdu::Command& command) const override;
  CardResult<apdu::Command> unwrap(const apdu::Command& command) override;
  apdu::StatusWord not_joined() noexcept override {
    close();
    return apdu::sw::kSecurityNotSatisfied;
  }
  apdu::Response wrap(apdu::Response response) override { return channel_.wrap(std::move(response)); }

 private:
  CardResult<Bytes> start(const apdu::Command& command);
  CardResult<void> attempt(const apdu::Command& command);
  CardResult<void> keys_still_there();

  Ports ports_;
  Kind kind_;
  StoredKeySets keys_;
  StoredSequenceCounters counters_;
  SecureChannel channel_;
  std::uint8_t lives_with_ = 0;  ///< the key version that must stay what it is for the session to go on
  std::uint64_t generation_ = 0;
};

}  // namespace cardea::card::gp
