#include "cardea/cardead/daemon.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>

#include "cardea/api/http.h"
#include "cardea/http/interface.h"
#include "cardea/http/server.h"
#include "cardea/identity/token_issuer.h"
#include "cardea/keyring/pool_key.h"
#include "cardea/unseal/keeper.h"
#include "cardea/unseal/local_share.h"
#include "log.h"
#include "watcher.h"
#include "witnesses.h"

namespace cardea::cardead {
namespace {

constexpr std::chrono::seconds kSweepEvery{5};
constexpr std::chrono::seconds kGuardEvery{1};
constexpr std::chrono::hours kRenewEvery{24};
constexpr unsigned kAdminThreads = 2;
/// Both servers stop one after the other, and service managers lose patience after 15 seconds.
constexpr std::chrono::seconds kAdminGrace{2};
constexpr std::chrono::seconds kPublicGrace{10};

unsigned thread_count(const config::Server& server) {
  if (server.threads != 0) return server.threads;
  // More than processors: a thread that waits for the HSM or for a commit is not at work.
  return std::clamp(4 * std::thread::hardware_concurrency(), 8U, 64U);
}

Result<void> prepare_directory(const std::filesystem::path& directory) {
  std::error_code error;
  if (!std::filesystem::exists(directory, error)) {
    std::filesystem::create_directories(directory, error);
    if (!error) std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
    if (error)
      return fail(Errc::unavailable,
                  "cannot make the data directory " + directory.string() + ": " + error.message());
  }
  if (!std::filesystem::is_directory(directory, error)) {
    return fail(Errc::invalid, "the data directory " + directory.string() + " is not a directory");
  }
  if (::access(directory.c_str(), R_OK | W_OK | X_OK) != 0) {
    return fail(Errc::denied, "the data directory " + directory.string() + " is not writable: " +
                                  std::error_code{errno, std::generic_category()}.message());
  }
  return {};
}

/// The first line of a file that holds a PIN.
Result<SecretBytes> read_pin(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return fail(Errc::not_found, "cannot read vault.pin_file " + file.string() + ": " +
                                     std::error_code{errno, std::generic_category()}.message());
  }
  SecretBytes room{256};
  const auto size = ::read(fd, room.expose().data(), room.size());
  ::close(fd);
  if (size < 0) return fail(Errc::unavailable, "cannot read vault.pin_file " + file.string());
  const auto text = BytesView{room.expose()}.first(static_cast<std::size_t>(size));
  const auto end =
      std::find_if(text.begin(), text.end(), [](std::uint8_t c) { return c == '\n' || c == '\r'; });
  const auto line = text.first(static_cast<std::size_t>(end - text.begin()));
  if (line.empty()) return fail(Errc::invalid, "vault.pin_file " + file.string() + " is empty");
  return SecretBytes{line};
}

/// The token without its PINs. `owned`: they are kept in shares, and there are no files of them.
Result<vault::Options> vault_options(const config::Settings& settings, bool owned) {
  vault::Options options;
  options.signer = settings.vault.signer.empty() ? vault::default_signer() : settings.vault.signer;
  options.workers = settings.vault.workers;
  options.token_label = settings.vault.token_label;
  options.session_keys = settings.vault.keys == config::KeyLife::session;
  options.session_organisations = settings.vault.session_organisations;
  const auto& data = settings.server.data_directory;
  if (settings.vault.kind == config::VaultKind::software) {
    CARDEA_TRY(const auto token, vault::init_software(data / "software", options.signer));
    options.module = token.module;
    options.token_label = token.token_label;
    return options;
  }
  if (settings.vault.kind == config::VaultKind::softhsm) {
    CARDEA_TRY(const auto softhsm, vault::init_softhsm(data / "softhsm", options.signer, owned));
    options.module = softhsm.module;
    options.token_label = softhsm.token_label;
    options.softhsm_config = softhsm.config_file;
    return options;
  }
  options.module = settings.vault.module;
  // Modules find their configuration by variables of their own (SOFTHSM2_CONF, ChrystokiConfigurationPath …):
  // the operator sets them for the server, and nothing secret is among them.
  for (char** variable = environ; *variable != nullptr; ++variable)
    options.environment.emplace_back(*variable);
  return options;
}

/// Where the PINs stand before the server has taken the token over: the user's, then the security officer's.
std::vector<std::filesystem::path> pin_files(const config::Settings& settings) {
  const auto& data = settings.server.data_directory;
  if (settings.vault.kind == config::VaultKind::software) return {data / "software" / "root.key"};
  if (settings.vault.kind == config::VaultKind::pkcs11) {
    if (settings.vault.pin_file.empty()) return {};
    return {settings.vault.pin_file};
  }
  return {data / "softhsm" / "token" / "user.pin", data / "softhsm" / "token" / "so.pin"};
}

Result<unseal::Secrets> plain_pins(const config::Settings& settings) {
  CARDEA_CHECK(vault_options(settings, false));  // makes a token, with its PINs, where there is none
  const auto files = pin_files(settings);
  if (files.empty()) return fail(Errc::not_found, "vault.pin_file names no file, and no shares were made");
  unseal::Secrets secrets;
  CARDEA_TRY(secrets.user, read_pin(files.front()));
  if (settings.vault.kind == config::VaultKind::software) secrets.officer = secrets.user.clone();
  if (files.size() > 1) {
    CARDEA_TRY(secrets.officer, read_pin(files.back()));
  }
  return secrets;
}

keyring::Options keyring_options(const config::Settings& settings, SecretBytes pool_key, const Log& log) {
  const auto& pool = settings.pool;
  keyring::Options options;
  options.pool = {{card::Algorithm::rsa2048, pool.rsa2048},
                  {card::Algorithm::rsa3072, pool.rsa3072},
                  {card::Algorithm::rsa4096, pool.rsa4096},
                  {card::Algorithm::p256, pool.p256},
                  {card::Algorithm::p384, pool.p384}};
  options.resident = {settings.vault.resident_keys, settings.vault.resident_keys_each()};
  options.pool_key = std::move(pool_key);
  options.report = [&log](bool good, std::string_view event, std::string_view detail) {
    log.write(good ? Level::info : Level::warn, event, {{"detail", detail}});
  };
  return options;
}

service::IssuingOptions issuing_options(const config::Issuing& issuing) {
  return {issuing.blank_cards, issuing.blank_life, issuing.required_slots, issuing.uid_attributes};
}

service::FactoryValues factory_values(const config::Issuing& issuing) {
  return {issuing.factory_pins, issuing.factory_pin_organisations, issuing.factory_management_key,
          issuing.factory_management_key_organisations};
}

/// The sentence, with what it is about in front.
tl::unexpected<Error> because(const char* what, const Error& error) {
  return fail(error.code, std::string{what} + ": " + error.what);
}

class RunningDaemon final : public Daemon {
 public:
  explicit RunningDaemon(const config::Settings& settings) : settings_{settings}, log_{settings.log} {}
  RunningDaemon(const RunningDaemon&) = delete;
  RunningDaemon& operator=(const RunningDaemon&) = delete;
  ~RunningDaemon() override { stop_everything(); }

