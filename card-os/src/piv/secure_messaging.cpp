#include "piv/secure_messaging.h"

#include <algorithm>
#include <array>
#include <utility>

#include "cardea/apdu/tlv.h"
#include "cardea/hex.h"
#include "engine/error_map.h"
#include "piv/references.h"

namespace cardea::card::piv {

namespace sw = apdu::sw;
using gp::cmac;
using gp::join;
using gp::SessionKey;

namespace {

constexpr CipherSuite kSuites[] = {
    {0x27, Algorithm::p256, Algorithm::aes128, 16, 0x09},
    {0x2E, Algorithm::p384, Algorithm::aes256, 24, 0x0D},
};

constexpr std::size_t kBlock = 16;
constexpr std::size_t kMac = 8;
constexpr std::size_t kId = 8;
constexpr std::uint8_t kUncompressed = 0x04;
constexpr std::uint8_t kPadded = 0x01;  // ISO/IEC 7816-4, 10.2: content was filled up with 80 00 ..
constexpr auto kConfirmation = "4B435F315F56"_hex;  // KC_1_V

constexpr apdu::StatusWord kObjectsMissing{0x6987};
constexpr apdu::StatusWord kObjectsIncorrect{0x6988};

enum Tag : std::uint32_t { kCryptogram = 0x87, kExpectedLength = 0x97, kStatus = 0x99, kChecksum = 0x8E };

/// SP 800-73-4 Part 2, 4.2: what may be protected.
bool may_be_protected(std::uint8_t ins) {
  return ins == 0xCB || ins == 0x20 || ins == 0x24 || ins == 0x87;
}

struct Objects {
  std::optional<BytesView> cryptogram;  ///< without the padding indicator
  BytesView authenticated;              ///< all before the checksum, as it came
  BytesView checksum;
};

CardResult<Objects> read_objects(BytesView data) {
  const auto list = apdu::read_tlvs(data);
  if (!list) return refuse(kObjectsIncorrect);
  if (list->empty() || list->back().tag != kChecksum) return refuse(kObjectsMissing);
  if (list->back().value.size() != kMac) return refuse(kObjectsIncorrect);
  Objects out;
  out.checksum = list->back().value;
  out.authenticated = data.first(data.size() - list->back().whole.size());
  auto next = list->begin();
  const auto last = list->end() - 1;
  if (next != last && next->tag == kCryptogram) {
    const auto value = next->value;
    if (value.size() <= 1 || value[0] != kPadded || (value.size() - 1) % kBlock != 0)
      return refuse(kObjectsIncorrect);
    out.cryptogram = value.subspan(1);
    ++next;
  }
  if (next != last && next->tag == kExpectedLength && !next->value.empty() && next->value.size() <= 2) ++next;
  if (next != last) return refuse(kObjectsIncorrect);
  return out;
}

SecretBytes part_of(const SecretBytes& material, Algorithm algorithm, std::size_t n) {
  const auto size = key_size(algorithm);
  return SecretBytes{material.expose().subspan(n * size, size)};
}

void append_sized(Bytes& out, BytesView value) {
  out.push_back(static_cast<std::uint8_t>(value.size()));
  append(out, value);
}

}  // namespace

const CipherSuite* find_cipher_suite(std::uint8_t id) {
  const auto* const found = std::ranges::find(kSuites, id, &CipherSuite::id);
  return found == std::end(kSuites) ? nullptr : found;
}

const CipherSuite* find_cipher_suite(Algorithm curve) {
  const auto* const found = std::ranges::find(kSuites, curve, &CipherSuite::curve);
  return found == std::end(kSuites) ? nullptr : found;
}

std::optional<Algorithm> algorithm_for(std::uint8_t reference, std::uint8_t id) {
  if (reference != kSecureMessagingKey) return algorithm_of(id);
  const auto* const suite = find_cipher_suite(id);
  return suite == nullptr ? std::nullopt : std::optional{suite->curve};
}

std::optional<KeyRequest> parse_key_request(const CipherSuite& suite, BytesView data) {
  if (data.size() != 1 + kId + point_size(suite.curve) || data[0] != 0x00) return std::nullopt;
  const KeyRequest out{data.subspan(1, kId), data.subspan(1 + kId)};
  return out.point[0] == kUncompressed ? std::optional{out} : std::nullopt;
}

/// 4.1.6, the one-step key derivation of SP 800-56A: hashes of counter, shared secret and OtherInfo, one
/// after the other; for SK-CFRM, SK-MAC, SK-ENC, SK-RMAC.
Result<SecretBytes> SecureMessaging::derive(const CipherSuite& suite, const KeyRequest& request,
                                            const SecretBytes& shared, BytesView card_id,
                                            BytesView nonce) const {
  constexpr std::size_t kKeys = 4;
  constexpr std::size_t kHostPointPart = 16;
  constexpr std::array<std::uint8_t, 1> kControl{0x00};
  Bytes info{kKeys, suite.key_label, suite.key_label, suite.key_label, suite.key_label};
  append_sized(info, request.host_id);
  append_sized(info, kControl);
  append_sized(info, request.point.subspan(1, kHostPointPart));
  append_sized(info, card_id);
  append_sized(info, nonce);
  append_sized(info, kControl);

  SecretBytes out{kKeys * key_size(suite.cipher)};
  std::uint32_t round = 0;
  for (std::size_t at = 0; at < out.size();) {
    Bytes counter;
    append_be32(counter, ++round);
    const auto message = join({counter, shared.expose(), info});
    Bytes digest = suite.curve == Algorithm::p256 ? to_bytes(ports_.crypto.sha256(message.expose()))
                                                  : to_bytes(ports_.crypto.sha384(message.expose()));
    const WipeOnExit wiped{digest};
    const auto part = std::min(digest.size(), out.size() - at);
    std::ranges::copy(BytesView{digest}.first(part), out.expose().subspan(at).begin());
    at += part;
  }
  return out;
}

SecureMessaging::Keys::Keys(SessionCipher& cipher, Algorithm algorithm, const SecretBytes& material)
    : mac{cipher, algorithm, part_of(material, algorithm, 1)},
      encryption{cipher, algorithm, part_of(material, algorithm, 2)},
      response_mac{cipher, algorithm, part_of(material, algorithm, 3)} {}

CardResult<Bytes> SecureMessaging::establish(const CipherSuite& suite, const KeyRequest& request,
                                             const SecretBytes& shared, BytesView certificate) {
  close();
  const auto certificate_digest = ports_.crypto.sha256(certificate);
  const auto card_id = BytesView{certificate_digest}.first(kId);
  Bytes nonce(suite.nonce);
  ports_.rng.fill(nonce);
  CARDEA_TRY(const auto material, lift(derive(suite, request, shared, card_id, nonce)));
  const SessionKey confirmation{ports_.cipher, suite.cipher, part_of(material, suite.cipher, 0)};
  const auto confirmed = join({kConfirmation, card_id, request.host_id, request.point.subspan(1)});
  CARDEA_TRY(const auto cryptogram, lift(cmac(confirmation, confirmed.expose())));
  keys_.emplace(ports_.cipher, suite.cipher, material);
  return concat({std::array<std::uint8_t, 1>{0x00}, nonce, cryptogram.expose(), certificate});
}

/// 4.2.3 and 4.2.5: the counter as one block; the first octet tells responses from commands.
Result<SecretBytes> SecureMessaging::initial_value(bool response) const {
  Bytes block(kBlock - sizeof keys_->counter);
  append_be64(block, keys_->counter);
  if (response) block.front() = 0x80;
  return keys_->encryption.encrypt(block);
}

apdu::StatusWord SecureMessaging::fail() noexcept {
  close();
  return kObjectsIncorrect;
}

CardResult<apdu::Command> SecureMessaging::unwrap(const apdu::Command& command) {
  if (!keys_) return refuse(sw::kSecureMessagingNotSupported);
  auto plain = open(command);
  if (!plain) close();
  return plain;
}

CardResult<apdu::Command> SecureMessaging::open(const apdu::Command& command) {
  if (!may_be_protected(command.ins)) return refuse(sw::kSecureMessagingNotSupported);
  CARDEA_TRY(const auto objects, read_objects(command.data));
  auto& keys = *keys_;
  ++keys.counter;
  // 4.2.2: the header is filled up to a block of its own.
  Bytes header{command.cla, command.ins, command.p1, command.p2, 0x80};
  header.resize(kBlock);
  const auto message = join({std::as_const(keys.chaining).expose(), header, objects.authenticated});
  CARDEA_TRY(auto mac, lift(cmac(keys.mac, message.expose())));
  if (!constant_time_equal(std::as_const(mac).expose().first(kMac), objects.checksum))
    return refuse(kObjectsIncorrect);
  keys.chaining = std::move(mac);

  apdu::Command out{0x00, command.ins, command.p1, command.p2, {}, command.le, command.extended};
  if (!objects.cryptogram) return out;
  CARDEA_TRY(const auto initial, lift(initial_value(false)));
  CARDEA_TRY(const auto padded, lift(keys.encryption.decrypt(initial.expose(), *objects.cryptogram)));
  const auto size = gp::unpadded_size(padded.expose());
  if (!size) return refuse(kObjectsIncorrect);
  out.data = to_bytes(padded.expose().first(*size));
  return out;
}

apdu::Response SecureMessaging::wrap(const apdu::Response& response) {
  if (!keys_) return response;
  auto sealed = seal(response);
  if (sealed) return *std::move(sealed);
  close();
  return {{}, status_word(sealed.error())};
}

Result<apdu::Response> SecureMessaging::seal(const apdu::Response& response) {
  auto& keys = *keys_;
  apdu::Response out;
  if (!response.data.empty()) {
    CARDEA_TRY(const auto initial, initial_value(true));
    const auto padded = gp::join_padded({response.data}, kBlock);
    CARDEA_TRY(const auto encrypted, keys.encryption.encrypt(initial.expose(), padded.expose()));
    apdu::append_tlv(out.data, kCryptogram, concat({std::array{kPadded}, encrypted.expose()}));
  }
  apdu::append_tlv(out.data, kStatus, std::array{response.sw.sw1(), response.sw.sw2()});
  const auto message = join({std::as_const(keys.response_chaining).expose(), out.data});
  CARDEA_TRY(keys.response_chaining, cmac(keys.response_mac, message.expose()));
  apdu::append_tlv(out.data, kChecksum, std::as_const(keys.response_chaining).expose().first(kMac));
  return out;
}

void SecureMessaging::append_state(Bytes& out) const {
  out.push_back(keys_ ? 1 : 0);
  append_be64(out, keys_ ? keys_->counter : 0);
}

}  // namespace cardea::card::piv
