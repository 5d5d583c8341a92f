#include "opaque_parts.h"

#include <sodium.h>

#include <algorithm>

#include "cardea/api/kdf.h"
#include "sodium_ready.h"

namespace cardea::api::opaque {
namespace {

void append_counted(Bytes& out, BytesView part) {
  append_be16(out, static_cast<std::uint16_t>(part.size()));
  append(out, part);
}

/// Derive-Secret (section 6.4.2).
Secret<kHash> derive_secret(BytesView secret, std::string_view label, BytesView transcript_hash) {
  constexpr std::string_view kPrefix = "OPAQUE-";
  Bytes custom_label;
  append_be16(custom_label, kHash);
  custom_label.push_back(static_cast<std::uint8_t>(kPrefix.size() + label.size()));
  append(custom_label, as_bytes(kPrefix));
  append(custom_label, as_bytes(label));
  custom_label.push_back(static_cast<std::uint8_t>(transcript_hash.size()));
  append(custom_label, transcript_hash);
  const auto expanded = hkdf_expand_sha512(secret, custom_label, kHash);
  Secret<kHash> out;
  std::ranges::copy(expanded.expose(), out.expose().begin());
  return out;
}

Result<void> stretch(const Secret<kHash>& in, const Ksf& ksf, Secret<kHash>& out) {
  if (ksf.function == Ksf::Function::identity) {
    std::ranges::copy(in.expose(), out.expose().begin());
    return {};
  }
  sodium_ready();
  const std::array<std::uint8_t, crypto_pwhash_argon2id_SALTBYTES> salt{};
  // NOLINTNEXTLINE(*-reinterpret-cast): libsodium wants the password as char
  const auto* const password = reinterpret_cast<const char*>(in.expose().data());
  if (crypto_pwhash_argon2id(out.expose().data(), kHash, password, kHash, salt.data(), ksf.passes,
                             std::size_t{ksf.memory_kib} * 1024,
                             crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0) {
    return fail(Errc::exhausted, "there is not enough memory to stretch the password");
  }
  return {};
}

}  // namespace

Result<oprf::KeyPair> derive_dh_key_pair(BytesView seed) {
  return oprf::derive_key_pair(seed, as_bytes("OPAQUE-DeriveDiffieHellmanKeyPair"));
}

Result<oprf::KeyPair> random_dh_key_pair(const Randomness& random) {
  Secret<kSeed> seed;
  random(seed.expose());
  return derive_dh_key_pair(seed.expose());
}

Result<Secret<kElementSize>> diffie_hellman(const oprf::Scalar& key, BytesView element) {
  CARDEA_TRY(auto product, oprf::evaluate(key, element));
  Secret<kElementSize> shared;
  std::ranges::copy(product, shared.expose().begin());
  sodium_memzero(product.data(), product.size());
  return shared;
}

SecretBytes expand(BytesView key, BytesView prefix, std::string_view label, std::size_t size) {
  return hkdf_expand_sha512(key, concat({prefix, as_bytes(label)}), size);
}

Bytes mask_response(BytesView masking_key, BytesView masking_nonce, BytesView response) {
  const auto pad = expand(masking_key, masking_nonce, "CredentialResponsePad", kMaskedResponse);
  Bytes masked = to_bytes(response);
  std::ranges::transform(masked, pad.expose(), masked.begin(),
                         [](std::uint8_t a, std::uint8_t b) { return static_cast<std::uint8_t>(a ^ b); });
  return masked;
}

Bytes cleartext_credentials(const Party& client, const Party& server) {
  Bytes out = to_bytes(server.public_key);
  append_counted(out, server.name());
  append_counted(out, client.name());
  return out;
}

Schedule key_schedule(const Transcript& transcript, const Secret<kElementSize>& dh1,
                      const Secret<kElementSize>& dh2, const Secret<kElementSize>& dh3) {
  Bytes preamble = to_bytes(as_bytes("OPAQUEv1-"));
  append_counted(preamble, transcript.context);
  append_counted(preamble, transcript.client.name());
  append(preamble, transcript.ke1);
  append_counted(preamble, transcript.server.name());
  append(preamble, transcript.ke2_without_mac);

  SecretBytes shared{3 * kElementSize};
  auto at = std::ranges::copy(dh1.expose(), shared.expose().begin()).out;
  at = std::ranges::copy(dh2.expose(), at).out;
  std::ranges::copy(dh3.expose(), at);

  const auto prk = hkdf_extract_sha512({}, shared.expose());
  const auto hash = sha512({preamble});
  const auto handshake = derive_secret(prk.expose(), "HandshakeSecret", hash);
  const auto server_mac_key = derive_secret(handshake.expose(), "ServerMAC", {});
  const auto client_mac_key = derive_secret(handshake.expose(), "ClientMAC", {});

  Schedule schedule;
  schedule.session_key = derive_secret(prk.expose(), "SessionKey", hash);
  schedule.server_mac = hmac_sha512(server_mac_key.expose(), {hash});
  schedule.client_mac =
      hmac_sha512(client_mac_key.expose(), {sha512({preamble, schedule.server_mac.expose()})});
  return schedule;
}

Result<Secret<kHash>> randomized_password(const Secret<kHash>& oprf_output, const Ksf& ksf) {
  Secret<kHash> stretched;
  CARDEA_CHECK(stretch(oprf_output, ksf, stretched));
  SecretBytes both{2 * kHash};
  const auto at = std::ranges::copy(oprf_output.expose(), both.expose().begin()).out;
  std::ranges::copy(stretched.expose(), at);
  return hkdf_extract_sha512({}, both.expose());
}

}  // namespace cardea::api::opaque
