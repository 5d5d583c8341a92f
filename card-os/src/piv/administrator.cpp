#include "cardea/secret.h"
#include "engine/error_map.h"
#include "piv/authentication_template.h"
#include "piv/piv.h"
#include "piv/references.h"

namespace cardea::card::piv {

// SP 800-73-4 Part 2, 3.2.4 GENERAL AUTHENTICATE with the card management key, and appendix A.1 for the two
// protocols.
//
// There is no internal authentication with 9B: who may have any block encrypted could answer the card's own
// challenge.
//
// The algorithm is in P1, hence 6A86 for one that is not the key's. ykman knows 6A80 and 6A86, OpenSC takes
// any.
CardResult<Reply> Piv::authenticate_administrator(const Command& command) {
  CARDEA_TRY(const auto request, parse_authentication_template(command.data));
  CARDEA_TRY(const auto* key, management_key());
  if (algorithm_of(command.p1) != key->record.handle.algorithm) return refuse(sw::kWrongP1P2);
  if (request.exponentiation) return refuse(sw::kWrongData);

  const bool only_witness = !request.challenge && !request.response;
  const bool only_challenge = !request.witness && !request.response;
  const bool only_response = !request.witness && !request.challenge;
  if (asked_for(request.witness) && only_witness) return begin_mutual(*key);
  if (asked_for(request.challenge) && only_challenge) return begin_external(*key);
  if (given(request.response) && only_response) return finish_external(*key, *request.response);
  const bool no_response_given = !request.response || request.response->empty();
  if (given(request.witness) && given(request.challenge) && no_response_given) {
    return finish_mutual(*key, *request.witness, *request.challenge);
  }
  return refuse(sw::kWrongData);
}

// Also OpenSC's way of asking the card for random octets: the administrator stays authenticated.
CardResult<Reply> Piv::begin_external(const ManagementKey& key) {
  SecretBytes challenge{block_size(key.record.handle.algorithm)};
  ports_.rng.fill(challenge.expose());
  Reply reply{make_authentication_template(0x81, challenge.expose())};
  state_.next.challenge = Challenge{Challenge::Kind::external, key.fingerprint, std::move(challenge)};
  return reply;
}

CardResult<Reply> Piv::begin_mutual(const ManagementKey& key) {
  SecretBytes witness{block_size(key.record.handle.algorithm)};
  ports_.rng.fill(witness.expose());
  CARDEA_TRY(const auto sealed, lift(ports_.keys.encrypt_block(key.record.handle, witness.expose())));
  state_.next.challenge = Challenge{Challenge::Kind::mutual, key.fingerprint, std::move(witness)};
  return Reply{make_authentication_template(0x80, sealed.expose())};
}

CardResult<Reply> Piv::finish_external(const ManagementKey& key, BytesView answer) {
  state_.administrator.reset();  // whatever happens below
  const auto& challenge = now_.challenge;
  if (!challenge || challenge->kind != Challenge::Kind::external) return refuse(sw::kConditionsNotSatisfied);
  CARDEA_TRY(const auto expected,
             lift(ports_.keys.encrypt_block(key.record.handle, challenge->octets.expose())));
  CARDEA_CHECK(admit(challenge->key == key.fingerprint && constant_time_equal(expected.expose(), answer)));
  state_.administrator = key.fingerprint;
  return Reply{};
}

CardResult<Reply> Piv::finish_mutual(const ManagementKey& key, BytesView witness, BytesView challenge) {
  state_.administrator.reset();  // whatever happens below
  const auto& sent = now_.challenge;
  if (!sent || sent->kind != Challenge::Kind::mutual) return refuse(sw::kConditionsNotSatisfied);
  if (challenge.size() != block_size(key.record.handle.algorithm)) return refuse(sw::kWrongData);
  CARDEA_CHECK(admit(sent->key == key.fingerprint && constant_time_equal(sent->octets.expose(), witness)));
  CARDEA_TRY(const auto sealed, lift(ports_.keys.encrypt_block(key.record.handle, challenge)));
  state_.administrator = key.fingerprint;
  return Reply{make_authentication_template(0x82, sealed.expose())};
}

/// Records the attempt; 6982 when it failed.
CardResult<void> Piv::admit(bool match) {
  CARDEA_CHECK(lift(ports_.audit.record(AdministratorTried{match})));
  if (!match) return refuse(sw::kSecurityNotSatisfied);
  return {};
}

}  // namespace cardea::card::piv
