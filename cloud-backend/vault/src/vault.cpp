#include "cardea/vault/vault.h"

#include <algorithm>
#include <array>

#include "cardea/vault/sealed_key.h"
#include "files.h"
#include "key_vault.h"
#include "maker.h"
#include "pool.h"
#include "versions.h"

namespace cardea::vault {

namespace {

bool is_software(const std::filesystem::path& module) {
  return module.native().starts_with("software:");
}

class PooledVault final : public Vault {
 public:
  PooledVault(Options options, Process::Start start, wire::Request hello)
      : options_{std::move(options)},
        start_{start},
        user_pin_{options_.user_pin.clone()},
        so_pin_{options_.so_pin.clone()},
        maker_{start, options_.generation},
        pool_{std::move(start),
              std::move(hello),
              {options_.workers, options_.recycle_after_operations, options_.recycle_above_bytes,
               options_.timeout, options_.generation}} {}

  Result<void> wait_until_ready() { return pool_.wait_until_ready(); }

  Result<void> ensure_tenant(const std::string& organisation) override {
    return make_version(organisation, versions_.of(organisation).current);
  }

  Result<void> make_version(const std::string& organisation, std::uint32_t version) override {
    if (organisation.empty() || organisation.size() > 255) {
      return fail(Errc::invalid, "an organisation's id has 1 to 255 octets");
    }
    const auto present = find(organisation, version);
    if (present || present.error().code != Errc::not_found) return present;

    const std::lock_guard one_at_a_time{provisioning_};
    if (find(organisation, version)) return {};
    CARDEA_CHECK(provision(organisation, version));
    return find(organisation, version);
  }

  void use_versions(const std::string& organisation, KekVersions versions) override {
    versions_.set(organisation, versions);
  }

  Result<void> change_pin(bool officer, const SecretBytes& old_pin, const SecretBytes& new_pin) override {
    auto request = for_the_token(wire::Op::set_pin);
    request.fields.emplace_back(as_bytes(officer ? std::string_view{"so"} : std::string_view{"user"}));
    request.fields.push_back(old_pin.clone());
    request.fields.push_back(new_pin.clone());
    CARDEA_CHECK(once(request));
    const std::lock_guard lock{pins_};
    (officer ? so_pin_ : user_pin_) = new_pin.clone();
    if (!officer) pool_.set_user_pin(new_pin);
    return {};
  }

  Result<SpareKey> make_spare(const std::string& organisation, card::Algorithm algorithm) override {
    auto request = about(organisation, kPoolCard);
    request.op = wire::Op::generate;
    request.algorithm = algorithm;
    request.kek_version = versions_.of(organisation).current;
    CARDEA_TRY(auto reply, maker_.exchange(request, pool_.hello()));
    return SpareKey{std::move(reply.public_key), std::move(reply.sealed)};
  }
  void rest() override { maker_.rest(); }

  Result<card::KeyHandle> adopt(const std::string& organisation, const std::string& card, card::KeySlot slot,
                                const SpareKey& spare) override {
    auto request = about(organisation, card);
    request.op = wire::Op::adopt;
    request.slot = slot;
    request.algorithm = spare.public_key.algorithm;
    request.public_key = spare.public_key;
    request.sealed = spare.sealed;
    CARDEA_TRY(auto reply, ask(request));
    return card::KeyHandle{request.algorithm, slot, std::move(reply.sealed), spare.public_key};
  }

  Result<Bytes> rewrap(const std::string& organisation, const std::string& card,
                       const card::KeyHandle& key) override {
    auto request = about(organisation, card, key);
    request.op = wire::Op::rewrap;
    request.kek_version = versions_.of(organisation).current;
    CARDEA_TRY(auto reply, ask(request));
    return std::move(reply.sealed);
  }

  Result<card::KeyHandle> settle(const std::string& organisation, const std::string& card,
                                 const card::KeyHandle& key, const ResidentId& id) override {
    auto request = about(organisation, card, key);
    request.op = wire::Op::settle;
    request.fields.emplace_back(BytesView{id});
    CARDEA_TRY(auto reply, ask(request));
    return card::KeyHandle{key.algorithm, key.slot, std::move(reply.sealed), key.public_key};
  }

  Result<void> destroy_resident(const std::string& organisation, const std::string& card,
                                const ResidentId& id) override {
    auto request = about(organisation, card);
    request.op = wire::Op::destroy;
    request.fields.emplace_back(BytesView{id});
    CARDEA_CHECK(ask(request));
    return {};
  }

