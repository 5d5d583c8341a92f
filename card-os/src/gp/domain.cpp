#include "gp/domain.h"

#include <algorithm>

#include "engine/error_map.h"

namespace cardea::card::gp {

namespace {

constexpr std::uint8_t kInitializeUpdate = 0x50;
constexpr std::uint8_t kExternalAuthenticate = 0x82;
constexpr std::uint16_t kDiversificationData = 0xCF;

}  // namespace

Domain::Domain(const Ports& ports, BytesView aid, Kind kind)
    : ports_{ports},
      kind_{kind},
      keys_{ports.store, ports.keys},
      counters_{ports.store},
      channel_{{ports.keys, ports.cipher, ports.rng, keys_, counters_}, {to_bytes(aid), {}}} {}

bool Domain::expects(apdu::SecureMessaging kind) const {
  return kind == apdu::SecureMessaging::proprietary && (kind_ == Kind::issuer || active());
}

// 80 50 and 84 82, on the basic channel and not as parts of a chain.
bool Domain::opens(const apdu::Command& command) const {
  const bool initialize = command.ins == kInitializeUpdate && (command.cla == 0x80 || command.cla == 0x84);
  const bool authenticate =
      command.ins == kExternalAuthenticate && (command.cla == 0x80 || command.cla == 0x84);
  return initialize || authenticate;
}

CardResult<Bytes> Domain::initialize_update(const apdu::Command& command) {
  auto answer = start(command);
  if (!answer) channel_.close();
  return answer;
}

CardResult<Bytes> Domain::start(const apdu::Command& command) {
  CARDEA_TRY(const auto stored, lift(load_registry(ports_.store)));
  if (stored.registry.card == CardState::terminated) return refuse(apdu::sw::kConditionsNotSatisfied);
  std::array<std::uint8_t, 10> diversification{};
  CARDEA_TRY(const auto data, lift(ports_.store.get(domain_data_id(kDiversificationData))));
  // What STORE DATA writes has that size; anything else says nothing.
  if (data && data->size() == diversification.size()) std::ranges::copy(*data, diversification.begin());
  channel_.identify(diversification);
  CARDEA_TRY(auto answer, channel_.initialize_update(command));
  lives_with_ = channel_.pending_version();
  generation_ = channel_.key_generation();
  return answer;
}

CardResult<void> Domain::external_authenticate(const apdu::Command& command) {
  if (channel_.pending_version() == 0) return channel_.external_authenticate(command);  // 6985
  auto opened = attempt(command);
  if (!opened) channel_.close();
  return opened;
}

CardResult<void> Domain::attempt(const apdu::Command& command) {
  CARDEA_CHECK(keys_still_there());
  const auto version = channel_.pending_version();
  const auto opened = channel_.external_authenticate(command);
  CARDEA_CHECK(lift(ports_.audit.record(ChannelTried{version, command.p1, opened.has_value()})));
  return opened;
}

CardResult<void> Domain::keys_still_there() {
  CARDEA_TRY(const auto set, lift(keys_.entry(lives_with_)));
  if (!set || set->record.generation != generation_) return refuse(apdu::sw::kSecurityNotSatisfied);
  return {};
}

void Domain::live_with(std::uint8_t version, std::uint64_t generation) {
  lives_with_ = version;
  generation_ = generation;
}

CardResult<apdu::Command> Domain::unwrap(const apdu::Command& command) {
  if (channel_.authenticated()) {
    if (const auto there = keys_still_there(); !there) {
      channel_.close();
      return refuse(there.error());
    }
  }
  return channel_.unwrap(command);
}

}  // namespace cardea::card::gp
