#include "cardea/cms/gp/commands.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "cardea/apdu/tlv.h"

namespace cardea::cms::gp {

namespace {

constexpr KeyUse kUses[] = {KeyUse::enc, KeyUse::mac, KeyUse::dek};
constexpr std::size_t kBlock = 16;

apdu::Command command(std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, Bytes data, bool answers) {
  apdu::Command out;
  out.cla = 0x80;
  out.ins = ins;
  out.p1 = p1;
  out.p2 = p2;
  out.data = std::move(data);
  if (answers) out.le = 256;
  return out;
}

/// INSTALL: every field with one octet of length before it.
Result<apdu::Command> install_fields(std::uint8_t p1, std::initializer_list<BytesView> fields) {
  Bytes data;
  for (const auto field : fields) {
    if (field.size() > 255) return fail(Errc::invalid, "a field of INSTALL has at most 255 octets");
    data.push_back(static_cast<std::uint8_t>(field.size()));
    append(data, field);
  }
  if (data.size() > 255) return fail(Errc::invalid, "the fields of INSTALL do not fit into one command");
  return command(0xE6, p1, 0x00, std::move(data), true);
}

/// Type, length, the key enciphered (for AES with the key's length before it), length and key check value.
Result<Bytes> key_field(const SecureChannel& channel, KeyType type, const SecretBytes& key) {
  SecretBytes filled{(key.size() + kBlock - 1) / kBlock * kBlock};
  std::ranges::copy(key.expose(), filled.expose().begin());
  CARDEA_TRY(const Bytes hidden, channel.encrypt_sensitive(filled));
  CARDEA_TRY(const Bytes check, key_check_value(type, key));
  Bytes out{static_cast<std::uint8_t>(type)};
  if (type == KeyType::aes) {
    out.push_back(static_cast<std::uint8_t>(hidden.size() + 1));
    out.push_back(static_cast<std::uint8_t>(key.size()));
  } else {
    out.push_back(static_cast<std::uint8_t>(hidden.size()));
  }
  append(out, hidden);
  out.push_back(static_cast<std::uint8_t>(check.size()));
  append(out, check);
  return out;
}

/// DGI, length in one octet or FF and two, value.
Result<Bytes> encode(const SecureChannel& channel, const DataGroup& group) {
  if (group.value.size() > 0xFFFF) return fail(Errc::invalid, "a data group has at most 65535 octets");
  Bytes out;
  append_be16(out, group.dgi);
  if (group.value.size() < 0xFF) {
    out.push_back(static_cast<std::uint8_t>(group.value.size()));
  } else {
    out.push_back(0xFF);
    append_be16(out, static_cast<std::uint16_t>(group.value.size()));
  }
  out.reserve(out.size() + group.value.size());  // a reallocation would leave a copy of the value behind
  if (group.encrypted) {
    CARDEA_TRY(const Bytes hidden, channel.encrypt_sensitive(group.value));
    append(out, hidden);
  } else {
    append(out, group.value.expose());
  }
  return out;
}

/// P1 of STORE DATA (table 11-89).
constexpr std::uint8_t kLastBlock = 0x80;
constexpr std::uint8_t kEncrypted = 0x60;
constexpr std::uint8_t kDgiFormat = 0x08;
constexpr std::uint8_t kTlvFormat = 0x10;

struct Block {
  Bytes data;
  std::uint8_t p1 = 0;
};

void cut(std::vector<Block>& out, BytesView data, std::uint8_t p1, std::size_t room) {
  while (!data.empty()) {
    const auto part = std::min(room, data.size());
    out.push_back({to_bytes(data.first(part)), p1});
    data = data.subspan(part);
  }
}

Result<std::vector<apdu::Command>> number(std::vector<Block> blocks) {
  if (blocks.empty()) return fail(Errc::invalid, "STORE DATA without data");
  if (blocks.size() > 256)
    return fail(Errc::exhausted, "STORE DATA counts to 256 blocks; the data need more");
  blocks.back().p1 |= kLastBlock;
  std::vector<apdu::Command> out;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    out.push_back(
        command(0xE2, blocks[i].p1, static_cast<std::uint8_t>(i), std::move(blocks[i].data), false));
  }
  return out;
}

}  // namespace

