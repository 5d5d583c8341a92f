#include "cardea/vault/passcode_key.h"

#include <algorithm>

#include "cardea/api/kdf.h"
#include "cardea/vault/sealed_key.h"
#include "octets.h"

namespace cardea::vault {
namespace {

using api::hpke::KeyPair;
using api::hpke::PublicKey;

constexpr std::string_view kInfo = "cardea/1 key";
constexpr std::size_t kHead = 1 + 1 + 4 + 32;

/// The head of the blob and all that the key inside is: tenant, card, slot, version, public key.
Result<Bytes> associated_data(BytesView head, const card::KeyHandle& key, std::string_view tenant,
                              std::string_view card) {
  Bytes out;
  Writer write{out};
  write.raw(head);
  write.field8(as_bytes(tenant));
  write.field8(as_bytes(card));
  write.number(key.slot.reference, 1);
  write.number(key.slot.version, 8);
  write.raw(api::sha256({public_key_encoding(key.algorithm, key.public_key)}));
  if (!write.good()) return fail(Errc::invalid, "a tenant or card name is longer than 255 octets");
  return out;
}

Bytes head_of(const PasscodeKey& key) {
  Bytes out;
  Writer write{out};
  write.number(PasscodeKey::kFormat, 1);
  write.number(static_cast<std::uint8_t>(key.aead), 1);
  write.number(key.kek_version, 4);
  write.raw(key.card_key);
  return out;
}

}  // namespace

Bytes PasscodeKey::encode() const {
  auto out = head_of(*this);
  append(out, sealed);
  return out;
}

Result<PasscodeKey> PasscodeKey::parse(BytesView octets) {
  Reader read{octets};
  PasscodeKey out;
  const auto format = read.number(1);
  out.aead = static_cast<api::Aead>(read.number(1));
  out.kek_version = static_cast<std::uint32_t>(read.number(4));
  std::ranges::copy(read.take(out.card_key.size()), out.card_key.begin());
  const bool known_aead = out.aead == api::Aead::aes256gcm || out.aead == api::Aead::chacha20poly1305;
  if (!read.good() || format != kFormat || !known_aead || read.rest().size() < 32 + api::kAeadTagSize) {
    return fail(Errc::corrupt, "the passcode layer of the key is damaged");
  }
  out.sealed = to_bytes(read.rest());
  return out;
}

bool has_passcode_layer(BytesView handle) {
  return !handle.empty() && handle[0] == PasscodeKey::kFormat;
}

Result<Bytes> seal_with_passcode(const card::KeyHandle& key, std::string_view tenant, std::string_view card,
                                 const PublicKey& card_key, const api::Randomness& random) {
  const auto inner = SealedKey::parse(key.sealed);
  PasscodeKey out;
  out.kek_version = inner ? inner->kek_version : 0;
  out.card_key = card_key;
  CARDEA_TRY(const auto aad, associated_data(head_of(out), key, tenant, card));
  CARDEA_TRY(out.sealed, api::hpke::seal(card_key, as_bytes(kInfo), aad, key.sealed, out.aead, random));
  return out.encode();
}

Result<Bytes> open_with_passcode(const card::KeyHandle& key, std::string_view tenant, std::string_view card,
                                 const KeyPair& secret) {
  CARDEA_TRY(const auto outer, PasscodeKey::parse(key.sealed));
  if (outer.card_key != secret.public_key) {
    return fail(Errc::denied, "the key was sealed to another secret of the card");
  }
  CARDEA_TRY(const auto aad, associated_data(BytesView{key.sealed}.first(kHead), key, tenant, card));
  const auto opened = api::hpke::open(secret, as_bytes(kInfo), aad, outer.sealed, outer.aead);
  if (!opened) {
    // With the right secret only a change of the blob, or of what stands around it, is left.
    if (opened.error().code == Errc::unsupported) return tl::unexpected{opened.error()};
    return fail(Errc::corrupt, "the passcode layer of the key is damaged, or belongs to another key");
  }
  return to_bytes(opened->expose());
}

}  // namespace cardea::vault
