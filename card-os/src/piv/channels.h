#pragma once

#include "engine/protection.h"
#include "gp/domain.h"
#include "piv/secure_messaging.h"

namespace cardea::card::piv {

/// The two kinds of protection that PIV knows, told apart by the class byte: GlobalPlatform's channel to an
/// administrator, and secure messaging to any client. Beside the latter plain commands go on. While there is
/// a channel of the former, all commands are for it, and one that came in another way ends it: whoever has
/// keys of secure messaging has none of the administrator's.
class Channels final : public Protection {
 public:
  Channels(gp::Domain* domain, SecureMessaging& messaging) : domain_{domain}, messaging_{messaging} {}

  [[nodiscard]] bool expects(apdu::SecureMessaging kind) const override {
    return active() || (kind == apdu::SecureMessaging::header_authenticated && messaging_.active());
  }
  [[nodiscard]] bool active() const override { return domain_ != nullptr && domain_->active(); }
  [[nodiscard]] bool opens(const apdu::Command& command) const override {
    return domain_ != nullptr && domain_->opens(command);
  }
  CardResult<apdu::Command> unwrap(const apdu::Command& command) override {
    by_messaging_ = !active() && (command.cla & kIsoBits) == kIsoBits;
    if (by_messaging_) return messaging_.unwrap(command);
    if (domain_ == nullptr) return refuse(apdu::sw::kSecureMessagingNotSupported);
    return domain_->unwrap(command);
  }
  /// Only ISO's secure messaging lets commands be cut after they were protected.
  apdu::StatusWord not_joined() noexcept override { return messaging_.fail(); }
  apdu::Response wrap(apdu::Response response) override {
    return by_messaging_ ? messaging_.wrap(response) : domain_->wrap(std::move(response));
  }

  /// A command begins; it has come through nothing yet.
  void begin_command() noexcept { by_messaging_ = false; }
  /// Whether the present command came by secure messaging.
  [[nodiscard]] bool by_messaging() const { return by_messaging_; }

 private:
  static constexpr unsigned kIsoBits = 0x0C;

  gp::Domain* domain_;  ///< null where the profile has none
  SecureMessaging& messaging_;
  bool by_messaging_ = false;
};

}  // namespace cardea::card::piv
