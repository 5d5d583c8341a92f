#include "cardea/apdu/tlv.h"
#include "cardea/hex.h"
#include "engine/error_map.h"
#include "piv/authentication_template.h"
#include "piv/piv.h"
#include "piv/references.h"

namespace cardea::card::piv {

namespace {

/// The point that a card verifiable certificate is about (SP 800-73-4 Part 2, 4.1.5): 7F21 { .. 7F49 { 06, 86
/// }
/// .. }.
std::optional<BytesView> certified_point(BytesView certificate) {
  const auto outer = apdu::read_tlv(certificate);
  if (!outer || outer->tag != 0x7F21 || outer->whole.size() != certificate.size()) return std::nullopt;
  const auto body = apdu::read_tlvs(outer->value);
  const auto key = body ? apdu::find(*body, 0x7F49) : std::nullopt;
  const auto parts = key ? apdu::read_tlvs(*key) : std::nullopt;
  return parts ? apdu::find(*parts, 0x86) : std::nullopt;
}

}  // namespace

/// The secure messaging key and the certificate of it; nothing unless there are both and they belong
/// together.
CardResult<std::optional<Piv::MessagingKey>> Piv::messaging_key() {
  if (profile_.yubico) return std::optional<MessagingKey>{};
  CARDEA_TRY(auto key, load_key(kSecureMessagingKey));
  CARDEA_TRY(auto certificate, lift(ports_.store.get(kMessagingCertificate)));
  if (!key || !certificate || find_cipher_suite(key->handle.algorithm) == nullptr)
    return std::optional<MessagingKey>{};
  const auto point = certified_point(*certificate);
  if (!point || !equal(*point, key->handle.public_key.point)) return std::optional<MessagingKey>{};
  return std::optional{MessagingKey{*std::move(key), *std::move(certificate)}};
}

// SP 800-73-4 Part 2, 4.1: key establishment. Whoever asks gets a session: it is the card that is
// authenticated, by the certificate of its key. Without key or certificate P1-P2 names nothing.
CardResult<Reply> Piv::establish_keys(const Command& command) {
  // The answer would be under keys that are gone by then.
  if (channels_.by_messaging()) return refuse(sw::kConditionsNotSatisfied);
  CARDEA_TRY(const auto key, messaging_key());
  if (!key) return refuse(sw::kWrongP1P2);
  const auto* const suite = find_cipher_suite(command.p1);
  if (suite == nullptr || suite->curve != key->record.handle.algorithm) return refuse(sw::kWrongP1P2);
  CARDEA_TRY(const auto request, parse_authentication_template(command.data));
  if (!asked_for(request.response) || !given(request.challenge) || request.witness || request.exponentiation)
    return refuse(sw::kWrongData);
  const auto host = parse_key_request(*suite, *request.challenge);
  if (!host) return refuse(sw::kWrongData);
  messaging_.close();  // whatever happens below, the old session is over
  CARDEA_TRY(auto shared,
             release(key->record, KeyOperation::agree, ports_.keys.ecdh(key->record.handle, host->point)));
  const WipeOnExit wiped{shared};
  CARDEA_TRY(const auto answer, messaging_.establish(*suite, *host, SecretBytes{shared}, key->certificate));
  return Reply{make_authentication_template(0x82, answer)};
}

/// The certificate comes from the issuer, about the key that is in its slot, or on its way there.
CardResult<void> Piv::check_messaging_certificate(BytesView certificate,
                                                  const std::optional<KeyRecord>& key) {
  const auto point = certified_point(certificate);
  if (!key || !point || !equal(*point, key->handle.public_key.point)) return refuse(sw::kWrongData);
  return {};
}

CardResult<void> Piv::store_messaging_certificate(BytesView certificate) {
  CARDEA_TRY(const auto key, load_key(kSecureMessagingKey));
  CARDEA_CHECK(check_messaging_certificate(certificate, key));
  const std::vector<PutRequest> request{{kMessagingCertificate.id, certificate}};
  CARDEA_CHECK(registration_.commit(changes_of(request)));
  return tell_of(request);
}

}  // namespace cardea::card::piv