  Result<card::KeyHandle> make_master(const std::string& organisation, card::KeySlot slot,
                                      card::Algorithm algorithm, unsigned parts) override {
    auto request = about_new(organisation, kMasterCard, slot, algorithm);
    request.op = wire::Op::make_symmetric;
    const std::array<std::uint8_t, 1> octet{static_cast<std::uint8_t>(parts)};
    if (algorithm == card::Algorithm::tdes) request.fields.emplace_back(BytesView{octet});
    return ask_for_key(request);
  }

  Result<card::KeyHandle> import_master(const std::string& organisation, card::KeySlot slot,
                                        card::Algorithm algorithm, const SecretBytes& key) override {
    auto request = about_new(organisation, kMasterCard, slot, algorithm);
    request.op = wire::Op::import_symmetric;
    request.fields.push_back(key.clone());
    return ask_for_key(request);
  }

  Result<Bytes> check_value(const std::string& organisation, const card::KeyHandle& master) override {
    auto request = about(organisation, kMasterCard, master);
    request.op = wire::Op::check_value;
    CARDEA_TRY(const auto reply, ask(request));
    return to_bytes(reply.output.expose());
  }

  Result<card::KeyHandle> derive(const std::string& organisation, const std::string& card, card::KeySlot slot,
                                 card::Algorithm algorithm, const card::KeyHandle& master,
                                 const Derivation& how) override {
    auto request = about_new(organisation, card, slot, algorithm);
    request.op = wire::Op::derive_symmetric;
    request.sealed = master.sealed;
    Bytes parameters{static_cast<std::uint8_t>(master.algorithm), master.slot.reference};
    append_be64(parameters, master.slot.version);
    append(parameters, std::array{static_cast<std::uint8_t>(how.scheme), how.identifier});
    request.fields.emplace_back(BytesView{parameters});
    request.fields.emplace_back(BytesView{how.data});
    return ask_for_key(request);
  }

  [[nodiscard]] bool busy() const override { return pool_.busy(); }

  Result<SecretBytes> tenant_secret(const std::string& organisation, std::string_view label,
                                    std::size_t size) override {
    wire::Request request;
    request.op = wire::Op::tenant_secret;
    request.tenant = organisation;
    const std::array<std::uint8_t, 2> octets{static_cast<std::uint8_t>(size >> 8U),
                                             static_cast<std::uint8_t>(size)};
    if (size > 0xFFFF) return fail(Errc::invalid, "a tenant's secret has at most 512 octets");
    request.fields.emplace_back(as_bytes(label));
    request.fields.emplace_back(BytesView{octets});
    CARDEA_TRY(auto reply, pool_.exchange(request));
    if (reply.error) return tl::unexpected{std::move(*reply.error)};
    return std::move(reply.output);
  }

  Result<TenantSignature> sign_manifest(const std::string& organisation, BytesView digest) override {
    wire::Request request;
    request.op = wire::Op::sign_manifest;
    request.tenant = organisation;
    request.fields.emplace_back(digest);
    CARDEA_TRY(auto reply, with_signing_key(request));
    return TenantSignature{to_bytes(reply.output.expose()), std::move(reply.public_key)};
  }

  Result<card::PublicKey> manifest_key(const std::string& organisation) override {
    wire::Request request;
    request.op = wire::Op::sign_manifest;
    request.tenant = organisation;
    CARDEA_TRY(auto reply, with_signing_key(request));
    return std::move(reply.public_key);
  }

  std::unique_ptr<card::KeyVault> keys_of(const std::string& organisation, const std::string& card) override {
    return make_key_vault(pool_, versions_, abilities_of(organisation), organisation, card,
                          [this](const wire::Request& request) { return with_signing_key(request); });
  }

  Result<void> check() override {
    wire::Request request;
    request.op = wire::Op::status;
    CARDEA_TRY(auto reply, pool_.exchange(request));
    if (reply.error) return fail(Errc::unavailable, reply.error->what);
    if (reply.session_objects != 0)
      return fail(Errc::corrupt, "a signer kept a key longer than its operation");
    return {};
  }

  [[nodiscard]] Stats stats() const override { return pool_.stats(); }

 private:
  [[nodiscard]] Abilities abilities_of(const std::string& organisation) const {
    const auto& listed = options_.session_organisations;
    return {options_.session_keys || std::ranges::find(listed, organisation) != listed.end(),
            is_software(options_.module)};
  }

  static wire::Request about(const std::string& organisation, const std::string& card) {
    wire::Request request;
    request.tenant = organisation;
    request.card = card;
    return request;
  }
  static wire::Request about(const std::string& organisation, const std::string& card,
                             const card::KeyHandle& key) {
    auto request = about(organisation, card);
    request.slot = key.slot;
    request.algorithm = key.algorithm;
    request.public_key = key.public_key;
    request.sealed = key.sealed;
    return request;
  }

