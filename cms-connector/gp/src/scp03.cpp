// SCP03 (GP Card Specification, Amendment D 1.1.2 and later, in the S8 mode: cryptograms and MACs of 8
// octets).
#include <algorithm>
#include <utility>

#include "crypto.h"
#include "session.h"

namespace cardea::cms::gp {

namespace {

constexpr std::size_t kBlock = 16;

/// Amendment D, table 4-1: data derivation constants.
enum Constant : std::uint8_t {
  kCardCryptogram = 0x00,
  kHostCryptogram = 0x01,
  kCardChallenge = 0x02,
  kSessionEnc = 0x04,
  kSessionMac = 0x06,
  kSessionRMac = 0x07,
};

struct Keys {
  SecretBytes enc, mac, rmac, dek;
};

class Scp03 final : public Session {
 public:
  Scp03(Keys keys, Bytes context, SecurityLevel level)
      : keys_{std::move(keys)}, context_{std::move(context)}, level_{level} {}

  [[nodiscard]] Result<Bytes> card_cryptogram() const override { return cryptogram(kCardCryptogram); }
  [[nodiscard]] Result<Bytes> host_cryptogram() const override { return cryptogram(kHostCryptogram); }

  Result<apdu::Command> authenticate(const apdu::Command& command) override {
    chain_.assign(kBlock, 0x00);
    return add_mac(command);
  }

  Result<apdu::Command> wrap(const apdu::Command& command) override {
    const std::size_t room = command.extended ? 65535 - kMacSize : 255 - kMacSize;
    const bool encipher = has(level_, kCEnc) && !command.data.empty();
    const std::size_t size = encipher ? (command.data.size() / kBlock + 1) * kBlock : command.data.size();
    if (size > room)
      return fail(Errc::invalid, "the data do not fit into the command once SCP03 protects it");
    ++counter_;  // 6.2.6: for each command, also for one without data
    apdu::Command out = command;
    if (encipher) {
      Bytes padded = pad80(command.data, kBlock);
      const WipeOnExit gone{padded};
      CARDEA_TRY(const Bytes iv, counter_iv(0x00));
      CARDEA_TRY(out.data, encrypt(Cipher::aes_cbc, keys_.enc, iv, padded));
    }
    if (has(level_, kRMac)) out.le = command.extended ? 65536 : 256;
    return add_mac(out);
  }

  Result<apdu::Response> unwrap(const apdu::Response& response) override {
    if (!has(level_, kRMac)) return response;
    const auto sw1 = response.sw.sw1();
    const bool is_protected = response.sw == apdu::sw::kOk || sw1 == 0x62 || sw1 == 0x63;
    if (!is_protected) {
      if (response.data.empty()) return response;
      return fail(Errc::corrupt, "the card's answer has data that no MAC protects");
    }
    if (response.data.size() < kMacSize)
      return fail(Errc::corrupt, "the card's answer is too short to have a MAC");
    const auto body = BytesView{response.data}.first(response.data.size() - kMacSize);
    const Bytes words{response.sw.sw1(), response.sw.sw2()};
    CARDEA_TRY(const Bytes mac, cmac(keys_.rmac, {chain_, body, words}));
    if (!constant_time_equal(BytesView{mac}.first(kMacSize), BytesView{response.data}.last(kMacSize)))
      return fail(Errc::corrupt, "the MAC of the card's answer is wrong");
    if (!has(level_, kREnc) || body.empty()) return apdu::Response{to_bytes(body), response.sw};
    return decipher(body, response.sw);
  }

  Result<Bytes> encrypt_sensitive(const SecretBytes& plain) const override {
    return encrypt(Cipher::aes_cbc, keys_.dek, {}, plain.expose());
  }
  [[nodiscard]] std::size_t max_data() const override {
    constexpr std::size_t kRoom = 255 - kMacSize;
    return has(level_, kCEnc) ? kRoom / kBlock * kBlock - 1 : kRoom;
  }

 private:
  [[nodiscard]] Result<Bytes> cryptogram(std::uint8_t constant) const {
    CARDEA_TRY(const SecretBytes value, scp03_kdf(keys_.mac, constant, context_, kMacSize));
    return to_bytes(value.expose());
  }

