#include <algorithm>
#include <utility>

#include "cardea/api/kdf.h"
#include "opaque_parts.h"

namespace cardea::api::opaque {
namespace {

/// What the client recomputes from the password's output and the envelope's nonce (section 4.1).
struct Opened {
  oprf::KeyPair client;
  Secret<kHash> tag;
  Secret<64> export_key;
};

Result<Opened> open_envelope(const Secret<kHash>& randomized, BytesView nonce, const Identities& identities,
                             BytesView server_public_key) {
  const auto key = randomized.expose();
  const auto auth_key = expand(key, nonce, "AuthKey", kHash);
  const auto export_key = expand(key, nonce, "ExportKey", kHash);
  const auto seed = expand(key, nonce, "PrivateKey", kSeed);
  Opened opened;
  CARDEA_TRY(opened.client, derive_dh_key_pair(seed.expose()));
  const auto credentials = cleartext_credentials({identities.client, opened.client.public_key},
                                                 {identities.server, server_public_key});
  opened.tag = hmac_sha512(auth_key.expose(), {nonce, credentials});
  std::ranges::copy(export_key.expose(), opened.export_key.expose().begin());
  return opened;
}

Element element_of(BytesView octets) {
  Element element{};
  std::copy_n(octets.begin(), element.size(), element.begin());
  return element;
}

}  // namespace

Result<ClientRegistration> ClientRegistration::start(SecretBytes password, Randomness random) {
  ClientRegistration registration;
  CARDEA_TRY(auto blinded, oprf::blind(password.expose(), random));
  registration.password_ = std::move(password);
  registration.blind_ = std::move(blinded.blind);
  registration.request_ = blinded.element;
  registration.random_ = std::move(random);
  return registration;
}

Result<ClientRegistration::Done> ClientRegistration::finish(BytesView response, const Ksf& ksf,
                                                            const Identities& identities) && {
  if (response.size() != kResponseSize) return fail(Errc::invalid, "this is no registration response");
  const auto server_public_key = response.subspan(kElementSize);
  if (!oprf::acceptable(server_public_key)) {
    return fail(Errc::invalid, "the server's public key is not an element of the group");
  }
  CARDEA_TRY(const auto output, oprf::finalize(password_.expose(), blind_, response.first(kElementSize)));
  CARDEA_TRY(const auto randomized, randomized_password(output, ksf));

  std::array<std::uint8_t, kNonce> nonce{};
  random_(nonce);
  CARDEA_TRY(auto opened, open_envelope(randomized, nonce, identities, server_public_key));
  const auto masking_key = expand(randomized.expose(), {}, "MaskingKey", kHash);

  Done done;
  done.record = concat({opened.client.public_key, masking_key.expose(), nonce, opened.tag.expose()});
  done.export_key = std::move(opened.export_key);
  done.server_public_key = element_of(server_public_key);
  return done;
}

Result<ClientLogin> ClientLogin::start(SecretBytes password, const Randomness& random) {
  ClientLogin login;
  CARDEA_TRY(auto blinded, oprf::blind(password.expose(), random));
  std::array<std::uint8_t, kNonce> nonce{};
  random(nonce);
  CARDEA_TRY(auto key_share, random_dh_key_pair(random));
  login.password_ = std::move(password);
  login.blind_ = std::move(blinded.blind);
  login.key_share_ = std::move(key_share.private_key);
  login.ke1_ = concat({blinded.element, nonce, key_share.public_key});
  return login;
}

Result<ClientLogin::Done> ClientLogin::finish(BytesView ke2, BytesView context, const Ksf& ksf,
                                              const Identities& identities) && {
  // One sentence for everything that a wrong password can cause: nobody learns more from the error.
  const auto refused = [] {
    return fail(Errc::denied, "the password is wrong, or the server is not the one");
  };
  if (ke2.size() != kKe2Size) return fail(Errc::invalid, "this is no KE2");
  const auto evaluated = ke2.first(kElementSize);
  const auto masking_nonce = ke2.subspan(kElementSize, kNonce);
  const auto masked = ke2.subspan(kElementSize + kNonce, kMaskedResponse);
  const auto server_key_share = ke2.subspan(kCredentialResponse + kNonce, kElementSize);
  const auto without_mac = ke2.first(kKe2Size - kHash);

  CARDEA_TRY(const auto output, oprf::finalize(password_.expose(), blind_, evaluated));
  CARDEA_TRY(const auto dh1, diffie_hellman(key_share_, server_key_share));
  CARDEA_TRY(const auto randomized, randomized_password(output, ksf));

  const auto masking_key = expand(randomized.expose(), {}, "MaskingKey", kHash);
  const auto response = mask_response(masking_key.expose(), masking_nonce, masked);
  const auto server_public_key = BytesView{response}.first(kElementSize);
  const auto envelope = BytesView{response}.subspan(kElementSize);
  CARDEA_TRY(auto opened, open_envelope(randomized, envelope.first(kNonce), identities, server_public_key));
  if (!constant_time_equal(opened.tag.expose(), envelope.subspan(kNonce))) return refused();

  const auto dh2 = diffie_hellman(key_share_, server_public_key);
  if (!dh2) return refused();
  CARDEA_TRY(const auto dh3, diffie_hellman(opened.client.private_key, server_key_share));
  auto schedule = key_schedule({context,
                                {identities.client, opened.client.public_key},
                                {identities.server, server_public_key},
                                ke1_,
                                without_mac},
                               dh1, *dh2, dh3);
  if (!constant_time_equal(schedule.server_mac.expose(), ke2.last(kHash))) return refused();

  Done done;
  std::ranges::copy(schedule.client_mac.expose(), done.ke3.begin());
  done.session_key = std::move(schedule.session_key);
  done.export_key = std::move(opened.export_key);
  done.server_public_key = element_of(server_public_key);
  return done;
}

}  // namespace cardea::api::opaque
