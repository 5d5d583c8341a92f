#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/applet.h"
#include "engine/chain.h"
#include "engine/pending_response.h"

namespace cardea::card {

/// What every command passes through: parsing, class byte, GET RESPONSE, chaining, SELECT, the selected
/// applet.
class Pipeline {
 public:
  /// At least one applet; the first is the default one, selected after reset.
  explicit Pipeline(std::vector<std::unique_ptr<Applet>> applets);

  Outcome transmit(BytesView octets, const PinInput* pins = nullptr);
  void reset() noexcept;

  /// The canonical volatile state.
  void append_state(Bytes& out) const;
  [[nodiscard]] bool has_security_status() const;
  [[nodiscard]] bool holder_verified() const;

 private:
  Outcome get_response(const Command& command);
  Outcome collect(const Command& part);
  Step run(const Command& command);
  Step select(const Command& command);
  [[nodiscard]] std::size_t find(BytesView aid, unsigned occurrence) const;

  [[nodiscard]] Applet& selected() const { return *applets_[selected_]; }

  std::vector<std::unique_ptr<Applet>> applets_;
  std::size_t selected_ = 0;
  Chain chain_;
  PendingResponse pending_;
  Effect pending_effect_ = Effect::pure;  ///< of the command that made what is pending
};

}  // namespace cardea::card
