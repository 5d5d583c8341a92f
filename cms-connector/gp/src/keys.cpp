#include "cardea/cms/gp/keys.h"

#include <string>

#include "crypto.h"

namespace cardea::cms::gp {

namespace {

constexpr std::size_t kKddSize = 10;

/// What visa2 and emv encipher: six octets of the KDD, F0 and the key identifier; the six again, 0F and the
/// key identifier.
Bytes des_template(BytesView kdd, Diversification scheme, KeyUse use) {
  const Bytes six = scheme == Diversification::emv ? to_bytes(kdd.subspan(4, 6))
                                                   : concat({kdd.subspan(0, 2), kdd.subspan(4, 4)});
  Bytes out = six;
  out.push_back(0xF0);
  out.push_back(static_cast<std::uint8_t>(use));
  append(out, six);
  out.push_back(0x0F);
  out.push_back(static_cast<std::uint8_t>(use));
  return out;
}

Result<SecretBytes> card_key(const SecretBytes& master, BytesView kdd, Diversification scheme, KeyUse use) {
  if (scheme == Diversification::kdf3) {
    const Bytes context =
        concat({BytesView{Bytes{0x00, 0x00, 0x00, static_cast<std::uint8_t>(use), 0x00}}, kdd});
    return counter_kdf(master, {}, context, master.size());
  }
  SecretBytes out{16};
  CARDEA_CHECK(encrypt_into(Cipher::tdes_ecb, master, {}, des_template(kdd, scheme, use), out.expose()));
  return out;
}

}  // namespace

Keyset Keyset::same(KeyType type, const SecretBytes& key, std::uint8_t version) {
  return {type, version, key.clone(), key.clone(), key.clone()};
}

const SecretBytes& Keyset::of(KeyUse use) const {
  switch (use) {
    case KeyUse::enc:
      return enc;
    case KeyUse::mac:
      return mac;
    case KeyUse::dek:
      break;
  }
  return dek;
}

Keyset Keyset::clone() const {
  return {type, version, enc.clone(), mac.clone(), dek.clone()};
}

Result<void> Keyset::check() const {
  const auto size = enc.size();
  const bool right = type == KeyType::tdes ? size == 16 : size == 16 || size == 24 || size == 32;
  if (!right || mac.size() != size || dek.size() != size) {
    return fail(Errc::invalid,
                type == KeyType::tdes
                    ? "3DES card keys are three keys of 16 octets"
                    : "AES card keys are three keys of 16, 24 or 32 octets, all of one length");
  }
  return {};
}

Result<Keyset> diversify(const Keyset& master, BytesView kdd, Diversification scheme, KeyType wanted) {
  CARDEA_CHECK(master.check());
  if (scheme == Diversification::none) return master.clone();
  if (kdd.size() != kKddSize) return fail(Errc::invalid, "key diversification data has ten octets");
  if (scheme == Diversification::kdf3 && (master.type != KeyType::aes || wanted != KeyType::aes))
    return fail(Errc::invalid, "the diversification kdf3 makes AES keys from AES master keys");
  if (scheme != Diversification::kdf3 && master.type != KeyType::tdes)
    return fail(Errc::invalid, "the diversifications visa2 and emv need 3DES master keys");
  Keyset out;
  out.type = wanted;
  out.version = master.version;
  CARDEA_TRY(out.enc, card_key(master.enc, kdd, scheme, KeyUse::enc));
  CARDEA_TRY(out.mac, card_key(master.mac, kdd, scheme, KeyUse::mac));
  CARDEA_TRY(out.dek, card_key(master.dek, kdd, scheme, KeyUse::dek));
  return out;
}

Result<Bytes> key_check_value(KeyType type, const SecretBytes& key) {
  CARDEA_TRY(Bytes block, type == KeyType::tdes ? encrypt(Cipher::tdes_ecb, key, {}, Bytes(8))
                                                : encrypt(Cipher::aes_ecb, key, {}, Bytes(16, 0x01)));
  block.resize(3);
  return block;
}

}  // namespace cardea::cms::gp
