#include "cardea/cms/scp/issuer_domain.h"

#include "cardea/apdu/tlv.h"

namespace cardea::cms::scp {

namespace {

namespace sw = apdu::sw;

/// GET DATA in the clear; empty when the card has no such object.
Result<Bytes> read(Channel& channel, std::uint16_t tag) {
  CARDEA_TRY(const auto answer, exchange(channel, gp::get_data(tag)));
  if (answer.sw != sw::kOk) return Bytes{};
  return answer.data;
}

/// The value of the one object that the octets are; the octets themselves when they are no such object.
Bytes value_of(const Bytes& object, std::uint32_t tag) {
  const auto outer = apdu::read_tlv(object);
  return outer && outer->tag == tag ? to_bytes(outer->value) : object;
}

}  // namespace

Result<Bytes> select_domain(Channel& channel, BytesView aid) {
  apdu::Command select;
  select.ins = 0xA4;
  select.p1 = 0x04;
  select.data = to_bytes(aid);
  select.le = 256;
  CARDEA_TRY(const auto answer, exchange(channel, select));
  // 6283: the card is locked, and this is how it is unlocked (GP Card Specification 2.3.1, 11.9.3).
  constexpr std::uint16_t kLocked = 0x6283;
  if (answer.sw != sw::kOk && answer.sw.value() != kLocked) {
    return fail(Errc::unsupported, "the card has no issuer security domain of that name: it answers " +
                                       apdu::describe(answer.sw));
  }
  const auto outer = apdu::read_tlv(answer.data);
  const auto inner = outer && outer->tag == 0x6F ? apdu::read_tlvs(outer->value) : std::nullopt;
  const auto own = inner ? apdu::find(*inner, 0x84) : std::nullopt;
  return own ? to_bytes(*own) : Bytes{};
}

Result<DomainFacts> read_domain(Channel& channel, BytesView aid) {
  DomainFacts out;
  CARDEA_TRY(out.aid, select_domain(channel, aid));
  CARDEA_TRY(const auto card_data, read(channel, 0x0066));
  if (!card_data.empty()) {
    CARDEA_TRY(out.protocols, gp::parse_card_data(card_data));
  }
  CARDEA_TRY(const auto keys, read(channel, 0x00E0));
  if (!keys.empty()) {
    CARDEA_TRY(out.keys, gp::parse_key_information(keys));
  }
  CARDEA_TRY(const auto production, read(channel, 0x9F7F));
  out.production = value_of(production, 0x9F7F);
  CARDEA_TRY(const auto issuer, read(channel, 0x0042));
  out.issuer = value_of(issuer, 0x42);
  CARDEA_TRY(const auto image, read(channel, 0x0045));
  out.image = value_of(image, 0x45);
  return out;
}

Result<gp::SecureChannel> open_domain(Channel& channel, const gp::Keyset& keys, const gp::Options& options) {
  return gp::SecureChannel::open(
      [&channel](const apdu::Command& command) { return exchange(channel, command); }, keys, options);
}

Result<Bytes> ask(gp::SecureChannel& secure, const apdu::Command& command, const std::string& doing) {
  CARDEA_TRY(const auto answer, secure.send(command));
  if (answer.sw == sw::kOk) return answer.data;
  const bool refused = answer.sw.value() == 0x6982 || answer.sw.value() == 0x6985;
  return fail(refused ? Errc::denied : Errc::invalid,
              doing + ": the card answers " + apdu::describe(answer.sw));
}

}  // namespace cardea::cms::scp
