#include "cardea/service/pins.h"

#include <sodium.h>

#include <algorithm>
#include <new>
#include <utility>

#include "cardea/api/kdf.h"

namespace cardea::service {
namespace {

namespace opaque = api::opaque;

// Part of what every PIN is registered under: never change them.
constexpr std::string_view kOprfSeed = "cardea opaque oprf seed";
constexpr std::string_view kAkeSeed = "cardea opaque ake seed";
constexpr std::size_t kNonce = 16;
constexpr std::string_view kLateProof = "cardea/1 late proof";

/// How often an opening begins again because the PIN got another value under its hands.
constexpr int kOpenings = 4;

// Factory values are in every manual: stretching them more than a reader insists on would protect nothing.
constexpr opaque::Ksf kKnownValue{opaque::Ksf::Function::argon2id, 8 * 1024, 1};

template <std::size_t N>
Result<Secret<N>> fixed(const SecretBytes& from) {
  if (from.size() != N) return fail(Errc::corrupt, "a tenant's secret has the wrong size");
  Secret<N> out;
  std::ranges::copy(from.expose(), out.expose().begin());
  return out;
}

/// Whether somebody can have meant this: a message that OPAQUE refuses is no try.
Result<void> check_ke1(BytesView ke1) {
  constexpr std::size_t kElement = 32;
  if (ke1.size() == opaque::kKe1Size && api::oprf::acceptable(ke1.first(kElement)) &&
      api::oprf::acceptable(ke1.last(kElement))) {
    return {};
  }
  return fail(Errc::invalid, "this is no opening of a PIN login");
}

tl::unexpected<Error> unproven() {
  return fail(Errc::denied, "the PIN login was not proven");
}

}  // namespace

bool PinOptions::changes_awaited(std::string_view organisation) const {
  return must_change ||
         std::ranges::find(must_change_organisations, organisation) != must_change_organisations.end();
}

Result<PinKeys> make_pin_keys(const Secret<64>& oprf_seed, const Secret<32>& ake_seed) {
  CARDEA_TRY(auto keys, opaque::make_server_keys(oprf_seed, ake_seed));
  void* const place = sodium_malloc(sizeof keys);
  if (place == nullptr) return fail(Errc::exhausted, "no memory can be locked for a tenant's PIN keys");
  return PinKeys{
      new (place) opaque::ServerKeys{std::move(keys)}, [](const opaque::ServerKeys* held) {
        held->~ServerKeys();
        sodium_free(const_cast<opaque::ServerKeys*>(held));  // NOLINT(*-const-cast): it was made here
      }};
}

Result<PinKeys> PinKeyring::of(const std::string& organisation) {
  const std::lock_guard lock{mutex_};
  if (const auto known = keys_.find(organisation); known != keys_.end()) return known->second;
  CARDEA_TRY(const auto oprf, vault_.tenant_secret(organisation, kOprfSeed, 64));
  CARDEA_TRY(const auto ake, vault_.tenant_secret(organisation, kAkeSeed, 32));
  CARDEA_TRY(const auto oprf_seed, fixed<64>(oprf));
  CARDEA_TRY(const auto ake_seed, fixed<32>(ake));
  CARDEA_TRY(auto keys, make_pin_keys(oprf_seed, ake_seed));
  return keys_.emplace(organisation, std::move(keys)).first->second;
}

Pins::Pins(std::unique_ptr<store::PinRecords> records, World world, std::string organisation,
           std::string card, PinOptions options)
    : records_{std::move(records)},
      world_{std::move(world)},
      organisation_{std::move(organisation)},
      card_{std::move(card)},
      options_{std::move(options)} {}

Bytes pin_identifier(std::string_view organisation, std::string_view card, card::PinRef ref,
                     BytesView nonce) {
  return concat({opaque::credential_identifier(organisation, card, static_cast<std::uint8_t>(ref)), nonce});
}

store::ProofDigest late_proof_digest(std::string_view device_thumbprint, BytesView ke3) {
  Bytes message = to_bytes(as_bytes(kLateProof));
  append_be16(message, static_cast<std::uint16_t>(device_thumbprint.size()));
  append(message, as_bytes(device_thumbprint));
  append(message, ke3);
  const WipeOnExit wiping{message};
  store::ProofDigest digest{};
  crypto_hash_sha256(digest.data(), message.data(), message.size());
  return digest;
}

Bytes Pins::identifier(card::PinRef ref, BytesView nonce) const {
  return pin_identifier(organisation_, card_, ref, nonce);
}

Bytes Pins::context(card::PinRef ref) const {
  return opaque::encode(opaque::LoginContext{organisation_, card_, static_cast<std::uint8_t>(ref),
                                             binding_.tls_exporter, binding_.device_thumbprint,
                                             binding_.access_token_hash});
}

Bytes Pins::new_nonce() {
  Bytes nonce(kNonce);
  world_.rng.fill(nonce);
  return nonce;
}

Result<card::PinVerdict> Pins::verify(card::PinRef ref, const card::PinEvidence& evidence) {
  if (const auto* opening = std::get_if<card::PinOpening>(&evidence)) return open(ref, *opening);
  if (std::holds_alternative<card::PinProof>(evidence)) return check_proof(ref);
  const auto* plain = std::get_if<card::PlainPin>(&evidence);
  if (plain == nullptr) return fail(Errc::denied, "a registration proves nothing");
  if (!options_.allow_plain && !plain->through_channel)
    return fail(Errc::denied, "PINs are not taken in plain text here");
  return compare(ref, plain->value);
}

Result<card::PinVerdict> Pins::open(card::PinRef ref, const card::PinOpening& opening) {
  login_.reset();
  // Everything that may fail without the PIN being wrong comes before the try is spent.
  CARDEA_CHECK(check_ke1(opening.message));
  CARDEA_TRY(const auto keys, world_.keys());
  for (int i = 0; i < kOpenings; ++i) {
    CARDEA_TRY(const auto expected, records_->expectation(ref));
    if (expected.status.tries_left == 0) return card::PinVerdict{false, expected.status};
    auto opened = open_at(ref, opening, keys, expected);
    if (opened || opened.error().code != Errc::conflict) return opened;
  }
  return fail(Errc::unavailable, "the PIN is being given new values");
}

/// What is computed here says nothing to anybody until the try is spent and the challenge leaves.
Result<card::PinVerdict> Pins::open_at(card::PinRef ref, const card::PinOpening& opening, const PinKeys& keys,
                                       const store::PinExpectation& expected) {
  auto nonce = new_nonce();
  Bytes new_value;
  if (!opening.new_value.empty()) {
    CARDEA_TRY(new_value,
               opaque::registration_response(*keys, identifier(opening.new_ref, nonce), opening.new_value));
  }
  Bytes copy;
  if (world_.copies != nullptr) {
    CARDEA_TRY(copy, world_.copies->for_login(ref));
  }
  const auto& record = expected.record;
  CARDEA_TRY(auto server, opaque::respond(*keys, record.record, identifier(ref, record.nonce),
                                          opening.message, context(ref)));
  const auto now = world_.clock.now();
  CARDEA_TRY(
      auto attempt,
      records_->spend(
          ref, {expected.status.version,
                late_proof_digest(binding_.device_thumbprint, server.expected_client_mac.expose()), now}));
  if (!attempt.paid) return card::PinVerdict{false, attempt.status};
  // A version has one record. Another one was somebody else's, for as long as it was read.
  if (attempt.expected != record) return fail(Errc::corrupt, "the PIN's record was not the server's");
  challenge_ = api::PinChallenge{
      server.ke2,           record.ksf,     to_bytes(opaque::encode(options_.ksf)), attempt.status.version,
      std::move(new_value), std::move(copy)};
  const auto status = attempt.status;
  login_.emplace(Login{ref, opening.new_ref, std::move(attempt), std::move(server), std::move(nonce), now,
                       opening.new_factory_value});
  return card::PinVerdict{false, status, true};
}

Result<card::PinVerdict> Pins::prove_late(card::PinRef ref, BytesView ke3) {
  if (late_proofs_ == kMostLateProofs) return fail(Errc::exhausted, "too many late proofs in one session");
  ++late_proofs_;
  return records_->refund(ref, late_proof_digest(binding_.device_thumbprint, ke3), world_.clock.now());
}

Result<Pins::Proven> Pins::prove(BytesView ke3) {
  if (!login_ || login_->proven || world_.clock.now() - login_->opened >= kLoginLife ||
      !opaque::ke3_is(ke3, login_->server.expected_client_mac)) {
    login_.reset();
    return unproven();
  }
  login_->proven = true;
  return Proven{login_->server.session_key, login_->attempt.status.version};
}

Result<card::PinVerdict> Pins::check_proof(card::PinRef ref) {
  if (!login_ || !login_->proven || login_->ref != ref) return unproven();
  return records_->forgive(ref, login_->attempt);
}

/// The server plays the client.
Result<card::PinVerdict> Pins::compare(card::PinRef ref, const SecretBytes& value) {
  CARDEA_TRY(const auto keys, world_.keys());
  CARDEA_TRY(auto client, opaque::ClientLogin::start(SecretBytes{opaque::password_in(value.expose())}));
  CARDEA_TRY(const auto attempt, records_->spend(ref));
  if (!attempt.paid) return card::PinVerdict{false, attempt.status};
  const auto& expected = attempt.expected;
  CARDEA_TRY(const auto ksf, opaque::parse_ksf(expected.ksf));
  CARDEA_TRY(const auto server, opaque::respond(*keys, expected.record, identifier(ref, expected.nonce),
                                                client.ke1(), context(ref)));
  const auto done = std::move(client).finish(server.ke2, context(ref), ksf);
  if (!done && done.error().code == Errc::denied) return card::PinVerdict{false, attempt.status};
  if (!done) return tl::unexpected{done.error()};
  CARDEA_TRY(const auto verdict, records_->forgive(ref, attempt));
  if (verdict.match && world_.copies != nullptr) {
    CARDEA_CHECK(world_.copies->hold(ref, done->export_key.expose()));
  }
  return verdict;
}

Result<store::PinRecordUpdate> Pins::registered(const card::PinUpdate& update,
                                                const card::PinRegistration& registration) {
  if (!login_ || !login_->proven || login_->new_ref != update.ref) return unproven();
  CARDEA_CHECK(opaque::check_record(registration.record));
  auto told = update;
  told.factory_value = told.factory_value || login_->new_factory_value;
  store::PinRecordUpdate out{
      told.ref,           {login_->new_nonce, to_bytes(opaque::encode(options_.ksf)), registration.record},
      told.factory_value, told.tries_max,
      std::nullopt,       told.replaces,
      of_others(told)};
  if (world_.copies == nullptr) return out;
  CARDEA_TRY(out.secret_copy, world_.copies->accept(update.ref, registration.secret_copy));
  return out;
}

Result<store::PinRecordUpdate> Pins::register_plain(const card::PinUpdate& update, const SecretBytes& value,
                                                    std::optional<FreshSecret>& fresh) {
  CARDEA_TRY(const auto keys, world_.keys());
  const auto ksf = update.factory_value ? kKnownValue : options_.ksf;
  auto nonce = new_nonce();
  CARDEA_TRY(auto client,
             opaque::ClientRegistration::start(SecretBytes{opaque::password_in(value.expose())}));
  CARDEA_TRY(const auto response,
             opaque::registration_response(*keys, identifier(update.ref, nonce), client.request()));
  CARDEA_TRY(auto done, std::move(client).finish(response, ksf));
  store::PinRecordUpdate out{
      update.ref,           {std::move(nonce), to_bytes(opaque::encode(ksf)), std::move(done.record)},
      update.factory_value, update.tries_max,
      std::nullopt,         update.replaces,
      of_others(update)};
  if (world_.copies == nullptr) return out;
  CARDEA_TRY(out.secret_copy, seal_plain(update, done.export_key.expose(), fresh));
  return out;
}

/// Only a card without keys begins with another secret. Once one value needs it, all of them do.
Result<store::SecretCopy> Pins::seal_plain(const card::PinUpdate& update, BytesView export_key,
                                           std::optional<FreshSecret>& fresh) {
  if (!fresh) {
    auto copy = world_.copies->seal(update.ref, export_key);
    const bool keys_are_gone = update.source == card::PinSource::factory_reset;
    if (copy || copy.error().code != Errc::denied || !keys_are_gone) return copy;
    CARDEA_TRY(fresh, world_.copies->fresh());
  }
  return world_.copies->seal_fresh(update.ref, export_key, *fresh);
}

/// Early, for stretching a value takes its time: the transaction looks again.
Result<void> Pins::still_replaces(const card::PinUpdate& update) {
  if (!update.replaces) return {};
  const auto status = records_->status(update.ref);
  if (!status && status.error().code != Errc::not_found) return tl::unexpected{status.error()};
  if ((status ? status->version : 0) != *update.replaces)
    return fail(Errc::conflict, "the PIN has another value by now");
  return {};
}

/// Whether the holder has not chosen the value. A PUK is often the registration authority's, to unblock with,
/// and counts where everybody knows it only.
bool Pins::of_others(const card::PinUpdate& update) const {
  if (update.factory_value) return true;
  return update.ref == card::PinRef::application &&
         (update.source == card::PinSource::issuer || !world_.of_holder);
}

Result<void> Pins::replace(std::span<const card::PinUpdate> updates) {
  std::optional<FreshSecret> fresh;
  auto replaced = replace(updates, fresh);
  if (replaced || !fresh || replaced.error().code != Errc::conflict) return replaced;
  // Another session was first with another secret, which can be opened as long as the issuance lasts.
  fresh.reset();
  return replace(updates, fresh);
}

Result<void> Pins::replace(std::span<const card::PinUpdate> updates, std::optional<FreshSecret>& fresh) {
  // Before copies are made: the transaction refuses those of a secret that was replaced since.
  Bytes public_key;
  if (world_.copies != nullptr) {
    CARDEA_TRY(public_key, world_.copies->public_key());
  }
  std::vector<store::PinRecordUpdate> records;
  records.reserve(updates.size());
  for (const auto& update : updates) {
    if (update.value == nullptr) return fail(Errc::invalid, "a new PIN has no value");
    if (update.tries_max && (*update.tries_max < 1 || *update.tries_max > 255)) {
      return fail(Errc::invalid, "a PIN has 1 to 255 tries");
    }
    CARDEA_CHECK(still_replaces(update));
    if (const auto* plain = std::get_if<card::PlainPin>(update.value)) {
      // Values that the card itself brings, and those that a channel into the card has hidden on the way.
      const bool sent = update.source == card::PinSource::holder || update.source == card::PinSource::issuer;
      if (sent && !plain->through_channel && !options_.allow_plain)
        return fail(Errc::denied, "PINs are not taken in plain text here");
      const bool before = fresh.has_value();
      CARDEA_TRY(auto record, register_plain(update, plain->value, fresh));
      if (fresh && !before && !records.empty())
        return fail(Errc::conflict, "the card's secret was replaced meanwhile");
      records.push_back(std::move(record));
    } else if (const auto* registration = std::get_if<card::PinRegistration>(update.value)) {
      CARDEA_TRY(auto record, registered(update, *registration));
      records.push_back(std::move(record));
    } else {
      return fail(Errc::denied, "a login is no new value");
    }
  }
  if (!fresh) return records_->replace(records, public_key);
  return records_->renew(records, public_key, {to_bytes(fresh->pair.public_key), fresh->copies});
}

/// A PUK that was never set is none that anybody knows.
Result<bool> Pins::to_be_changed(card::PinRef ref) {
  const auto status = records_->status(ref);
  if (!status && status.error().code == Errc::not_found) return false;
  if (!status) return tl::unexpected{status.error()};
  return status->must_change;
}

Result<bool> Pins::change_awaited() {
  if (!world_.issued) return false;
  CARDEA_TRY(bool wanted, to_be_changed(card::PinRef::application));
  if (!wanted) {
    CARDEA_TRY(wanted, to_be_changed(card::PinRef::puk));
  }
  return wanted ? world_.issued() : Result<bool>{false};
}

}  // namespace cardea::service
