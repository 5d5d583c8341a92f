#include "piv/piv.h"

#include <array>
#include <utility>

#include "cardea/apdu/tlv.h"
#include "cardea/hex.h"
#include "engine/error_map.h"

namespace cardea::card::piv {

namespace {

// SP 800-73-4 Part 1, 2.2: RID, PIX, version 1.0.
constexpr auto kAid = "A000000308 00001000 0100"_hex;

// SP 800-73-4 Part 2, 3.1.1: what stands in the application property template.
constexpr auto kPropertyObjects =
    "4F 06 000010000100"                                  // application identifier: the PIX
    "79 07 4F 05 A000000308"                              // coexistent tag allocation authority
    "50 0A 43617264656120504956"_hex;                     // label: Cardea PIV
constexpr auto kAlgorithms = "800107 800111 800114"_hex;  // RSA-2048, P-256, P-384
constexpr auto kEndOfAlgorithms = "060100"_hex;

void append_optional(Bytes& out, const std::optional<Digest>& digest) {
  out.push_back(digest ? 1 : 0);
  if (digest) append(out, *digest);
}

}  // namespace

apdu::Aid application_identifier() {
  return *apdu::Aid::from(kAid);
}

Piv::Piv(const Profile& profile, const Ports& ports, gp::Registration& registration)
    : profile_{profile},
      ports_{ports},
      registration_{registration},
      aid_{application_identifier()},
      domain_{profile.global_platform
                  ? std::optional<gp::Domain>{std::in_place, ports, kAid, gp::Domain::Kind::application}
                  : std::nullopt},
      messaging_{ports},
      channels_{domain_ ? &*domain_ : nullptr, messaging_} {}

// PIN and 9B status stay (SP 800-73-4 Part 2, 3.1.1), and so does secure messaging; a GlobalPlatform channel
// does not (Card Specification 2.3.1, 10.2.3). The cipher suite is told where there are key and certificate
// for it; a store that fails tells nothing.
Reply Piv::select() {
  close_channel();
  Bytes algorithms = to_bytes(kAlgorithms);
  const auto messaging = messaging_key();
  if (messaging && *messaging)
    apdu::append_tlv(algorithms, 0x80,
                     std::array{find_cipher_suite((*messaging)->record.handle.algorithm)->id});
  append(algorithms, kEndOfAlgorithms);
  Bytes inside = to_bytes(kPropertyObjects);
  apdu::append_tlv(inside, 0xAC, algorithms);
  return {apdu::make_tlv(0x61, inside)};
}

void Piv::close_channel() noexcept {
  if (domain_) domain_->close();
  state_.load.reset();
}

void Piv::deselect() noexcept {
  close_channel();
  messaging_.close();
  if (state_.verified) ports_.keys.end_session();
  state_ = State{};
  now_ = OneShot{};
  management_key_.reset();
}

void Piv::begin_command(const PinInput* pins) noexcept {
  pins_ = pins;
  channels_.begin_command();
  now_ = std::exchange(state_.next, OneShot{});
  management_key_.reset();
}

Step Piv::run(const Command& command) {
  const auto own = profile_.yubico ? yubico_routes() : messaging_routes();
  const bool channel = domain_ && domain_->authenticated() && !channels_.by_messaging();
  if (!channel) state_.load.reset();
  auto step = Step{refuse(sw::kInsNotSupported), Effect::pure, {}};
  if (domain_ && domain_->opens(command)) {
    step = dispatch(*this, {opening_routes()}, command);
  } else if (channel) {
    step = dispatch(*this, {channel_routes(), own, piv_routes()}, command);
  } else if ((command.cla & 0x80U) == 0) {
    step = dispatch(*this, {own, piv_routes()}, command);
  }
  pins_ = nullptr;
  return step;
}

CardResult<void> Piv::allows(Access access) {
  if (access == Access::always) return {};
  CARDEA_TRY(const bool administrator, is_administrator());
  if (!administrator && !through_channel()) return refuse(sw::kSecurityNotSatisfied);
  if (access == Access::administrator) return {};
  CARDEA_TRY(const bool verified, pin_verified());
  if (!verified) return refuse(sw::kSecurityNotSatisfied);
  return {};
}

void Piv::append_state(Bytes& out) const {
  if (domain_) domain_->append_state(out);
  messaging_.append_state(out);
  append_be16(out, state_.load ? state_.load->present() : std::uint16_t{0});
  out.push_back(state_.verified ? 1 : 0);
  append_be64(out, state_.verified.value_or(0));
  append_optional(out, state_.administrator);
  out.push_back(state_.next.fresh_pin ? 1 : 0);
  const auto& challenge = state_.next.challenge;
  out.push_back(challenge ? static_cast<std::uint8_t>(challenge->kind) : 0);
  if (!challenge) return;
  append(out, challenge->key);
  append(out, challenge->octets.expose());
}

bool Piv::has_security_status() const {
  if (messaging_.active() || (domain_ && domain_->has_security_status())) return true;
  return state_.verified || state_.administrator || state_.next.fresh_pin || state_.next.challenge;
}

}  // namespace cardea::card::piv