  /// 6.2.6 and 6.2.7: the counter enciphered; the first octet tells responses from commands.
  Result<Bytes> counter_iv(std::uint8_t first) const {
    Bytes block(kBlock - sizeof counter_);
    block.front() = first;
    append_be64(block, counter_);
    return encrypt(Cipher::aes_ecb, keys_.enc, {}, block);
  }

  /// 6.2.4: over the chaining value, the header with the final Lc and the data as they will be sent.
  Result<apdu::Command> add_mac(const apdu::Command& command) {
    apdu::Command out = command;
    const std::size_t lc = command.data.size() + kMacSize;
    Bytes header{mac_class(command.cla), command.ins, command.p1, command.p2};
    if (command.extended || lc > 255) {
      header.push_back(0x00);
      append_be16(header, static_cast<std::uint16_t>(lc));
    } else {
      header.push_back(static_cast<std::uint8_t>(lc));
    }
    CARDEA_TRY(chain_, cmac(keys_.mac, {chain_, header, command.data}));
    out.cla = static_cast<std::uint8_t>(command.cla | 0x04U);
    append(out.data, BytesView{chain_}.first(kMacSize));
    return out;
  }

  Result<apdu::Response> decipher(BytesView body, apdu::StatusWord word) {
    if (body.size() % kBlock != 0) return fail(Errc::corrupt, "the card's answer is not whole blocks");
    CARDEA_TRY(const Bytes iv, counter_iv(0x80));
    CARDEA_TRY(Bytes plain, decrypt(Cipher::aes_cbc, keys_.enc, iv, body));
    const auto mark = std::find_if(plain.rbegin(), plain.rend(), [](std::uint8_t b) { return b != 0x00; });
    const bool padded =
        mark != plain.rend() && *mark == 0x80 && mark - plain.rbegin() < std::ptrdiff_t{kBlock};
    if (!padded) return fail(Errc::corrupt, "the padding of the card's answer is wrong");
    plain.erase(mark.base() - 1, plain.end());
    return apdu::Response{std::move(plain), word};
  }

  Keys keys_;
  Bytes context_;  ///< both challenges
  SecurityLevel level_;
  Bytes chain_ = Bytes(kBlock);  ///< the full MAC of the last command
  std::uint64_t counter_ = 0;
};

}  // namespace

Result<std::unique_ptr<Session>> start_scp03(const Keyset& keys, const CardAnswer& card, BytesView host,
                                             const Options& options) {
  if (keys.type != KeyType::aes)
    return fail(Errc::unsupported, "the card speaks SCP03, which needs AES keys; these are 3DES keys");
  const std::uint8_t i = card.i.value_or(0);
  if (has(options.level, kRMac) && (i & 0x20U) == 0)
    return fail(Errc::unsupported, "the card's SCP03 has no R-MAC: ask for level 01 or 03");
  if (has(options.level, kREnc) && (i & 0x60U) != 0x60U)
    return fail(Errc::unsupported, "the card's SCP03 does not encipher responses: ask for level 13 or less");
  // 6.2.2.1: a derived challenge depends on the counter and the security domain's AID.
  if ((i & 0x10U) != 0 && !options.security_domain.empty()) {
    const Bytes seed = concat({card.sequence, options.security_domain});
    CARDEA_TRY(const SecretBytes expected, scp03_kdf(keys.enc, kCardChallenge, seed, card.challenge.size()));
    if (!equal(expected.expose(), card.challenge)) return wrong_challenge();
  }
  const Bytes context = concat({host, card.challenge});
  const std::size_t size = keys.enc.size();
  Keys session;
  CARDEA_TRY(session.enc, scp03_kdf(keys.enc, kSessionEnc, context, size));
  CARDEA_TRY(session.mac, scp03_kdf(keys.mac, kSessionMac, context, size));
  CARDEA_TRY(session.rmac, scp03_kdf(keys.mac, kSessionRMac, context, size));
  session.dek = keys.dek.clone();
  return std::make_unique<Scp03>(std::move(session), context, options.level);
}

}  // namespace cardea::cms::gp