  /// For a key that is yet to be sealed.
  [[nodiscard]] wire::Request about_new(const std::string& organisation, const std::string& card,
                                        card::KeySlot slot, card::Algorithm algorithm) const {
    auto request = about(organisation, card);
    request.slot = slot;
    request.algorithm = algorithm;
    request.kek_version = versions_.of(organisation).current;
    return request;
  }
  Result<card::KeyHandle> ask_for_key(const wire::Request& request) {
    CARDEA_TRY(auto reply, ask(request));
    return card::KeyHandle{request.algorithm, request.slot, std::move(reply.sealed),
                           std::move(reply.public_key)};
  }

  /// Makes whatever the tenant lacks of a version, in a process of its own. Under `provisioning_`.
  Result<void> provision(const std::string& organisation, std::uint32_t version) {
    auto request = for_the_token(wire::Op::make_tenant);
    request.tenant = organisation;
    request.kek_version = version;
    {
      const std::lock_guard lock{pins_};
      auto so_pin = so_pin_.clone();
      if (so_pin.empty() && !options_.so_pin_file.empty()) {
        CARDEA_TRY(so_pin, read_secret_file(options_.so_pin_file));
      }
      request.fields.push_back(std::move(so_pin));
      request.fields.push_back(user_pin_.clone());
    }
    return once(request);
  }

  /// A request that needs one of the tenant's signing keys. A tenant of old has none yet and gets them now.
  Result<wire::Reply> with_signing_key(const wire::Request& request) {
    CARDEA_TRY(auto reply, pool_.exchange(request));
    if (reply.error && reply.error->code == Errc::not_found) {
      const std::lock_guard one_at_a_time{provisioning_};
      CARDEA_CHECK(find(request.tenant, 1));
      CARDEA_CHECK(provision(request.tenant, 1));
      CARDEA_TRY(reply, pool_.exchange(request));
    }
    if (reply.error) return tl::unexpected{std::move(*reply.error)};
    return reply;
  }

  Result<wire::Reply> ask(const wire::Request& request) {
    CARDEA_TRY(auto reply, pool_.exchange(request));
    if (reply.error) return tl::unexpected{std::move(*reply.error)};
    return reply;
  }

  Result<void> find(const std::string& organisation, std::uint32_t version) {
    wire::Request request;
    request.op = wire::Op::find_tenant;
    request.tenant = organisation;
    request.kek_version = version;
    CARDEA_CHECK(ask(request));
    return {};
  }

  /// The beginning of what a one-shot worker is told.
  [[nodiscard]] wire::Request for_the_token(wire::Op op) const {
    wire::Request request;
    request.op = op;
    request.fields.emplace_back(as_bytes(options_.module.native()));
    request.fields.emplace_back(as_bytes(options_.token_label));
    return request;
  }

  Result<void> once(const wire::Request& request) {
    CARDEA_TRY(auto process, Process::spawn(start_));
    CARDEA_TRY(auto reply, process.exchange(request));
    if (reply.error) return tl::unexpected{std::move(*reply.error)};
    return {};
  }

  const Options options_;
  const Process::Start start_;
  Versions versions_;
  std::mutex provisioning_;
  std::mutex pins_;
  SecretBytes user_pin_;
  SecretBytes so_pin_;
  Maker maker_;
  Pool pool_;
};

}  // namespace

Result<std::unique_ptr<Vault>> Vault::open(Options options) {
  if (options.signer.empty()) options.signer = default_signer();
  const bool softhsm = !options.softhsm_config.empty();
  if (options.so_pin_file.empty() && softhsm) {
    const auto beside = std::filesystem::path{options.softhsm_config}.parent_path() / "so.pin";
    if (std::error_code ignored; std::filesystem::exists(beside, ignored)) options.so_pin_file = beside;
  }
  Process::Start start{options.signer, options.environment, options.timeout};
  if (softhsm) start.environment.push_back("SOFTHSM2_CONF=" + options.softhsm_config);

  // A network HSM's module needs its socket; SoftHSM needs none of what the filter takes away.
  const bool confined = softhsm || is_software(options.module);
  const std::array<std::uint8_t, 1> sandbox{static_cast<std::uint8_t>(confined ? 1 : 0)};
  wire::Request hello;
  hello.op = wire::Op::hello;
  hello.fields.emplace_back(as_bytes(options.module.native()));
  hello.fields.emplace_back(as_bytes(options.token_label));
  hello.fields.push_back(options.user_pin.clone());
  hello.fields.emplace_back(BytesView{sandbox});

  auto vault = std::make_unique<PooledVault>(std::move(options), std::move(start), std::move(hello));
  CARDEA_CHECK(vault->wait_until_ready());
  return vault;
}

}  // namespace cardea::vault
