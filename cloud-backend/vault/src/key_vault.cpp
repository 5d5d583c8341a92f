#include "key_vault.h"

#include <array>
#include <atomic>
#include <new>

#include "cardea/vault/sealed_key.h"
#include "octets.h"

namespace cardea::vault {

namespace {

using card::Algorithm;
using card::KeyHandle;
using card::KeySlot;
using wire::Op;

/// The version that a handle names, without looking at the rest of it.
std::uint32_t handle_version(BytesView sealed) {
  Reader read{sealed};
  (void)read.take(2);
  return static_cast<std::uint32_t>(read.number(4));
}

class PooledKeyVault final : public card::KeyVault {
 public:
  PooledKeyVault(Pool& pool, const Versions& versions, Abilities abilities, std::string organisation,
                 std::string card, AskWithSigningKey signing)
      : pool_{pool},
        versions_{versions},
        abilities_{abilities},
        organisation_{std::move(organisation)},
        card_{std::move(card)},
        signing_{std::move(signing)} {}

  PooledKeyVault(const PooledKeyVault&) = delete;
  PooledKeyVault& operator=(const PooledKeyVault&) = delete;
  ~PooledKeyVault() override { PooledKeyVault::end_session(); }

  [[nodiscard]] bool supports(Algorithm algorithm) const override {
    return known_algorithm(static_cast<std::uint8_t>(algorithm)) &&
           (abilities_.curve25519 || !card::is_25519(algorithm));
  }

  Result<KeyHandle> generate(KeySlot slot, Algorithm algorithm) override {
    return make(Op::generate, slot, algorithm, {});
  }

  Result<KeyHandle> import_rsa(KeySlot slot, Algorithm algorithm,
                               const card::RsaPrivateParts& parts) override {
    std::vector<SecretBytes> fields;
    fields.reserve(5);
    for (const auto* part : {&parts.p, &parts.q, &parts.dp, &parts.dq, &parts.qinv})
      fields.push_back(part->clone());
    return make(Op::import_rsa, slot, algorithm, std::move(fields));
  }

  Result<KeyHandle> import_ec(KeySlot slot, Algorithm algorithm, const SecretBytes& scalar) override {
    return make(Op::import_ec, slot, algorithm, one(scalar.expose()));
  }

  Result<KeyHandle> import_symmetric(KeySlot slot, Algorithm algorithm, const SecretBytes& key) override {
    return make(Op::import_symmetric, slot, algorithm, one(key.expose()));
  }

  Result<SecretBytes> rsa_private(const KeyHandle& key, BytesView block) override {
    return use(Op::rsa_private, key, block);
  }

  Result<Bytes> ecdsa_sign(const KeyHandle& key, BytesView digest) override {
    CARDEA_TRY(const auto signature, use(Op::ecdsa_sign, key, digest));
    return to_bytes(signature.expose());
  }

  Result<Bytes> eddsa_sign(const KeyHandle& key, BytesView message) override {
    CARDEA_TRY(const auto signature, use(Op::eddsa_sign, key, message));
    return to_bytes(signature.expose());
  }

  Result<SecretBytes> ecdh(const KeyHandle& key, BytesView peer) override { return use(Op::ecdh, key, peer); }

  Result<SecretBytes> encrypt_block(const KeyHandle& key, BytesView block) override {
    return use(Op::encrypt_block, key, block);
  }

  Result<SecretBytes> decrypt_block(const KeyHandle& key, BytesView block) override {
    return use(Op::decrypt_block, key, block);
  }

  Result<Bytes> attest(const KeyHandle& key, const card::AttestationFacts& facts) override {
    auto question = request(Op::attest, key.slot, key.algorithm);
    question.public_key = key.public_key;
    question.sealed = key.sealed;
    Bytes octets = to_bytes(facts.version);
    append_be32(octets, facts.serial);
    append(octets, std::array{facts.pin_policy, facts.touch_policy, facts.form_factor});
    question.fields = one(octets);
    CARDEA_TRY(const auto reply, signing_(question));
    return to_bytes(reply.output.expose());
  }

  Result<Bytes> attestation_certificate() override {
    CARDEA_TRY(const auto reply, signing_(request(Op::attestation_certificate, {}, Algorithm::p256)));
    return to_bytes(reply.output.expose());
  }

  void end_session() noexcept override {
    if (!kept_.exchange(false)) return;
    try {
      pool_.forget(organisation_, card_);
    } catch (const std::bad_alloc&) {
      kept_ = true;  // at the next chance; else the keys go by idling
    }
  }

  // A wrapped key has no trace in the HSM.
  Result<void> discard(const KeyHandle& key) override {
    const auto handle = SealedKey::parse(key.sealed);
    if (!handle || handle->mode != SealedKey::kModeResident) return {};
    auto question = request(Op::destroy, key.slot, key.algorithm);
    question.fields = one(handle->wrapped);
    CARDEA_CHECK(ask(question));
    return {};
  }

 private:
  static std::vector<SecretBytes> one(BytesView value) {
    std::vector<SecretBytes> fields;
    fields.emplace_back(value);
    return fields;
  }

  [[nodiscard]] wire::Request request(Op op, KeySlot slot, Algorithm algorithm) const {
    wire::Request out;
    out.op = op;
    out.tenant = organisation_;
    out.card = card_;
    out.slot = slot;
    out.algorithm = algorithm;
    return out;
  }

  Result<wire::Reply> ask(const wire::Request& question) {
    if (!supports(question.algorithm))
      return fail(Errc::unsupported, "the vault does not know this algorithm");
    CARDEA_TRY(auto reply, pool_.exchange(question));
    if (reply.error) return tl::unexpected{std::move(*reply.error)};
    return reply;
  }

  Result<KeyHandle> make(Op op, KeySlot slot, Algorithm algorithm, std::vector<SecretBytes> fields) {
    auto question = request(op, slot, algorithm);
    question.kek_version = versions_.of(organisation_).current;
    question.fields = std::move(fields);
    CARDEA_TRY(auto reply, ask(question));
    return KeyHandle{algorithm, slot, std::move(reply.sealed), std::move(reply.public_key)};
  }

  Result<SecretBytes> use(Op op, const KeyHandle& key, BytesView input) {
    if (handle_version(key.sealed) < versions_.of(organisation_).oldest) {
      return fail(Errc::corrupt, "the key is wrapped by a key-encryption key that was retired");
    }
    auto question = request(op, key.slot, key.algorithm);
    question.public_key = key.public_key;
    question.sealed = key.sealed;
    question.keep = abilities_.session_keys;
    question.fields = one(input);
    if (question.keep) kept_ = true;
    CARDEA_TRY(auto reply, ask(question));
    return std::move(reply.output);
  }

  Pool& pool_;
  const Versions& versions_;
  const Abilities abilities_;
  std::atomic<bool> kept_{false};  // something of this session may be in a worker
  const std::string organisation_;
  const std::string card_;
  const AskWithSigningKey signing_;
};

}  // namespace

std::unique_ptr<card::KeyVault> make_key_vault(Pool& pool, const Versions& versions, Abilities abilities,
                                               std::string organisation, std::string card,
                                               AskWithSigningKey signing) {
  return std::make_unique<PooledKeyVault>(pool, versions, abilities, std::move(organisation), std::move(card),
                                          std::move(signing));
}

}  // namespace cardea::vault
