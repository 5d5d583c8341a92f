#include <algorithm>
#include <array>
#include <utility>

#include "engine/error_map.h"
#include "gp/block_cipher.h"
#include "gp/session.h"

namespace cardea::card::gp {

namespace {

constexpr std::size_t kBlock = 8;
constexpr std::size_t kChallenge = 6;

/// Card Specification 2.3.1, E.4.1: derivation constants, of which the first octet is 01.
enum class Purpose : std::uint8_t { mac = 0x01, sensitive = 0x81, encryption = 0x82 };

Bytes sequence_octets(std::uint32_t sequence) {
  Bytes out;
  append_be16(out, static_cast<std::uint16_t>(sequence));
  return out;
}

/// A key of one or two parts, as triple DES of three parts takes it: K, K, K is single DES, K1, K2, K1 the
/// two-key form.
SecretBytes three_parts(BytesView first, BytesView second) {
  return join({first, second, first});
}

// E.4.1: sixteen octets of session key.
Result<SecretBytes> derive(const Opening& opening, const KeyHandle& key, Purpose purpose) {
  Bytes input{0x01, static_cast<std::uint8_t>(purpose)};
  append(input, sequence_octets(opening.sequence));
  input.resize(2 * kBlock);
  return StaticKey{opening.ports.vault, key}.encrypt(input);
}

/// The last block of a CBC chain over padded data.
Result<SecretBytes> last_block(const BlockCipher& key, std::initializer_list<BytesView> parts) {
  const auto padded = join_padded(parts, kBlock);
  CARDEA_TRY(const auto chained, key.encrypt(padded.expose()));
  return SecretBytes{chained.expose().last(kBlock)};
}

struct SessionKeys {
  SecretBytes encryption, mac, sensitive;
};

SecretBytes two_key(const SecretBytes& key) {
  return three_parts(key.expose().first(kBlock), key.expose().last(kBlock));
}
SecretBytes single(const SecretBytes& key) {
  return three_parts(key.expose().first(kBlock), key.expose().first(kBlock));
}

class Scp02 final : public Session {
 public:
  Scp02(const Opening& opening, const SessionKeys& keys)
      : encryption_{opening.ports.cipher, Algorithm::tdes, two_key(keys.encryption)},
        mac_{opening.ports.cipher, Algorithm::tdes, two_key(keys.mac)},
        single_mac_{opening.ports.cipher, Algorithm::tdes, single(keys.mac)},
        sensitive_{opening.ports.cipher, Algorithm::tdes, two_key(keys.sensitive)} {}

  Result<void> begin(const Opening& opening);

  [[nodiscard]] Bytes answer() const override { return answer_; }
  // E.5.2 and "i" = 15 or 55, neither of which has response MACs.
  [[nodiscard]] bool offers(std::uint8_t security_level) const override {
    return security_level == 0x00 || security_level == 0x01 || security_level == 0x03;
  }
  [[nodiscard]] bool is_host(BytesView cryptogram) const override {
    return constant_time_equal(host_cryptogram_.expose(), cryptogram);
  }
  CardResult<Command> unwrap(const Command& wrapped, std::uint8_t security_level) override;
  CardResult<Response> wrap(const Response& response, std::uint8_t /*security_level*/) override {
    return response;
  }
  CardResult<SecretBytes> decrypt_sensitive(BytesView blocks) override;

 private:
  Result<Bytes> challenge(const Opening& opening);
  CardResult<SecretBytes> decrypt(BytesView body);
  Result<SecretBytes> mac(BytesView header, BytesView data);

