#include <sodium.h>

#include <algorithm>
#include <utility>

#include "cardea/api/kdf.h"
#include "opaque_parts.h"

namespace cardea::api::opaque {
namespace {

Result<oprf::Scalar> oprf_key(const ServerKeys& keys, BytesView credential_identifier) {
  const auto seed = expand(keys.oprf_seed.expose(), credential_identifier, "OprfKey", kSeed);
  CARDEA_TRY(auto pair, oprf::derive_key_pair(seed.expose(), as_bytes("OPAQUE-DeriveKeyPair")));
  return std::move(pair.private_key);
}

Secret<64> copy_of(const Secret<64>& secret) {
  Secret<64> copy;
  std::ranges::copy(secret.expose(), copy.expose().begin());
  return copy;
}

bool below_order(const oprf::Scalar& scalar) {
  Secret<crypto_core_ristretto255_NONREDUCEDSCALARBYTES> wide;
  std::ranges::copy(scalar.expose(), wide.expose().begin());
  oprf::Scalar reduced;
  crypto_core_ristretto255_scalar_reduce(reduced.expose().data(), wide.expose().data());
  return same_secret(scalar, reduced);
}

}  // namespace

Result<ServerKeys> make_server_keys(const Secret<64>& oprf_seed, const Secret<32>& ake_seed) {
  CARDEA_TRY(auto pair, derive_dh_key_pair(ake_seed.expose()));
  return make_server_keys_from(oprf_seed, std::move(pair.private_key));
}

Result<ServerKeys> make_server_keys_from(const Secret<64>& oprf_seed, oprf::Scalar private_key) {
  ServerKeys keys;
  if (!below_order(private_key) ||
      crypto_scalarmult_ristretto255_base(keys.public_key.data(), private_key.expose().data()) != 0) {
    return fail(Errc::invalid, "this is not a private key");
  }
  const auto fake_seed = expand(oprf_seed.expose(), {}, "CardeaFakeClient", kSeed);
  CARDEA_TRY(const auto fake, derive_dh_key_pair(fake_seed.expose()));
  keys.oprf_seed = copy_of(oprf_seed);
  keys.private_key = std::move(private_key);
  keys.fake_client = fake.public_key;
  return keys;
}

Result<Bytes> registration_response(const ServerKeys& keys, BytesView credential_identifier,
                                    BytesView request) {
  CARDEA_TRY(const auto key, oprf_key(keys, credential_identifier));
  CARDEA_TRY(const auto evaluated, oprf::evaluate(key, request));
  return concat({evaluated, keys.public_key});
}

Result<void> check_record(BytesView record) {
  if (record.size() != kRecordSize || !oprf::acceptable(record.first(kElementSize))) {
    return fail(Errc::invalid, "this is no registration record");
  }
  return {};
}

SecretBytes fake_record(const ServerKeys& keys, BytesView credential_identifier) {
  SecretBytes record{kRecordSize};
  const auto masking_key =
      expand(keys.oprf_seed.expose(), credential_identifier, "CardeaFakeMaskingKey", kHash);
  const auto at = std::ranges::copy(keys.fake_client, record.expose().begin()).out;
  std::ranges::copy(masking_key.expose(), at);  // the envelope stays zeroes
  return record;
}

Result<ServerLogin> respond(const ServerKeys& keys, BytesView record, BytesView credential_identifier,
                            BytesView ke1, BytesView context, const Identities& identities,
                            const Randomness& random) {
  if (!check_record(record)) return fail(Errc::corrupt, "the stored PIN record is damaged");
  if (ke1.size() != kKe1Size) return fail(Errc::invalid, "this is no KE1");
  const auto client_public_key = record.first(kElementSize);
  const auto masking_key = record.subspan(kElementSize, kHash);
  const auto envelope = record.subspan(kElementSize + kHash);
  const auto client_key_share = ke1.last(kElementSize);

  CARDEA_TRY(const auto key, oprf_key(keys, credential_identifier));
  CARDEA_TRY(const auto evaluated, oprf::evaluate(key, ke1.first(kElementSize)));
  std::array<std::uint8_t, kNonce> masking_nonce{};
  random(masking_nonce);
  std::array<std::uint8_t, kNonce> nonce{};
  random(nonce);
  CARDEA_TRY(const auto key_share, random_dh_key_pair(random));

  const auto masked = mask_response(masking_key, masking_nonce, concat({keys.public_key, envelope}));
  ServerLogin login;
  login.ke2.reserve(kKe2Size);
  for (const BytesView part : {BytesView{evaluated}, BytesView{masking_nonce}, BytesView{masked},
                               BytesView{nonce}, BytesView{key_share.public_key}}) {
    append(login.ke2, part);
  }

  CARDEA_TRY(const auto dh1, diffie_hellman(key_share.private_key, client_key_share));
  CARDEA_TRY(const auto dh2, diffie_hellman(keys.private_key, client_key_share));
  CARDEA_TRY(const auto dh3, diffie_hellman(key_share.private_key, client_public_key));
  auto schedule = key_schedule(
      {context, {identities.client, client_public_key}, {identities.server, keys.public_key}, ke1, login.ke2},
      dh1, dh2, dh3);
  append(login.ke2, schedule.server_mac.expose());
  login.expected_client_mac = std::move(schedule.client_mac);
  login.session_key = std::move(schedule.session_key);
  return login;
}

bool ke3_is(BytesView ke3, const Secret<64>& expected_client_mac) {
  return constant_time_equal(ke3, expected_client_mac.expose());
}

}  // namespace cardea::api::opaque
