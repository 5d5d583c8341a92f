#include <algorithm>
#include <array>
#include <utility>

#include "engine/error_map.h"
#include "gp/block_cipher.h"
#include "gp/session.h"

namespace cardea::card::gp {

namespace {

constexpr std::size_t kBlock = 16;
constexpr std::size_t kChallenge = 8;
constexpr std::size_t kCryptogram = 8;

/// Amendment D, table 4-1.
enum class Purpose : std::uint8_t {
  card_cryptogram = 0x00,
  host_cryptogram = 0x01,
  card_challenge = 0x02,
  encryption = 0x04,
  mac = 0x06,
  response_mac = 0x07,
};

// Amendment D, 4.1.5: SP 800-108 in counter mode with CMAC.
Result<SecretBytes> derive(const BlockCipher& key, Purpose purpose, std::size_t size, BytesView context) {
  constexpr std::size_t kLabelZeroes = 11;
  SecretBytes out{size};
  std::uint8_t round = 0;
  for (std::size_t at = 0; at < size; at += kBlock) {
    Bytes input(kLabelZeroes);
    input.push_back(static_cast<std::uint8_t>(purpose));
    input.push_back(0x00);
    append_be16(input, static_cast<std::uint16_t>(8 * size));
    input.push_back(++round);
    append(input, context);
    CARDEA_TRY(const auto part, cmac(key, input));
    const auto wanted = std::min(kBlock, size - at);
    std::ranges::copy(part.expose().first(wanted), out.expose().subspan(at).begin());
  }
  return out;
}

Bytes sequence_octets(std::uint32_t sequence) {
  Bytes out;
  append_be32(out, sequence);
  out.erase(out.begin());
  return out;
}

/// Amendment D, 6.2.2.1: random, or computed so that the host can foretell it.
Result<Bytes> card_challenge(const Opening& opening) {
  if (!pseudo_random_challenge(opening.keys)) {
    Bytes out(kChallenge);
    opening.ports.rng.fill(out);
    return out;
  }
  const Bytes context = concat({sequence_octets(opening.sequence), opening.identity.aid});
  const StaticKey key{opening.ports.vault, opening.keys.encryption};
  CARDEA_TRY(const auto derived, derive(key, Purpose::card_challenge, kChallenge, context));
  return to_bytes(derived.expose());
}

struct SessionKeys {
  SecretBytes encryption, mac, response_mac;
};

class Scp03 final : public Session {
 public:
  Scp03(const Opening& opening, SessionKeys keys)
      : options_{opening.keys.options},
        encryption_{opening.ports.cipher, opening.keys.encryption.algorithm, std::move(keys.encryption)},
        mac_{opening.ports.cipher, opening.keys.mac.algorithm, std::move(keys.mac)},
        response_mac_{opening.ports.cipher, opening.keys.mac.algorithm, std::move(keys.response_mac)},
        vault_{opening.ports.vault},
        sensitive_{opening.keys.sensitive} {}

  Result<void> begin(const Opening& opening, BytesView challenge);

  [[nodiscard]] Bytes answer() const override { return answer_; }
  [[nodiscard]] bool offers(std::uint8_t security_level) const override;
  [[nodiscard]] bool is_host(BytesView cryptogram) const override {
    return constant_time_equal(host_cryptogram_.expose(), cryptogram);
  }
  CardResult<Command> unwrap(const Command& wrapped, std::uint8_t security_level) override;
  CardResult<Response> wrap(const Response& response, std::uint8_t security_level) override;
  CardResult<SecretBytes> decrypt_sensitive(BytesView blocks) override;

 private:
  CardResult<SecretBytes> decrypt(BytesView body);
  [[nodiscard]] CardResult<SecretBytes> initial_value(bool response) const;

