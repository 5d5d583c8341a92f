// SCP02 with the options i=15 and i=55: three keys, C-MAC over the modified command with ICV encryption,
// explicit initiation, no R-MAC (GP Card Specification 2.3.1, appendix E).
#include <utility>

#include "crypto.h"
#include "session.h"

namespace cardea::cms::gp {

namespace {

constexpr std::size_t kBlock = 8;

/// E.4.1: a session key from a static one, a constant and the sequence counter.
Result<SecretBytes> session_key(const SecretBytes& key, std::uint16_t constant, BytesView sequence) {
  Bytes seed;
  append_be16(seed, constant);
  append(seed, sequence);
  seed.resize(16);
  SecretBytes out{16};
  CARDEA_CHECK(encrypt_into(Cipher::tdes_cbc, key, {}, seed, out.expose()));
  return out;
}

struct Keys {
  SecretBytes enc, mac, dek;
};

class Scp02 final : public Session {
 public:
  Scp02(Keys keys, Bytes host, Bytes card, SecurityLevel level)
      : keys_{std::move(keys)}, host_{std::move(host)}, card_{std::move(card)}, level_{level} {}

  [[nodiscard]] Result<Bytes> card_cryptogram() const override {
    return tdes_mac(keys_.enc, concat({host_, card_}));
  }
  [[nodiscard]] Result<Bytes> host_cryptogram() const override {
    return tdes_mac(keys_.enc, concat({card_, host_}));
  }

  Result<apdu::Command> authenticate(const apdu::Command& command) override {
    mac_.clear();
    return protect(command, false);
  }
  Result<apdu::Command> wrap(const apdu::Command& command) override {
    return protect(command, has(level_, kCEnc));
  }
  Result<apdu::Response> unwrap(const apdu::Response& response) override { return response; }

  Result<Bytes> encrypt_sensitive(const SecretBytes& plain) const override {
    return encrypt(Cipher::tdes_ecb, keys_.dek, {}, plain.expose());
  }
  [[nodiscard]] std::size_t max_data() const override {
    constexpr std::size_t kRoom = 255 - kMacSize;
    return has(level_, kCEnc) ? kRoom / kBlock * kBlock - 1 : kRoom;
  }

 private:
  /// E.4.4: the MAC goes over the plain data, but counts itself in Lc; the data are enciphered after it.
  Result<apdu::Command> protect(const apdu::Command& command, bool encipher) {
    if (command.extended || command.data.size() > (encipher ? max_data() : 255 - kMacSize))
      return fail(Errc::invalid, "the data do not fit into a short command once SCP02 protects it");
    Bytes icv;  // zero for the first command, then the MAC before, enciphered
    if (!mac_.empty()) {
      CARDEA_TRY(icv, encrypt(Cipher::des_cbc, keys_.mac, {}, mac_));
    }
    Bytes message{mac_class(command.cla), command.ins, command.p1, command.p2,
                  static_cast<std::uint8_t>(command.data.size() + kMacSize)};
    append(message, command.data);
    const WipeOnExit wiped{message};
    CARDEA_TRY(mac_, retail_mac(keys_.mac, icv, message));

    apdu::Command out = command;
    out.cla = static_cast<std::uint8_t>(command.cla | 0x04U);
    if (encipher && !command.data.empty()) {
      Bytes padded = pad80(command.data, kBlock);
      const WipeOnExit gone{padded};
      CARDEA_TRY(out.data, encrypt(Cipher::tdes_cbc, keys_.enc, {}, padded));
    }
    append(out.data, mac_);
    return out;
  }

  Keys keys_;
  Bytes host_, card_;  ///< challenges; the card's with its sequence counter before it
  SecurityLevel level_;
  Bytes mac_;  ///< of the last command; empty before the first
};

}  // namespace

Result<std::unique_ptr<Session>> start_scp02(const Keyset& keys, const CardAnswer& card, BytesView host,
                                             const Options& options) {
  if (keys.type != KeyType::tdes)
    return fail(Errc::unsupported, "the card speaks SCP02, which needs 3DES keys; these are AES keys");
  if (options.scp02_i != 0x15 && options.scp02_i != 0x55)
    return fail(Errc::unsupported, "of SCP02 there are the options i=15 and i=55 here");
  if (has(options.level, kRMac))
    return fail(Errc::unsupported, "SCP02 with i=15 or i=55 has no R-MAC: ask for level 01 or 03");
  Keys session;
  CARDEA_TRY(session.enc, session_key(keys.enc, 0x0182, card.sequence));
  CARDEA_TRY(session.mac, session_key(keys.mac, 0x0101, card.sequence));
  CARDEA_TRY(session.dek, session_key(keys.dek, 0x0181, card.sequence));
  // E.4.2.3: a derived challenge is the beginning of a MAC over the security domain's AID.
  if (options.scp02_i == 0x55 && !options.security_domain.empty()) {
    CARDEA_TRY(Bytes expected, tdes_mac(session.mac, options.security_domain));
    expected.resize(card.challenge.size());
    if (!equal(expected, card.challenge)) return wrong_challenge();
  }
  return std::make_unique<Scp02>(std::move(session), to_bytes(host), concat({card.sequence, card.challenge}),
                                 options.level);
}

}  // namespace cardea::cms::gp