  [[nodiscard]] std::uint16_t port() const override { return public_->port(); }
  [[nodiscard]] std::filesystem::path ca_file() const override { return ca_file_; }
  void stop() override { stop_everything(); }

  Result<void> renew_certificate() override {
    auto tls = tls_context();
    if (!tls) {
      log_.write(Level::error, "tls.renew", {{"success", "false"}, {"reason", tls.error().what}});
      return tl::unexpected{std::move(tls).error()};
    }
    public_->replace_tls(*std::move(tls));
    log_.write(Level::info, "tls.renew", {{"success", "true"}});
    return {};
  }

  Result<void> run() {
    CARDEA_CHECK(prepare_directory(settings_.server.data_directory));
    CARDEA_CHECK(open_stores());
    CARDEA_CHECK(compose());
    CARDEA_CHECK(listen());
    serving_ = public_.get();
    wait_for_shares();
    look_after_log();
    guard_ = each_second([this] {
      integrity_->tick();
      destroy_orphans();
    });
    // Apart, because a witness that does not answer must not keep cards from being frozen.
    asker_ = each_second([this] { integrity_->ask_witness(); });
    sweeper_ = std::jthread{[this](const std::stop_token& stop) { sweep(stop); }};
    const auto where = settings_.server.address + ":" + std::to_string(port());
    log_.write(Level::info, "cardead.ready",
               {{"address", where}, {"data", settings_.server.data_directory.string()}});
    return {};
  }

