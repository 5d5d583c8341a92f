#include "cardea/cms/piv/commands.h"

#include "cardea/apdu/tlv.h"
#include "cardea/hex.h"

namespace cardea::cms::piv::command {

namespace {

using apdu::Command;
using apdu::make_template;
using apdu::make_tlv;

constexpr std::uint32_t kWhatever = 256;  // Le 00: as much as there is

Command make(std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, Bytes data,
             std::optional<std::uint32_t> le) {
  Command out;
  out.ins = ins;
  out.p1 = p1;
  out.p2 = p2;
  out.data = std::move(data);
  out.le = le;
  return out;
}

Bytes tag_list(std::uint32_t tag) {
  Bytes name = make_tlv(tag, {});
  name.pop_back();  // the length octet
  return make_tlv(0x5C, name);
}

bool is_own_template(std::uint32_t tag) {
  return tag == tag::kDiscovery;
}

Bytes one(std::uint8_t octet) {
  return Bytes{octet};
}

}  // namespace

Command select() {
  return make(0xA4, 0x04, 0x00, to_bytes("A00000030800001000"_hex), kWhatever);
}
Command get_version() {
  return make(0xFD, 0, 0, {}, kWhatever);
}
Command get_serial() {
  return make(0xF8, 0, 0, {}, kWhatever);
}
Command get_metadata(std::uint8_t reference) {
  return make(0xF7, 0, reference, {}, kWhatever);
}
Command pin_status() {
  return make(0x20, 0, kPinReference, {}, {});
}

Command verify(const SecretBytes& pin_field) {
  return make(0x20, 0, kPinReference, to_bytes(pin_field.expose()), {});
}

Command change_reference(std::uint8_t reference, const SecretBytes& old_field, const SecretBytes& new_field) {
  return make(0x24, 0, reference, concat({old_field.expose(), new_field.expose()}), {});
}

Command unblock(const SecretBytes& puk_field, const SecretBytes& pin_field) {
  return make(0x2C, 0, kPinReference, concat({puk_field.expose(), pin_field.expose()}), {});
}

Command import_key(const Slot& slot, const PrivateKey& key, PinPolicy pin, TouchPolicy touch) {
  constexpr std::size_t kHeads = 6;  // octets of tag and length, at most, and room for the policies
  std::size_t size = 2 * kHeads;
  for (const auto& [tag, value] : key.parts)
    size += kHeads + value.size();
  Bytes data;
  data.reserve(size);  // it must not grow while it holds the key: an outgrown buffer would not be wiped
  for (const auto& [tag, value] : key.parts)
    apdu::append_tlv(data, tag, value.expose());
  if (pin != PinPolicy::standard) append(data, make_tlv(0xAA, one(static_cast<std::uint8_t>(pin))));
  if (touch != TouchPolicy::standard) append(data, make_tlv(0xAB, one(static_cast<std::uint8_t>(touch))));
  return make(0xFE, static_cast<std::uint8_t>(key.public_key.algorithm), slot.reference, std::move(data), {});
}

Command move_key(const Slot& from, const Slot& to) {
  return make(0xF6, to.reference, from.reference, {}, {});
}

Command reset() {
  return make(0xFB, 0, 0, {}, {});
}

Command request_witness(AdminAlgorithm algorithm) {
  return make(0x87, static_cast<std::uint8_t>(algorithm), kAdminReference, to_bytes("7C028000"_hex),
              kWhatever);
}

Command answer_witness(AdminAlgorithm algorithm, BytesView data) {
  return make(0x87, static_cast<std::uint8_t>(algorithm), kAdminReference, to_bytes(data), kWhatever);
}

Command sign(const Slot& slot, KeyAlgorithm algorithm, BytesView block) {
  return make(0x87, static_cast<std::uint8_t>(algorithm), slot.reference,
              make_template(0x7C, {make_tlv(0x82, {}), make_tlv(0x81, block)}), kWhatever);
}

Command generate(const Slot& slot, KeyAlgorithm algorithm, PinPolicy pin, TouchPolicy touch) {
  Bytes parameters = make_tlv(0x80, one(static_cast<std::uint8_t>(algorithm)));
  if (pin != PinPolicy::standard) append(parameters, make_tlv(0xAA, one(static_cast<std::uint8_t>(pin))));
  if (touch != TouchPolicy::standard)
    append(parameters, make_tlv(0xAB, one(static_cast<std::uint8_t>(touch))));
  return make(0x47, 0, slot.reference, make_tlv(0xAC, parameters), kWhatever);
}

Command get_data(std::uint32_t tag) {
  return make(0xCB, 0x3F, 0xFF, tag_list(tag), kWhatever);
}

Command put_data(std::uint32_t tag, BytesView content) {
  Bytes data;
  if (is_own_template(tag)) {
    data = to_bytes(content);
  } else {
    data = tag_list(tag);
    apdu::append_tlv(data, 0x53, content);
  }
  return make(0xDB, 0x3F, 0xFF, std::move(data), {});
}

Command set_management_key(const AdminKey& key) {
  Bytes data{static_cast<std::uint8_t>(key.algorithm)};
  // The buffer must not grow while it holds the key: an outgrown one would not be wiped.
  data.reserve(3 + key.value.size());
  data.push_back(kAdminReference);
  data.push_back(static_cast<std::uint8_t>(key.value.size()));
  append(data, key.value.expose());
  return make(0xFF, 0xFF, 0xFF, std::move(data), {});
}

}  // namespace cardea::cms::piv::command
