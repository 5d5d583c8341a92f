#include "yubico/management.h"

#include <array>

#include "cardea/apdu/tlv.h"
#include "engine/error_map.h"
#include "piv/card_record.h"
#include "yubico/version.h"

namespace cardea::card::yubico {

namespace {

constexpr auto kAid = "A000000527 471117"_hex;

/// Yubico's numbers for the applications of a device; PIV is the only one here.
constexpr auto kPivOnly = "0010"_hex;

}  // namespace

Management::Management(const Ports& ports) : store_{ports.store}, aid_{*apdu::Aid::from(kAid)} {}

Reply Management::select() {
  auto text = to_bytes(as_bytes("Virtual mgr - FW version "));
  append(text, as_bytes(kVersionText));
  return {std::move(text)};
}

CardResult<void> Management::allows(Access access) {
  if (access != Access::always) return refuse(sw::kSecurityNotSatisfied);
  return {};
}

std::span<const Route<Management>> Management::routes() {
  static constexpr Route<Management> kRoutes[] = {
      {0x1D, Match{0x00}, Match{0x00}, Body::any, Access::always, Effect::pure, &Management::read_config,
       "YUBICO READ CONFIG", "YUBICO-PIV#MANAGEMENT"},
  };
  return kRoutes;
}

Step Management::run(const Command& command) {
  return dispatch(*this, {routes()}, command);
}

// One octet with the length of all, then the objects.
CardResult<Reply> Management::read_config(const Command&) {
  CARDEA_TRY(const auto card, lift(piv::load_card_record(store_)));
  Bytes serial;
  append_be32(serial, card.serial);
  Bytes out{0};
  apdu::append_tlv(out, 0x01, kPivOnly);  // supported over USB
  apdu::append_tlv(out, 0x02, serial);
  apdu::append_tlv(out, 0x03, kPivOnly);  // enabled over USB
  apdu::append_tlv(out, 0x04, std::array{kFormFactor});
  apdu::append_tlv(out, 0x05, kVersion);
  apdu::append_tlv(out, 0x06, "0000"_hex);  // seconds until auto-eject
  apdu::append_tlv(out, 0x07, "0F"_hex);    // seconds to wait for a touch
  apdu::append_tlv(out, 0x08, "00"_hex);    // device flags
  apdu::append_tlv(out, 0x0A, "00"_hex);    // configuration not locked
  out[0] = static_cast<std::uint8_t>(out.size() - 1);
  return Reply{std::move(out)};
}

}  // namespace cardea::card::yubico
