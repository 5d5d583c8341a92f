#pragma once

#include <span>

#include "cardea/card/ports.h"
#include "cardea/card/ports/store.h"
#include "engine/route.h"

namespace cardea::card::yubico {

/// The application by which Yubico's tools learn what kind of device this is. Without it ykman does not open
/// the card.
class Management final : public Applet {
 public:
  explicit Management(const Ports& ports);

  [[nodiscard]] const apdu::Aid& aid() const override { return aid_; }
  Reply select() override;
  void deselect() noexcept override {}
  void begin_command(const PinInput* /*pins*/) noexcept override {}
  Step run(const Command& command) override;
  void append_state(Bytes& /*out*/) const override {}
  [[nodiscard]] bool has_security_status() const override { return false; }

  /// For `dispatch`: nothing here is protected.
  static CardResult<void> allows(Access access);

 private:
  static std::span<const Route<Management>> routes();
  CardResult<Reply> read_config(const Command& command);

  Store& store_;
  apdu::Aid aid_;
};

}  // namespace cardea::card::yubico
