#include "cardea/card/card.h"

#include <utility>
#include <vector>

#include "cardea/secret.h"
#include "engine/pipeline.h"
#include "gp/issuer.h"
#include "gp/registration.h"
#include "piv/piv.h"
#include "yubico/management.h"

namespace cardea::card {

namespace {

/// Where the card manager is among them.
constexpr std::size_t kManager = 1;

std::vector<std::unique_ptr<Applet>> make_applications(const Profile& profile, const Ports& ports,
                                                       gp::Registration& registration) {
  auto piv = std::make_unique<piv::Piv>(profile, ports, registration);
  auto manager =
      std::make_unique<gp::Issuer>(ports, profile.global_platform ? piv.get() : nullptr, piv->instance());
  std::vector<std::unique_ptr<Applet>> out;
  out.push_back(std::move(piv));
  out.push_back(std::move(manager));
  if (profile.yubico) out.push_back(std::make_unique<yubico::Management>(ports));
  return out;
}

Bytes unspecified() {
  return Bytes{0x6F, 0x00};
}

}  // namespace

class Card::Impl {
 public:
  Impl(const Profile& profile, const Ports& ports)
      : profile_{profile},
        ports_{ports},
        registration_{ports.store, piv::application_identifier()},
        pipeline_{make_applications(profile, ports, registration_), Manager{kManager, &registration_}} {}

  Outcome transmit(BytesView command, const PinInput* pins) noexcept {
    try {
      if (apology_.empty()) apology_ = unspecified();
      return pipeline_.transmit(command, pins);
    } catch (...) {
      // Memory ran out, or a port broke its promise half-way through a command: nothing volatile can be
      // trusted.
      pipeline_.reset();
      return {std::exchange(apology_, {}), Effect::effectful, {}};
    }
  }

  void reset() noexcept { pipeline_.reset(); }

  [[nodiscard]] Digest state_digest() const {
    Bytes state;
    state.reserve(Chain::kMaxSize + 4096);  // growing would leave copies behind
    const WipeOnExit wipe_state{state};
    append(state, as_bytes(profile_.name));
    state.push_back(0);
    pipeline_.append_state(state);
    return ports_.crypto.sha256(state);
  }

  [[nodiscard]] bool has_security_status() const { return pipeline_.has_security_status(); }
  [[nodiscard]] bool holder_verified() const { return pipeline_.holder_verified(); }

  [[nodiscard]] const Profile& profile() const { return profile_; }

 private:
  const Profile& profile_;
  Ports ports_;
  gp::Registration registration_;
  Pipeline pipeline_;
  Bytes apology_ = unspecified();  // made in good times, for when there is no memory left to say sorry
};

Card::Card(const Profile& profile, Ports ports) : impl_{std::make_unique<Impl>(profile, ports)} {}
Card::Card(Card&&) noexcept = default;
Card& Card::operator=(Card&&) noexcept = default;
Card::~Card() = default;

Outcome Card::transmit(BytesView command, const PinInput* pins) noexcept {
  return impl_->transmit(command, pins);
}
void Card::reset() noexcept {
  impl_->reset();
}
Digest Card::state_digest() const {
  return impl_->state_digest();
}
bool Card::has_security_status() const {
  return impl_->has_security_status();
}

bool Card::holder_verified() const {
  return impl_->holder_verified();
}
const Profile& Card::profile() const {
  return impl_->profile();
}

}  // namespace cardea::card
