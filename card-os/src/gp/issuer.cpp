#include "gp/issuer.h"

#include "cardea/apdu/tlv.h"
#include "cardea/hex.h"
#include "engine/error_map.h"

namespace cardea::card::gp {

namespace {

constexpr auto kAid = "A000000151000000"_hex;

// Card Specification 2.3.1, 11.9.3.1: file control information; 9F65 is how much data a command may carry.
constexpr auto kFileControlInformation = "6F10 8408A000000151000000 A504 9F6501FF"_hex;

bool has_ended(CardState state) {
  return state == CardState::card_locked || state == CardState::terminated;
}

}  // namespace

BytesView issuer_aid() {
  return kAid;
}

Issuer::Issuer(const Ports& ports, ManagedApplication* managed, const apdu::Aid& instance)
    : ports_{ports},
      managed_{managed},
      instance_{instance},
      aid_{*apdu::Aid::from(kAid)},
      domain_{ports, kAid, Domain::Kind::issuer} {}

// 11.9.3.2: a locked or terminated card says so, with the same data.
Reply Issuer::select() {
  end_collection();
  domain_.close();
  const auto stored = load_registry(ports_.store);
  if (!stored) return {{}, status_word(stored.error())};
  return {to_bytes(kFileControlInformation),
          has_ended(stored->registry.card) ? sw::kSelectedFileInvalidated : sw::kOk};
}

void Issuer::deselect() noexcept {
  end_collection();
  domain_.close();
}

/// What a channel has begun ends with it.
void Issuer::end_collection() noexcept {
  collection_.clear();
  personalizing_.reset();
  status_at_ = 0;
}

CardResult<void> Issuer::allows(Access access) {
  if (access == Access::always) return {};
  if (!domain_.has_level(level::kCommandMac)) return refuse(sw::kSecurityNotSatisfied);
  return {};
}

Step Issuer::run(const Command& command) {
  constexpr std::uint8_t kGetData = 0xCA;
  // Card Specification 2.3.1, 11.1.4: all but GET DATA is of class 80.
  if ((command.cla & 0x80U) == 0 && command.ins != kGetData)
    return {refuse(sw::kInsNotSupported), Effect::pure, {}};
  if (!domain_.authenticated()) end_collection();
  return dispatch(*this, {routes()}, command);
}

void Issuer::append_state(Bytes& out) const {
  domain_.append_state(out);
  out.push_back(personalizing_ ? 1 : 0);
  append_be64(out, personalizing_.value_or(0));
  append_be32(out, static_cast<std::uint32_t>(collection_.size()));
  append_be32(out, static_cast<std::uint32_t>(status_at_));
}

// Whatever a new channel follows is over.
CardResult<Reply> Issuer::initialize_update(const Command& command) {
  end_collection();
  CARDEA_TRY(auto answer, domain_.initialize_update(command));
  return Reply{std::move(answer)};
}

CardResult<Reply> Issuer::external_authenticate(const Command& command) {
  end_collection();
  CARDEA_CHECK(domain_.external_authenticate(command));
  return Reply{};
}

}  // namespace cardea::card::gp
