#include "cardea/apdu/tlv.h"
#include "engine/error_map.h"
#include "piv/objects.h"
#include "piv/pin_format.h"
#include "piv/piv.h"
#include "piv/references.h"

namespace cardea::card::piv {

// What card management systems do through a GlobalPlatform channel that is opened to the PIV application:
// whoever has the keys of the security domain is its administrator. NIST specifies none of it; the commands
// are those of an open applet (OpenFIPS201).

CardResult<Reply> Piv::initialize_update(const Command& command) {
  state_.load.reset();
  CARDEA_TRY(auto answer, domain_->initialize_update(command));
  return Reply{std::move(answer)};
}

CardResult<Reply> Piv::external_authenticate(const Command& command) {
  CARDEA_CHECK(domain_->external_authenticate(command));
  messaging_.close();  // it was somebody's who need not be the administrator
  return Reply{};
}

/// Nobody on the way could read what came, nor change it.
bool Piv::through_channel() const {
  return domain_ && !channels_.by_messaging() &&
         domain_->has_level(gp::level::kCommandMac | gp::level::kCommandEncryption);
}

// 24 with P1 = FF: a new PIN or PUK without the old one.
CardResult<Reply> Piv::set_pin_in_channel(const Command& command) {
  // Keys and PINs come encrypted or not at all, also where 9B was authenticated.
  if (!through_channel()) return refuse(sw::kSecurityNotSatisfied);
  if (pins_ != nullptr)
    return refuse(sw::kWrongData);  // a PIN that is not in the command was not in the channel
  const auto reference = command.p2 == kPuk ? PinRef::puk : PinRef::application;
  if (!may_issue_pin(reference, command.data)) return refuse(sw::kWrongData);
  if (reference == PinRef::application) state_.verified.reset();  // nobody is verified by it
  CARDEA_CHECK(set_pin(reference, command.data));
  return Reply{};
}

/// Whether it is a value that an issuer may choose.
bool Piv::may_issue_pin(PinRef reference, BytesView field) const {
  if (reference == PinRef::puk) return field.size() == kPinSize && !equal(field, factory_value(reference));
  return profile_.yubico ? is_padded_pin(field) : is_decimal_pin(field) && !is_tried_first(field);
}

// 24 with P1 algorithm, P2 key: `30 L {tag value}`, one element a command. The key is in its slot once its
// private parts are complete, and has to agree with what was said of the public ones before.
CardResult<Reply> Piv::load_key_element(const Command& command) {
  if (!through_channel()) return refuse(sw::kSecurityNotSatisfied);
  const auto algorithm = algorithm_for(command.p2, command.p1);
  const auto elements = read_elements(command.data);
  if (!algorithm || !may_hold(command.p2, *algorithm) || !elements || elements->size() != 1)
    return refuse(sw::kWrongData);
  if (command.p2 == kSecureMessagingKey && elements->front().tag == kCertificateElement) {
    CARDEA_CHECK(store_messaging_certificate(elements->front().value));
    return Reply{};
  }
  auto& load = state_.load;
  if (!load || !load->is_for(*algorithm, command.p2)) load.emplace(*algorithm, command.p2);
  auto loaded = load->add(elements->front().tag, elements->front().value);
  const bool complete = loaded && load->complete();
  if (complete) loaded = finish_load(*load, command.p2);
  if (complete || !loaded) load.reset();
  CARDEA_CHECK(loaded);
  return Reply{};
}

/// Which algorithms a slot takes: 9B symmetric ones, the others asymmetric ones with a number of SP 800-78.
bool Piv::may_hold(std::uint8_t reference, Algorithm algorithm) const {
  if (!ports_.keys.supports(algorithm)) return false;
  if (reference == kManagementKey) return is_symmetric(algorithm);
  if (reference == kSecureMessagingKey) return !profile_.yubico;
  return is_key_slot(reference) && !is_symmetric(algorithm) && (profile_.yubico || !is_25519(algorithm));
}

CardResult<Piv::NewKey> Piv::import_load(const KeyLoad& load, std::uint8_t reference) {
  CARDEA_TRY(auto old, load_key(reference));
  const auto policy = reference == kManagementKey ? PinPolicy::never : default_pin_policy(reference);
  CARDEA_TRY(const auto slot, next_slot(reference, old, policy));
  CARDEA_TRY(auto handle, load.import(ports_.keys, slot));
  if (!load.agrees_with(handle.public_key)) {
    (void)ports_.keys.discard(handle);
    return refuse(sw::kWrongData);
  }
  KeyRecord fresh{std::move(handle), KeyOrigin::imported, policy, TouchPolicy::never,
                  load.is_factory_management_key()};
  return NewKey{reference, std::move(fresh), std::move(old)};
}

CardResult<void> Piv::finish_load(const KeyLoad& load, std::uint8_t reference) {
  CARDEA_TRY(const auto key, import_load(load, reference));
  return replace_key(key.fresh, key.old);
}

// DB 3F 00: creates and deletes objects and slots on cards that do not have them all. Here they are all
// there: `64 {8B object ..}` and `66 {8B key ..}` are done already; what would change access rules is not.
CardResult<Reply> Piv::create_in_channel(const Command& command) {
  constexpr std::uint32_t kCreateObject = 0x64;
  constexpr std::uint32_t kCreateKey = 0x66;
  constexpr std::uint32_t kConfigure = 0x68;
  constexpr std::uint32_t kId = 0x8B;
  constexpr std::size_t kLongestId = 3;
  const auto outer = apdu::read_tlv(command.data);
  if (!outer || outer->whole.size() != command.data.size()) return refuse(sw::kWrongData);
  if (outer->tag == kConfigure) return refuse(sw::kFunctionNotSupported);
  if (outer->tag != kCreateObject && outer->tag != kCreateKey) return refuse(sw::kWrongData);
  const auto objects = apdu::read_tlvs(outer->value);
  const auto id = objects ? apdu::find(*objects, kId) : std::nullopt;
  if (!id || id->empty() || id->size() > kLongestId) return refuse(sw::kWrongData);
  const auto number = static_cast<std::uint32_t>(read_be(*id));
  const bool known =
      outer->tag == kCreateObject ? find_object(number) != nullptr : id->size() == 1 && is_key(id->front());
  if (!known) return refuse(sw::kReferencedDataNotFound);
  return Reply{};
}

}  // namespace cardea::card::piv
