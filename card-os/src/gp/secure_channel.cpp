#include "cardea/card/gp/secure_channel.h"

#include <utility>

#include "engine/error_map.h"
#include "gp/session.h"

namespace cardea::card::gp {

namespace {

constexpr std::uint8_t kInitializeUpdate = 0x50;
constexpr std::uint8_t kExternalAuthenticate = 0x82;
constexpr std::size_t kHostChallenge = 8;
constexpr std::size_t kHostCryptogram = 8;
constexpr unsigned kSecureMessagingBits = 0x0C;
constexpr unsigned kSecureMessaging = 0x04;

/// What class bytes of the first interindustry range and GlobalPlatform's 8X say of secure messaging.
unsigned secure_messaging(const Command& command) {
  return command.cla & kSecureMessagingBits;
}

constexpr std::uint32_t largest_sequence(Protocol protocol) {
  return protocol == Protocol::scp02 ? 0xFFFFU : 0xFFFFFFU;
}

bool gets_mac(apdu::StatusWord word) {
  return word == sw::kOk || word.sw1() == 0x62 || word.sw1() == 0x63;
}

}  // namespace

SecureChannel::SecureChannel(const ChannelPorts& ports, ChannelIdentity identity)
    : ports_{ports}, identity_{std::move(identity)} {}
SecureChannel::~SecureChannel() = default;

void SecureChannel::close() noexcept {
  stage_ = Stage::closed;
  session_.reset();
  level_ = level::kNone;
  version_ = 0;
  generation_ = 0;
  sequence_ = 0;
  commands_ = 0;
  answer_due_ = false;
}

// Card Specification 2.3.1, E.5.1; Amendment D, 7.1.1.
CardResult<Bytes> SecureChannel::initialize_update(const Command& command) {
  close();  // whatever happens below
  if (command.ins != kInitializeUpdate) return refuse(sw::kInsNotSupported);
  if (secure_messaging(command) != 0) return refuse(sw::kSecurityNotSatisfied);
  if (command.p2 != 0) return refuse(sw::kWrongP1P2);
  if (command.data.size() != kHostChallenge) return refuse(sw::kWrongLength);
  CARDEA_TRY(const auto keys, lift(ports_.keys.find(command.p1)));
  if (!keys) return refuse(sw::kReferencedDataNotFound);

  std::uint32_t sequence = 0;
  if (numbered(*keys)) {
    CARDEA_TRY(sequence, lift(ports_.counters.current(keys->version)));
    // The last number is never used: after it the counter could not advance.
    if (sequence >= largest_sequence(keys->protocol)) return refuse(sw::kConditionsNotSatisfied);
  }
  const Opening opening{ports_, identity_, *keys, command.data, sequence};
  CARDEA_TRY(session_, keys->protocol == Protocol::scp02 ? open_scp02(opening) : open_scp03(opening));
  version_ = keys->version;
  generation_ = keys->generation;
  numbered_ = numbered(*keys);
  sequence_ = sequence;
  stage_ = Stage::initialized;

  Bytes out = to_bytes(identity_.diversification);
  out.push_back(version_);
  append(out, session_->answer());
  return out;
}

// Card Specification 2.3.1, E.5.2; Amendment D, 7.1.2.
CardResult<void> SecureChannel::external_authenticate(const Command& command) {
  if (stage_ != Stage::initialized) {
    close();  // in a session it is out of order
    return refuse(sw::kConditionsNotSatisfied);
  }
  auto admitted = admit(command);
  if (!admitted) {
    close();
    return admitted;
  }
  level_ = command.p1;
  stage_ = Stage::open;
  return {};
}

CardResult<void> SecureChannel::admit(const Command& command) {
  if (command.ins != kExternalAuthenticate) return refuse(sw::kInsNotSupported);
  if (secure_messaging(command) != kSecureMessaging) return refuse(sw::kSecurityNotSatisfied);
  if (command.p2 != 0 || !session_->offers(command.p1)) return refuse(sw::kWrongP1P2);
  if (command.data.size() != kHostCryptogram + kMacSize) return refuse(sw::kWrongLength);
  CARDEA_TRY(const auto plain, session_->unwrap(command, level::kCommandMac));
  if (!session_->is_host(plain.data)) return refuse(sw::kVerificationFailed);
  // Before the door opens: what was said in this session must not be good for another one.
  if (numbered_) CARDEA_CHECK(lift(ports_.counters.advance(version_, sequence_)));
  return {};
}

CardResult<Command> SecureChannel::unwrap(const Command& command) {
  const bool wrapped = secure_messaging(command) != 0;
  const bool expected = stage_ == Stage::open && level_ != level::kNone;
  if (!expected && !wrapped) {
    ++commands_;
    return command;
  }
  if (!expected || secure_messaging(command) != kSecureMessaging) {
    close();
    return refuse(sw::kSecurityNotSatisfied);
  }
  auto plain = session_->unwrap(command, level_);
  if (!plain) {
    close();
    return plain;
  }
  ++commands_;
  answer_due_ = true;
  return plain;
}

Response SecureChannel::wrap(Response response) {
  if (stage_ != Stage::open || (level_ & level::kResponseMac) == 0) return response;
  const WipeOnExit wiped{response.data};
  if (!std::exchange(answer_due_, false)) {
    close();
    return {{}, sw::kUnspecified};
  }
  if (!gets_mac(response.sw)) return {{}, response.sw};
  auto out = session_->wrap(response, level_);
  if (!out) {
    close();
    return {{}, out.error()};
  }
  return *std::move(out);
}

CardResult<SecretBytes> SecureChannel::decrypt_sensitive(BytesView blocks) {
  if (!authenticated()) return refuse(sw::kConditionsNotSatisfied);
  return session_->decrypt_sensitive(blocks);
}

void SecureChannel::append_state(Bytes& out) const {
  out.push_back(static_cast<std::uint8_t>(stage_));
  out.push_back(version_);
  out.push_back(level_);
  append_be32(out, commands_);
}

}  // namespace cardea::card::gp
