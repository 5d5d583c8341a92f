#include "cardea/api/hpke.h"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "cardea/api/kdf.h"

namespace cardea::api::hpke {
namespace {

constexpr std::size_t kHash = 32;
constexpr std::size_t kKeySize = 32;
constexpr std::size_t kEncapsulated = 32;

constexpr std::array<std::uint8_t, 5> kKemSuite{'K', 'E', 'M', 0x00, 0x20};

/// "HPKE" ‖ KEM 0020 ‖ KDF 0001 ‖ AEAD (RFC 9180, section 5.1).
std::array<std::uint8_t, 10> suite(Aead aead) {
  return {'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, static_cast<std::uint8_t>(aead)};
}

Secret<kHash> labeled_extract(BytesView suite_id, BytesView salt, std::string_view label,
                              BytesView key_material) {
  // HKDF-Extract is HMAC with the salt as key; in parts, so that no copy of the secret has to be made.
  return hmac_sha256(salt, {as_bytes("HPKE-v1"), suite_id, as_bytes(label), key_material});
}

SecretBytes labeled_expand(BytesView suite_id, BytesView key, std::string_view label, BytesView info,
                           std::size_t size) {
  Bytes labeled_info;
  append_be16(labeled_info, static_cast<std::uint16_t>(size));
  append(labeled_info, concat({as_bytes("HPKE-v1"), suite_id, as_bytes(label), info}));
  return hkdf_expand_sha256(key, labeled_info, size);
}

/// The Diffie-Hellman result and what both sides saw → shared secret (section 4.1). X25519 with a point of
/// small order gives zeroes, which section 7.1.4 has us refuse.
Result<Secret<32>> shared_secret(const Secret<32>& private_key, BytesView peer, BytesView encapsulated,
                                 BytesView recipient) {
  Secret<32> dh;
  if (crypto_scalarmult_curve25519(dh.expose().data(), private_key.expose().data(), peer.data()) != 0) {
    return fail(Errc::invalid, "the public key has small order");
  }
  const auto prk = labeled_extract(kKemSuite, {}, "eae_prk", dh.expose());
  const auto expanded =
      labeled_expand(kKemSuite, prk.expose(), "shared_secret", concat({encapsulated, recipient}), kKeySize);
  Secret<32> shared;
  std::ranges::copy(expanded.expose(), shared.expose().begin());
  return shared;
}

}  // namespace

/// KeySchedule in mode 0 (section 5.1).
Result<Context> make_context(const Secret<32>& shared, BytesView info, Aead aead) {
  if (!available(aead)) {
    return fail(Errc::unsupported, "this machine cannot compute the authenticated encryption that was used");
  }
  const auto id = suite(aead);
  const auto no_psk = labeled_extract(id, {}, "psk_id_hash", {});
  const auto info_hash = labeled_extract(id, {}, "info_hash", info);
  constexpr std::array<std::uint8_t, 1> kModeBase{0};
  const auto schedule_context = concat({kModeBase, no_psk.expose(), info_hash.expose()});
  const auto secret = labeled_extract(id, shared.expose(), "secret", {});

  const auto key = labeled_expand(id, secret.expose(), "key", schedule_context, kAeadKeySize);
  Context context;
  const auto nonce =
      labeled_expand(id, secret.expose(), "base_nonce", schedule_context, context.base_nonce_.size());
  const auto exporter = labeled_expand(id, secret.expose(), "exp", schedule_context, kHash);
  context.aead_ = aead;
  std::ranges::copy(key.expose(), context.key_.expose().begin());
  std::ranges::copy(nonce.expose(), context.base_nonce_.begin());
  std::ranges::copy(exporter.expose(), context.exporter_secret_.expose().begin());
  return context;
}

AeadNonce Context::nonce() const {
  AeadNonce out = base_nonce_;
  for (std::size_t i = 0; i < sizeof sequence_; ++i)
    out[out.size() - 1 - i] ^= static_cast<std::uint8_t>(sequence_ >> (8 * i));
  return out;
}

Result<Bytes> Context::seal(BytesView aad, BytesView plain) {
  CARDEA_TRY(auto sealed, aead_seal(aead_, key_, nonce(), aad, plain));
  ++sequence_;
  return sealed;
}

Result<SecretBytes> Context::open(BytesView aad, BytesView sealed) {
  CARDEA_TRY(auto plain, aead_open(aead_, key_, nonce(), aad, sealed));
  ++sequence_;
  return plain;
}

SecretBytes Context::export_secret(BytesView exporter_context, std::size_t size) const {
  return labeled_expand(suite(aead_), exporter_secret_.expose(), "sec", exporter_context, size);
}

KeyPair key_pair_of(Secret<32> private_key) {
  KeyPair pair{std::move(private_key), {}};
  crypto_scalarmult_curve25519_base(pair.public_key.data(), pair.private_key.expose().data());
  return pair;
}

KeyPair generate_key_pair(const Randomness& random) {
  Secret<32> private_key;
  random(private_key.expose());
  return key_pair_of(std::move(private_key));
}

KeyPair derive_key_pair(BytesView key_material) {
  const auto prk = labeled_extract(kKemSuite, {}, "dkp_prk", key_material);
  const auto expanded = labeled_expand(kKemSuite, prk.expose(), "sk", {}, kKeySize);
  Secret<32> private_key;
  std::ranges::copy(expanded.expose(), private_key.expose().begin());
  return key_pair_of(std::move(private_key));
}

Result<Sender> setup_sender(const PublicKey& recipient, BytesView info, Aead aead, const Randomness& random) {
  const auto ephemeral = generate_key_pair(random);
  CARDEA_TRY(const auto shared,
             shared_secret(ephemeral.private_key, recipient, ephemeral.public_key, recipient));
  CARDEA_TRY(auto context, make_context(shared, info, aead));
  return Sender{ephemeral.public_key, std::move(context)};
}

Result<Context> setup_recipient(const KeyPair& recipient, BytesView encapsulated_key, BytesView info,
                                Aead aead) {
  if (encapsulated_key.size() != kEncapsulated) return fail(Errc::invalid, "the encapsulated key is cut");
  CARDEA_TRY(const auto shared,
             shared_secret(recipient.private_key, encapsulated_key, encapsulated_key, recipient.public_key));
  return make_context(shared, info, aead);
}

Result<Bytes> seal(const PublicKey& recipient, BytesView info, BytesView aad, BytesView plain, Aead aead,
                   const Randomness& random) {
  CARDEA_TRY(auto sender, setup_sender(recipient, info, aead, random));
  CARDEA_TRY(const auto sealed, sender.context.seal(aad, plain));
  return concat({sender.encapsulated_key, sealed});
}

Result<SecretBytes> open(const KeyPair& recipient, BytesView info, BytesView aad, BytesView sealed,
                         Aead aead) {
  if (sealed.size() < kEncapsulated + kAeadTagSize) {
    return fail(Errc::invalid, "this is too short for a sealed message");
  }
  CARDEA_TRY(auto context, setup_recipient(recipient, sealed.first(kEncapsulated), info, aead));
  return context.open(aad, sealed.subspan(kEncapsulated));
}

}  // namespace cardea::api::hpke