  SessionKey encryption_, mac_, single_mac_, sensitive_;
  SecretBytes host_cryptogram_;
  SecretBytes last_mac_;  ///< of the last command; empty before the first
  Bytes answer_;
};

/// "i" = 55: computed from the AID, so that the host can foretell it.
Result<Bytes> Scp02::challenge(const Opening& opening) {
  if (pseudo_random_challenge(opening.keys)) {
    CARDEA_TRY(const auto block, last_block(mac_, {opening.identity.aid}));
    return to_bytes(block.expose().first(kChallenge));
  }
  Bytes out(kChallenge);
  opening.ports.rng.fill(out);
  return out;
}

// E.4.2 and E.5.1.
Result<void> Scp02::begin(const Opening& opening) {
  CARDEA_TRY(const auto card, challenge(opening));
  const auto sequence = sequence_octets(opening.sequence);
  CARDEA_TRY(const auto card_cryptogram, last_block(encryption_, {opening.host_challenge, sequence, card}));
  CARDEA_TRY(host_cryptogram_, last_block(encryption_, {sequence, card, opening.host_challenge}));
  answer_ = {static_cast<std::uint8_t>(Protocol::scp02)};
  append(answer_, sequence);
  append(answer_, card);
  append(answer_, card_cryptogram.expose());
  return {};
}

// E.4.4: "retail" MAC, single DES but for the last block, and E.3.4: an initial value that is the encrypted
// MAC of the command before.
Result<SecretBytes> Scp02::mac(BytesView header, BytesView data) {
  SecretBytes initial{kBlock};
  if (!last_mac_.empty()) {
    CARDEA_TRY(initial, single_mac_.encrypt(std::as_const(last_mac_).expose()));
  }
  const auto message = join_padded({header, data}, kBlock);
  const auto before = message.expose().first(message.size() - kBlock);
  if (!before.empty()) {
    CARDEA_TRY(const auto chained, single_mac_.encrypt(std::as_const(initial).expose(), before));
    initial = SecretBytes{chained.expose().last(kBlock)};
  }
  return mac_.encrypt(std::as_const(initial).expose(), message.expose().last(kBlock));
}

CardResult<SecretBytes> Scp02::decrypt(BytesView body) {
  if (body.size() % kBlock != 0) return refuse(sw::kSecurityNotSatisfied);
  CARDEA_TRY(const auto padded, lift(encryption_.decrypt(Bytes(kBlock), body)));
  const auto size = unpadded_size(padded.expose());
  if (!size) return refuse(sw::kSecurityNotSatisfied);
  return SecretBytes{padded.expose().first(*size)};
}

// E.4.4 and E.4.6: the MAC is over the plain data, so Lc counts the MAC and no padding. A host that guesses
// at padding learns nothing: whatever is wrong ends the session with the same word.
CardResult<Command> Scp02::unwrap(const Command& wrapped, std::uint8_t security_level) {
  const auto parts = split(wrapped);
  if (!parts) return refuse(sw::kSecurityNotSatisfied);
  SecretBytes data{parts->body};
  if ((security_level & level::kCommandEncryption) != 0 && !parts->body.empty()) {
    CARDEA_TRY(data, decrypt(parts->body));
  }
  const auto view = std::as_const(data).expose();
  const auto header = authenticated_header(wrapped, view.size() + kMacSize);
  CARDEA_TRY(auto expected, lift(mac(header, view)));
  if (!constant_time_equal(std::as_const(expected).expose(), parts->mac))
    return refuse(sw::kSecurityNotSatisfied);
  last_mac_ = std::move(expected);
  return plain(wrapped, view);
}

// E.4.7: ECB, block by block.
CardResult<SecretBytes> Scp02::decrypt_sensitive(BytesView blocks) {
  if (blocks.empty() || blocks.size() % kBlock != 0) return refuse(sw::kWrongData);
  SecretBytes out{blocks.size()};
  for (std::size_t at = 0; at < blocks.size(); at += kBlock) {
    CARDEA_TRY(const auto block, lift(sensitive_.decrypt(Bytes(kBlock), blocks.subspan(at, kBlock))));
    std::ranges::copy(block.expose(), out.expose().subspan(at).begin());
  }
  return out;
}

bool suits(const KeySet& keys) {
  return keys.encryption.algorithm == Algorithm::tdes && keys.mac.algorithm == Algorithm::tdes &&
         keys.sensitive.algorithm == Algorithm::tdes;
}

}  // namespace

CardResult<std::unique_ptr<Session>> open_scp02(const Opening& opening) {
  if (!suits(opening.keys)) return refuse(sw::kReferenceDataUnusable);
  SessionKeys keys;
  CARDEA_TRY(keys.encryption, lift(derive(opening, opening.keys.encryption, Purpose::encryption)));
  CARDEA_TRY(keys.mac, lift(derive(opening, opening.keys.mac, Purpose::mac)));
  CARDEA_TRY(keys.sensitive, lift(derive(opening, opening.keys.sensitive, Purpose::sensitive)));
  auto session = std::make_unique<Scp02>(opening, keys);
  CARDEA_CHECK(lift(session->begin(opening)));
  return session;
}

}  // namespace cardea::card::gp
