#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "cardea/apdu/class_byte.h"
#include "engine/applet.h"
#include "engine/chain.h"
#include "engine/pending_response.h"
#include "engine/protection.h"

namespace cardea::card {

/// The card manager, where the card has one: the application that is always there.
struct Manager {
  std::size_t applet = 0;                ///< which of the applets; SELECT without a name means it
  Availability* availability = nullptr;  ///< of the others; not null
};

/// What every command passes through: parsing, class byte, GET RESPONSE, secure channel, chaining, SELECT,
/// the selected applet.
class Pipeline {
 public:
  /// At least one applet; the first is the default one, selected after reset.
  explicit Pipeline(std::vector<std::unique_ptr<Applet>> applets,
                    std::optional<Manager> manager = std::nullopt);

  Outcome transmit(BytesView octets, const PinInput* pins = nullptr);
  void reset() noexcept;

  /// The canonical volatile state.
  void append_state(Bytes& out) const;
  [[nodiscard]] bool has_security_status() const;
  [[nodiscard]] bool holder_verified() const;

 private:
  CardResult<void> leave_what_is_gone();
  CardResult<apdu::ClassByte> check_class(const Command& command);
  Outcome get_response(const Command& command);
  Outcome protected_step(Command& command, const apdu::ClassByte& class_byte);
  Protection* protection_of(const Command& command, const apdu::ClassByte& class_byte);
  [[nodiscard]] bool in_channel() const;
  Step collect(const Command& part);
  Step complete(Command& command);
  Step select(const Command& command);
  [[nodiscard]] std::size_t find(BytesView aid, unsigned occurrence) const;
  [[nodiscard]] bool selectable(std::size_t applet) const;
  void change_to(std::size_t applet);

  [[nodiscard]] Applet& selected() const { return *applets_[selected_]; }

  std::vector<std::unique_ptr<Applet>> applets_;
  std::optional<Manager> manager_;
  std::size_t selected_ = 0;
  std::optional<std::uint64_t> instance_;  ///< Availability::instance as the command before has seen it
  Chain chain_;
  PendingResponse pending_;
  Effect pending_effect_ = Effect::pure;  ///< of the command that made what is pending
};

}  // namespace cardea::card
