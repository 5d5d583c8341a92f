#include "cardea/vault/vault.h"

#include <array>

#include "files.h"
#include "key_vault.h"
#include "pool.h"

namespace cardea::vault {

namespace {

class PooledVault final : public Vault {
 public:
  PooledVault(Options options, Process::Start start, wire::Request hello)
      : options_{std::move(options)},
        start_{start},
        pool_{std::move(start),
              std::move(hello),
              {options_.workers, options_.recycle_after_operations, options_.recycle_above_bytes,
               options_.timeout, options_.generation}} {}

  Result<void> wait_until_ready() { return pool_.wait_until_ready(); }

  Result<void> ensure_tenant(const std::string& organisation) override {
    if (organisation.empty() || organisation.size() > 255) {
      return fail(Errc::invalid, "an organisation's id has 1 to 255 octets");
    }
    const auto present = find(organisation);
    if (present || present.error().code != Errc::not_found) return present;

    const std::lock_guard one_at_a_time{provisioning_};
    if (find(organisation)) return {};
    SecretBytes so_pin;
    if (!options_.so_pin_file.empty()) {
      CARDEA_TRY(so_pin, read_secret_file(options_.so_pin_file));
    }
    wire::Request request;
    request.op = wire::Op::make_tenant;
    request.tenant = organisation;
    request.fields.emplace_back(as_bytes(options_.module.native()));
    request.fields.emplace_back(as_bytes(options_.token_label));
    request.fields.push_back(std::move(so_pin));
    request.fields.push_back(options_.user_pin.clone());
    CARDEA_TRY(auto process, Process::spawn(start_));
    CARDEA_TRY(auto reply, process.exchange(request));
    if (reply.error) return tl::unexpected{std::move(*reply.error)};
    return find(organisation);
  }

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

  std::unique_ptr<card::KeyVault> keys_of(const std::string& organisation, const std::string& card) override {
    return make_key_vault(pool_, organisation, card);
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
  Result<void> find(const std::string& organisation) {
    wire::Request request;
    request.op = wire::Op::find_tenant;
    request.tenant = organisation;
    CARDEA_TRY(auto reply, pool_.exchange(request));
    if (reply.error) return tl::unexpected{std::move(*reply.error)};
    return {};
  }

  const Options options_;
  const Process::Start start_;
  std::mutex provisioning_;
  Pool pool_;
};

}  // namespace

Result<SecretBytes> Vault::tenant_secret(const std::string&, std::string_view, std::size_t) {
  return fail(Errc::unsupported, "this vault makes no secrets for tenants");
}

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
  const std::array<std::uint8_t, 1> sandbox{static_cast<std::uint8_t>(softhsm ? 1 : 0)};
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