 private:
  Result<void> open_stores() {
    auto database = store::Database::open({settings_.server.data_directory / "cardea.db"});
    if (!database) return because("the database cannot be opened", std::move(database).error());
    database_ = *std::move(database);
    CARDEA_CHECK(keep_token());
    auto pool_key = keyring::pool_key_file(settings_.server.data_directory / "pool.key");
    if (!pool_key) return because("the key of the key pool cannot be read", std::move(pool_key).error());
    vault_.emplace(*database_, *clock_, *rng_, keyring_options(settings_, *std::move(pool_key), log_));
    keeper_.emplace(settings_.server.data_directory / "unseal.json", keeper_ports(), *clock_);
    const auto owned = keeper_->owned();
    if (!owned) return because("the vault cannot be opened", owned.error());
    waits_for_shares_ = *owned || settings_.vault.unseal != config::Unseal::file;
    if (waits_for_shares_) return {};
    auto opened = keeper_->open_plain();
    if (!opened) return because("the vault cannot be opened", std::move(opened).error());
    return {};
  }

  unseal::Ports keeper_ports() {
    unseal::Ports ports;
    ports.open = [this](const SecretBytes& user,
                        const SecretBytes& officer) -> Result<std::unique_ptr<vault::Vault>> {
      CARDEA_TRY(const auto owned, keeper_->owned());
      CARDEA_TRY(auto options, vault_options(settings_, owned));
      options.user_pin = user.clone();
      options.so_pin = officer.clone();
      return vault::Vault::open(std::move(options));
    };
    ports.accept = [this](std::unique_ptr<vault::Vault> vault) -> Result<void> {
      CARDEA_CHECK(vault_->open(std::move(vault)));
      if (waits_for_shares_) log_.write(Level::info, "vault.unsealed", {});
      return {};
    };
    ports.in_use = [this]() -> vault::Vault* { return vault_->sealed() ? nullptr : &*vault_; };
    ports.plain = [this] { return plain_pins(settings_); };
    ports.plain_files = pin_files(settings_);
    ports.explain = [this](std::string sentence) { vault_->explain(std::move(sentence)); };
    return ports;
  }

  /// The share that this machine keeps for itself.
  Result<std::optional<unseal::Share>> local_share() const {
    if (settings_.vault.unseal != config::Unseal::sealed) return std::nullopt;
    if (settings_.vault.local_share == config::LocalShare::credential) return unseal::share_from_credential();
    return unseal::share_from_tpm(settings_.vault.tpm, settings_.server.data_directory / "unseal.tpm");
  }

  /// Once administrators can be heard.
  void wait_for_shares() {
    if (!waits_for_shares_) return;
    if (const auto done = keeper_->wait(local_share()); !done) {
      log_.write(Level::error, "vault.local_share", {{"reason", done.error().what}});
    }
    if (vault_->sealed()) log_.write(Level::warn, "vault.sealed", {{"reason", keeper_->status().sentence}});
  }

  /// A token is made at the first start only: a new one beside cards whose keys the old one protects would
  /// hide the loss until the first signature fails, and would be in the way of a backup.
  Result<void> keep_token() {
    if (settings_.vault.kind == config::VaultKind::pkcs11) return {};
    const auto* kind = settings_.vault.kind == config::VaultKind::software ? "software" : "softhsm";
    const auto token = settings_.server.data_directory / kind / "token";
    if (std::error_code ignored; std::filesystem::exists(token, ignored)) return {};
    CARDEA_TRY(const auto organisations, database_->organisations());
    if (organisations.empty()) return {};
    return fail(Errc::corrupt, "the vault cannot be opened: " + token.string() +
                                   " is gone, and the database holds cards of it: restore it from a backup; "
                                   "its keys cannot be made again");
  }