apdu::Command get_data(std::uint16_t tag) {
  return command(0xCA, static_cast<std::uint8_t>(tag >> 8U), static_cast<std::uint8_t>(tag), {}, true);
}

apdu::Command delete_object(BytesView aid, bool related) {
  return command(0xE4, 0x00, related ? 0x80 : 0x00, apdu::make_tlv(0x4F, aid), true);
}

apdu::Command delete_key(std::uint8_t version, std::optional<std::uint8_t> id) {
  Bytes data;
  if (id) apdu::append_tlv(data, 0xD0, BytesView{&*id, 1});
  apdu::append_tlv(data, 0xD2, BytesView{&version, 1});
  return command(0xE4, 0x00, 0x00, std::move(data), true);
}

Result<apdu::Command> install(const Installation& what) {
  const Bytes parameters = apdu::make_tlv(0xC9, what.parameters);
  return install_fields(
      0x0C, {what.load_file, what.module, what.instance, what.privileges, parameters, what.token});
}

Result<apdu::Command> install_for_load(BytesView load_file, BytesView domain, BytesView hash,
                                       BytesView parameters, BytesView token) {
  return install_fields(0x02, {load_file, domain, hash, parameters, token});
}

Result<apdu::Command> install_for_personalization(BytesView instance) {
  return install_fields(0x20, {{}, {}, instance, {}, {}, {}});
}

Result<apdu::Command> install_for_extradition(BytesView domain, BytesView instance, BytesView token) {
  return install_fields(0x10, {domain, {}, instance, {}, {}, token});
}

apdu::Command set_card_state(CardState state) {
  return command(0xF0, 0x80, static_cast<std::uint8_t>(state), {}, false);
}

apdu::Command lock_application(BytesView aid, bool locked) {
  return command(0xF0, 0x40, locked ? 0x80 : 0x00, to_bytes(aid), false);
}

Result<apdu::Command> put_key(const SecureChannel& channel, const Keyset& fresh, std::uint8_t replaces) {
  CARDEA_CHECK(fresh.check());
  if (fresh.version == 0) return fail(Errc::invalid, "a new key set needs a version from 1 to 127");
  Bytes data{fresh.version};
  for (const auto use : kUses) {
    CARDEA_TRY(const Bytes field, key_field(channel, fresh.type, fresh.of(use)));
    append(data, field);
  }
  constexpr std::uint8_t kSeveralFrom1 = 0x81;
  return command(0xD8, replaces, kSeveralFrom1, std::move(data), true);
}

Result<void> check_put_key_answer(const Keyset& fresh, BytesView answer) {
  Bytes expected{fresh.version};
  for (const auto use : kUses) {
    CARDEA_TRY(const Bytes check, key_check_value(fresh.type, fresh.of(use)));
    append(expected, check);
  }
  if (!equal(expected, answer))
    return fail(Errc::corrupt, "the card's check values are not those of the new keys");
  return {};
}

Result<std::vector<apdu::Command>> store_data(const SecureChannel& channel,
                                              const std::vector<DataGroup>& groups) {
  const std::size_t room = channel.max_data();
  std::vector<Block> blocks;
  bool may_share = false;  // the last block holds whole groups only
  for (const auto& group : groups) {
    CARDEA_TRY(Bytes encoded, encode(channel, group));
    const WipeOnExit wiped{encoded};
    const auto p1 = static_cast<std::uint8_t>(kDgiFormat | (group.encrypted ? kEncrypted : 0U));
    if (may_share && blocks.back().p1 == p1 && blocks.back().data.size() + encoded.size() <= room) {
      append(blocks.back().data, encoded);
      continue;
    }
    may_share = encoded.size() <= room;
    cut(blocks, encoded, p1, room);
    if (may_share) blocks.back().data.reserve(room);
  }
  return number(std::move(blocks));
}

Result<std::vector<apdu::Command>> store_tlvs(const SecureChannel& channel, BytesView objects) {
  std::vector<Block> blocks;
  cut(blocks, objects, kTlvFormat, channel.max_data());
  return number(std::move(blocks));
}

}  // namespace cardea::cms::gp