  std::uint8_t options_;
  SessionKey encryption_, mac_, response_mac_;
  KeyVault& vault_;
  KeyHandle sensitive_;
  SecretBytes host_cryptogram_;
  SecretBytes chaining_{kBlock};  ///< MAC chaining value: the full MAC of the last command
  std::uint64_t counter_ = 0;     ///< of commands since EXTERNAL AUTHENTICATE, where they are encrypted
  Bytes answer_;
};

Result<void> Scp03::begin(const Opening& opening, BytesView challenge) {
  const Bytes context = concat({opening.host_challenge, challenge});
  CARDEA_TRY(const auto card_cryptogram, derive(mac_, Purpose::card_cryptogram, kCryptogram, context));
  CARDEA_TRY(host_cryptogram_, derive(mac_, Purpose::host_cryptogram, kCryptogram, context));
  answer_ = {static_cast<std::uint8_t>(Protocol::scp03), options_};
  append(answer_, challenge);
  append(answer_, card_cryptogram.expose());
  if (pseudo_random_challenge(opening.keys)) append(answer_, sequence_octets(opening.sequence));
  return {};
}

// Amendment D, 7.1.2, as far as the parameter "i" goes.
bool Scp03::offers(std::uint8_t security_level) const {
  switch (security_level) {
    case 0x00:
    case 0x01:
    case 0x03:
      return true;
    case 0x11:
    case 0x13:
      return (options_ & option::kResponseMac03) != 0;
    case 0x33:
      return (options_ & option::kResponseMac03) != 0 && (options_ & option::kResponseEncryption03) != 0;
    default:
      return false;
  }
}

// Amendment D, 6.2.6 and 6.2.7: the counter is one block; its first octet tells responses from commands.
CardResult<SecretBytes> Scp03::initial_value(bool response) const {
  Bytes block(kBlock - sizeof counter_);
  append_be64(block, counter_);
  if (response) block.front() = 0x80;
  return lift(encryption_.encrypt(block));
}

CardResult<SecretBytes> Scp03::decrypt(BytesView body) {
  if (body.size() % kBlock != 0) return refuse(sw::kSecurityNotSatisfied);
  CARDEA_TRY(const auto initial, initial_value(false));
  CARDEA_TRY(const auto padded, lift(encryption_.decrypt(initial.expose(), body)));
  const auto size = unpadded_size(padded.expose());
  if (!size) return refuse(sw::kSecurityNotSatisfied);
  return SecretBytes{padded.expose().first(*size)};
}

// Amendment D, 6.2.4 and 6.2.6: the MAC is over what was sent, so it is checked before anything is decrypted.
CardResult<Command> Scp03::unwrap(const Command& wrapped, std::uint8_t security_level) {
  const auto parts = split(wrapped);
  if (!parts) return refuse(sw::kSecurityNotSatisfied);
  const auto header = authenticated_header(wrapped, wrapped.data.size());
  const auto message = join({chaining_.expose(), header, parts->body});
  CARDEA_TRY(auto mac, lift(cmac(mac_, message.expose())));
  const bool good = constant_time_equal(std::as_const(mac).expose().first(kMacSize), parts->mac);
  if (!good) return refuse(sw::kSecurityNotSatisfied);
  chaining_ = std::move(mac);

  if ((security_level & level::kCommandEncryption) == 0) return plain(wrapped, parts->body);
  ++counter_;  // also for commands that have nothing to decrypt
  if (parts->body.empty()) return plain(wrapped, {});
  CARDEA_TRY(const auto data, decrypt(parts->body));
  return plain(wrapped, data.expose());
}

// Amendment D, 6.2.5 and 6.2.7: encrypted first, and the MAC chained to that of the command.
CardResult<Response> Scp03::wrap(const Response& response, std::uint8_t security_level) {
  Response out{{}, response.sw};
  if ((security_level & level::kResponseEncryption) != 0 && !response.data.empty()) {
    CARDEA_TRY(const auto initial, initial_value(true));
    const auto padded = join_padded({response.data}, kBlock);
    CARDEA_TRY(const auto encrypted, lift(encryption_.encrypt(initial.expose(), padded.expose())));
    out.data = to_bytes(encrypted.expose());
  } else {
    out.data = response.data;
  }
  const std::array<std::uint8_t, 2> word{response.sw.sw1(), response.sw.sw2()};
  const auto message = join({chaining_.expose(), out.data, word});
  CARDEA_TRY(const auto mac, lift(cmac(response_mac_, message.expose())));
  append(out.data, mac.expose().first(kMacSize));
  return out;
}

// Amendment D, 7.2: there is no session key for it; CBC from zeroes under the static one.
CardResult<SecretBytes> Scp03::decrypt_sensitive(BytesView blocks) {
  if (blocks.empty() || blocks.size() % kBlock != 0) return refuse(sw::kWrongData);
  return lift(StaticKey{vault_, sensitive_}.decrypt(Bytes(kBlock), blocks));
}

bool suits(const KeySet& keys) {
  const auto algorithm = keys.encryption.algorithm;
  return is_symmetric(algorithm) && algorithm != Algorithm::tdes && keys.mac.algorithm == algorithm &&
         keys.sensitive.algorithm == algorithm;
}

}  // namespace

CardResult<std::unique_ptr<Session>> open_scp03(const Opening& opening) {
  if (!suits(opening.keys)) return refuse(sw::kReferenceDataUnusable);
  CARDEA_TRY(const auto challenge, lift(card_challenge(opening)));
  const Bytes context = concat({opening.host_challenge, challenge});
  const auto size = key_size(opening.keys.encryption.algorithm);
  const StaticKey encryption{opening.ports.vault, opening.keys.encryption};
  const StaticKey mac{opening.ports.vault, opening.keys.mac};
  SessionKeys keys;
  CARDEA_TRY(keys.encryption, lift(derive(encryption, Purpose::encryption, size, context)));
  CARDEA_TRY(keys.mac, lift(derive(mac, Purpose::mac, size, context)));
  CARDEA_TRY(keys.response_mac, lift(derive(mac, Purpose::response_mac, size, context)));
  auto session = std::make_unique<Scp03>(opening, std::move(keys));
  CARDEA_CHECK(lift(session->begin(opening, challenge)));
  return session;
}

}  // namespace cardea::card::gp