  Result<void> compose() {
    auto issuer = identity::TokenIssuer::open(settings_.server.data_directory);
    if (!issuer) return because("the key of access tokens cannot be read", std::move(issuer).error());
    issuer_.emplace(*std::move(issuer));
    devices_.emplace(*database_);
    enrolment_.emplace(*database_, *clock_);
    authenticator_.emplace(*issuer_, *devices_, *clock_);
    const service::World world{*database_, *vault_, *devices_, *crypto_,        *cipher_,
                               *clock_,    *rng_,   watcher_,  &factory_values_};
    const auto& limits = settings_.limits;
    const auto& pin = settings_.pin;
    const service::PinOptions pins{pin.allow_plain,
                                   {api::opaque::Ksf::Function::argon2id, pin.ksf_memory_kib, pin.ksf_passes},
                                   pin.channel_binding == config::ChannelBinding::require,
                                   pin.must_change,
                                   pin.must_change_organisations};
    sessions_.emplace(world,
                      service::SessionLimits{limits.sessions, limits.sessions_per_device, limits.session_idle,
                                             limits.session_lifetime},
                      pins);
    cards_.emplace(world, *sessions_);
    const auto& recovery = settings_.recovery;
    if (const auto known = service::check_attributes(settings_.issuing.uid_attributes); !known)
      return because("issuing.uid_attributes", known.error());
    issuing_.emplace(world, *sessions_, *cards_, issuing_options(settings_.issuing));
    recovery_.emplace(world, *cards_, pins,
                      service::RecoveryLimits{recovery.link_life, recovery.attempts, recovery.links_a_day});
    directory_.emplace(world, *sessions_, *enrolment_);
    key_care_.emplace(world, *vault_);
    card_keys_.emplace(world);
    CARDEA_TRY(auto witnesses, witnesses_of(settings_, *connector_));
    integrity_.emplace(world, *sessions_, std::move(witnesses),
                       [this](std::string_view event, const std::string& what) {
                         const bool good = event == "integrity.begun" || event == "witness.back";
                         log_.write(good ? Level::warn : Level::error, event, {{"reason", what}});
                       });
    look_after_log();  // before anybody is served, where the vault is open already
    auto finished = cards_->finish_interrupted();
    if (!finished) return because("interrupted issuances cannot be finished", std::move(finished).error());
    if (*finished > 0)
      log_.write(Level::warn, "card.create.recovered", {{"cards", std::to_string(*finished)}});
    publish_numbers();
    return {};
  }

  void look_after_log() {
    integrity_->tick();
    integrity_->ask_witness();
    destroy_orphans();
  }

  /// What the list of resident keys says counts only once the log of changes vouches for it. From one thread
  /// at a time.
  void destroy_orphans() {
    if (!integrity_->relied_on()) return;
    const auto done = vault_->destroy_orphans();
    const auto sentence = done ? std::string{} : done.error().what;
    if (!done && sentence != orphans_said_) log_.write(Level::warn, "hsm.orphan", {{"detail", sentence}});
    orphans_said_ = sentence;
  }

  Result<void> listen() {
    const auto& limits = settings_.limits;
    http::ServerOptions options;
    options.max_body = limits.body;
    options.handshake = limits.handshake;
    options.idle = limits.connection_idle;
    options.request = limits.request;
    const http::Application application{
        *sessions_,   *cards_,
        *directory_,  *key_care_,
        *card_keys_,  *authenticator_,
        *database_,   *vault_,
        *keeper_,     [this](const unseal::UnsealKey& key) { return keep_in_tpm(key); },
        metrics_,     *recovery_,
        &*integrity_, &*issuing_};

    auto open = options;
    open.address = settings_.server.address;
    open.port = settings_.server.port;
    open.threads = thread_count(settings_.server);
    open.max_connections = limits.connections;
    open.grace = kPublicGrace;
    CARDEA_TRY(open.tls, tls_context());
    CARDEA_TRY(public_, http::Server::start(open, http::make_router({http::public_routes(application),
                                                                     http::recovery_routes(application),
                                                                     http::issuing_routes(application)})));

    auto local = options;
    local.unix_socket = settings_.server.data_directory / "admin.sock";
    local.threads = kAdminThreads;
    local.max_connections = 64;
    local.grace = kAdminGrace;
    CARDEA_TRY(
        admin_,
        http::Server::start(
            local, http::make_router(
                       {http::admin_routes(application), http::key_routes(application),
                        http::card_key_routes(application), http::unseal_routes(application),
                        http::recovery_admin_routes(application), http::issuing_admin_routes(application),
                        http::integrity_routes(application), http::public_routes(application)})));
    return {};
  }

  Result<void> keep_in_tpm(const unseal::UnsealKey& key) const {
    return unseal::save_in_tpm(settings_.vault.tpm, settings_.server.data_directory / "unseal.tpm", key);
  }

  Result<std::shared_ptr<http::TlsContext>> tls_context() {
    const auto& tls = settings_.tls;
    if (!tls.certificate.empty()) return http::TlsContext::load(tls.certificate, tls.key, tls.client_ca);
    auto names = tls.names;
    if (settings_.server.address != "0.0.0.0" && settings_.server.address != "::") {
      names.push_back(settings_.server.address);
    }
    CARDEA_TRY(const auto files, http::ensure_local_ca(settings_.server.data_directory / "tls", names));
    // Once, before there are threads: each renewal would write what others read, and it is the same.
    if (ca_file_.empty()) ca_file_ = files.ca;
    return http::TlsContext::load(files.certificate, files.key, tls.client_ca);
  }

  void publish_numbers() {
    const auto gauge = [this](const char* name, const char* help, const char* kind, auto read) {
      metrics_.value(name, help, kind, [read] { return static_cast<double>(read()); });
    };
    auto* sessions = &*sessions_;
    auto* database = database_.get();
    auto* vault = &*vault_;
    gauge("cardea_sessions", "Open card sessions.", "gauge", [sessions] { return sessions->count(); });
    gauge("cardea_database_commits_total", "Transactions made durable.", "counter",
          [database] { return database->stats().commits; });
    gauge("cardea_database_writes_total", "Callers served by them.", "counter",
          [database] { return database->stats().writes; });
    gauge("cardea_database_wal_bytes", "Size of the write-ahead log.", "gauge",
          [database] { return database->stats().wal_bytes; });
    gauge("cardea_key_operations_total", "Operations of the vault.", "counter",
          [vault] { return vault->stats().operations; });
    gauge("cardea_key_failures_total", "Operations of the vault that failed.", "counter",
          [vault] { return vault->stats().failures; });
    gauge("cardea_signer_restarts_total", "Signers that crashed or hung and were replaced.", "counter",
          [vault] { return vault->stats().restarts; });
    gauge("cardea_signers", "Signers that are alive.", "gauge", [vault] { return vault->stats().alive; });
    gauge("cardea_key_pool_made_total", "Keys made ahead.", "counter",
          [vault] { return vault->pool_stats().made; });
    gauge("cardea_key_pool_used_total", "Keys taken from the pool.", "counter",
          [vault] { return vault->pool_stats().used; });
    gauge("cardea_key_pool_missed_total", "Keys that had to be made because the pool was empty.", "counter",
          [vault] { return vault->pool_stats().missed; });
    gauge("cardea_key_pool_ready", "Keys in the pool.", "gauge", [vault] {
      std::size_t ready = 0;
      const auto pool = vault->pool();
      for (std::size_t i = 0; pool && i < pool->size(); ++i)
        ready += (*pool)[i].ready;
      return ready;
    });
    publish_resident_keys();
    gauge("cardea_sealed", "1 while the server waits for its shares.", "gauge",
          [vault] { return vault->sealed() ? 1 : 0; });
    if (!settings_.witness.url.empty()) publish_witness(*integrity_, metrics_);
    gauge("cardea_connections", "Open connections.", "gauge", [this] { return connection_stats().open; });
    gauge("cardea_connections_refused_total", "Connections over the limit.", "counter",
          [this] { return connection_stats().refused; });
    gauge("cardea_handshake_failures_total", "TLS handshakes that failed.", "counter",
          [this] { return connection_stats().handshake_failures; });
    gauge("cardea_request_timeouts_total", "Connections that were closed for being slow.", "counter",
          [this] { return connection_stats().timeouts; });
  }

  /// By organisation (its id), so that it shows before a card is refused a key.
  void publish_resident_keys() {
    const auto by_organisation = [this](const char* name, const char* help, auto number) {
      metrics_.values(name, help, "gauge", "organisation", [this, number] {
        http::Metrics::Values out;
        const auto all = vault_->resident();
        for (std::size_t i = 0; all && i < all->size(); ++i)
          out.emplace_back((*all)[i].organisation, static_cast<double>(number((*all)[i])));
        return out;
      });
    };
    by_organisation("cardea_resident_keys", "Keys that organisations have in the HSM.",
                    [](const keyring::ResidentStatus& status) { return status.keys; });
    by_organisation("cardea_resident_keys_cap", "How many they may have there.",
                    [](const keyring::ResidentStatus& status) { return status.cap; });
    metrics_.value("cardea_resident_keys_all_cap", "How many all of them may have there together.", "gauge",
                   [this] { return static_cast<double>(vault_->resident_cap()); });
  }

  /// All zero until the server stands: it may be asked for its numbers by its first client.
  [[nodiscard]] http::ServerStats connection_stats() const {
    const auto* server = serving_.load();
    return server != nullptr ? server->stats() : http::ServerStats{};
  }

  void sweep(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock{mutex};
    auto looked = std::chrono::steady_clock::now();
    while (!never.wait_for(lock, stop, kSweepEvery, [&stop] { return stop.stop_requested(); })) {
      sessions_->sweep();
      if (const auto gone = issuing_->sweep(); gone > 0)
        log_.write(Level::info, "card.blank.swept", {{"cards", std::to_string(gone)}});
      if (const auto now = std::chrono::steady_clock::now(); now - looked >= kRenewEvery) {
        looked = now;
        (void)renew_certificate();  // has said in the log what went wrong
      }
    }
  }

  static std::jthread each_second(std::function<void()> work) {
    return std::jthread{[work = std::move(work)](const std::stop_token& stop) {
      std::mutex mutex;
      std::condition_variable_any never;
      std::unique_lock lock{mutex};
      while (!never.wait_for(lock, stop, kGuardEvery, [&stop] { return stop.stop_requested(); }))
        work();
    }};
  }

  void stop_everything() {
    sweeper_.request_stop();
    if (sweeper_.joinable()) sweeper_.join();
    // Administrators first: nothing new is begun while exchanges come to their end.
    if (admin_) admin_->stop();
    if (public_) public_->stop();
    if (sessions_) sessions_->end_all();
    guard_.request_stop();
    asker_.request_stop();
    if (guard_.joinable()) guard_.join();
    if (integrity_) integrity_->tick();  // the last checkpoint covers everything
    if (asker_.joinable()) asker_.join();
    if (!integrity_) return;
    const auto witness = integrity_->witness_status();
    if (witness && !witness->away) integrity_->ask_witness();
  }

  // In the order in which they depend on one another; destroyed the other way round.
  const config::Settings settings_;
  const service::FactoryValues factory_values_{factory_values(settings_.issuing)};
  const Log log_;
  http::Metrics metrics_;
  Watcher watcher_{log_, metrics_};
  std::unique_ptr<card::Crypto> crypto_ = service::make_crypto();
  std::unique_ptr<card::SessionCipher> cipher_ = service::make_session_cipher();
  std::unique_ptr<card::Clock> clock_ = service::make_clock();
  std::unique_ptr<card::Rng> rng_ = service::make_rng();
  std::unique_ptr<store::Database> database_;
  std::optional<keyring::Keyring> vault_;
  std::optional<unseal::Keeper> keeper_;
  bool waits_for_shares_ = false;
  std::string orphans_said_;  ///< why some could not be destroyed the last time
  std::optional<identity::TokenIssuer> issuer_;
  std::optional<identity::DeviceDirectory> devices_;
  std::optional<identity::Enrolment> enrolment_;
  std::optional<identity::Authenticator> authenticator_;
  std::unique_ptr<api::HttpConnector> connector_ = api::make_openssl_connector();
  std::optional<service::CardSessions> sessions_;
  std::optional<service::Cards> cards_;
  std::optional<service::Issuing> issuing_;
  std::optional<service::Recovery> recovery_;
  std::optional<service::Directory> directory_;
  std::optional<service::Integrity> integrity_;
  std::optional<service::KeyCare> key_care_;
  std::optional<service::CardKeys> card_keys_;
  std::filesystem::path ca_file_;
  std::unique_ptr<http::Server> public_;
  std::unique_ptr<http::Server> admin_;
  std::atomic<http::Server*> serving_{nullptr};
  std::jthread sweeper_;
  std::jthread guard_;
  std::jthread asker_;
};

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::start(const config::Settings& settings) {
  auto daemon = std::make_unique<RunningDaemon>(settings);
  CARDEA_CHECK(daemon->run());
  return daemon;
}

}  // namespace cardea::cardead
