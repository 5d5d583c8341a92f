// cardea-witness: reads its command line, serves, waits for the signal to stop. What it answers is
// cosigner.h's affair.
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <fstream>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "cardea/http/router.h"
#include "cardea/http/server.h"
#include "cardea/http/stop_signal.h"
#include "cardea/witness/cosigner.h"

namespace {

using namespace cardea;  // NOLINT(google-build-using-namespace): a program of its own

constexpr int kDone = 0;
constexpr int kRefused = 1;
constexpr int kUsage = 2;
constexpr int kCannotStart = 3;
constexpr std::size_t kMaxBody = 64U << 10U;
constexpr std::chrono::hours kRenewEvery{24};

struct Options {
  std::string state = "/var/lib/cardea-witness";
  std::string name;
  std::string origin;
  std::string key_file;
  bool execute = false;
  bool json = false;
  std::string address = "127.0.0.1";
  std::uint16_t port = 8444;
  bool plain = false;
  std::string certificate;
  std::string certificate_key;
  std::vector<std::string> hosts;
};

int say(int status, const std::string& sentence) {
  std::cerr << "cardea-witness: " << sentence << '\n';
  return status;
}

/// One write a line, so that lines of threads do not mix.
void report(const std::string& line) {
  std::cerr << "cardea-witness: " + line + "\n";
}

std::uint64_t now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(since).count());
}

int init(const Options& o) {
  const auto key = witness::State::init(o.state, o.name);
  if (!key) return say(key.error().code == Errc::invalid ? kUsage : kRefused, key.error().what);
  std::cout << audit::to_text(*key) << '\n';
  return kDone;
}

int trust(const Options& o) {
  std::string text;
  std::ifstream file;
  if (o.key_file != "-") file.open(o.key_file);
  if (!std::getline(o.key_file == "-" ? std::cin : file, text))
    return say(kUsage, o.key_file + ": cannot be read, or is empty");
  const auto key = audit::parse_note_key(text);
  if (!key) return say(kUsage, o.key_file + ": " + key.error().what);
  auto state = witness::State::open(o.state);
  if (!state) return say(kRefused, state.error().what);
  if (const auto done = state->trust(o.origin, *key); !done) return say(kRefused, done.error().what);
  std::cout << "Following " << o.origin << ".\n";
  return kDone;
}

int forget(const Options& o) {
  const auto lock = witness::Lock::take(o.state);
  if (!lock) return say(kRefused, lock.error().what);
  auto state = witness::State::open(o.state);
  if (!state) return say(kRefused, state.error().what);
  const auto log = state->find(o.origin);
  if (!log) return say(kRefused, log.error().what);
  if (!*log) return say(kRefused, o.origin + " is not followed");
  if (!o.execute) {
    std::cout << "Would forget " << o.origin << " with " << (*log)->size
              << " leaves: whoever puts an earlier state of it back goes unnoticed then. Say --execute.\n";
    return kDone;
  }
  if (const auto done = state->forget(o.origin); !done) return say(kRefused, done.error().what);
  std::cout << "Forgot " << o.origin << ".\n";
  return kDone;
}

int show(const Options& o) {
  const auto state = witness::State::open(o.state);
  if (!state) return say(kRefused, state.error().what);
  auto logs = nlohmann::json::array();
  for (const auto& [origin, log] : state->logs()) {
    logs.push_back({{"origin", origin},
                    {"key", audit::to_text(log.key)},
                    {"size", log.size},
                    {"root", audit::base64(log.root)},
                    {"seen", !log.note.empty()}});
  }
  const auto key = audit::to_text(state->key());
  if (o.json) {
    const nlohmann::json out{{"name", state->key().name}, {"key", key}, {"logs", logs}};
    std::cout << out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    return kDone;
  }
  std::cout << "key   " << key << '\n';
  for (const auto& [origin, log] : state->logs()) {
    std::cout << "log   " << origin << ": ";
    if (log.note.empty()) std::cout << "not seen yet\n";
    if (!log.note.empty()) std::cout << log.size << " leaves, root " << audit::base64(log.root) << '\n';
  }
  return kDone;
}

bool is_loopback(const std::string& address) {
  return address == "::1" || address == "localhost" || address.starts_with("127.");
}

Result<std::shared_ptr<http::TlsContext>> tls_of(const Options& o) {
  if (!o.certificate.empty()) return http::TlsContext::load(o.certificate, o.certificate_key, {});
  auto hosts = o.hosts;
  if (o.address != "0.0.0.0" && o.address != "::") hosts.push_back(o.address);
  CARDEA_TRY(const auto files, http::ensure_local_ca(std::filesystem::path{o.state} / "tls", hosts));
  return http::TlsContext::load(files.certificate, files.key, {});
}

http::Router routes(witness::Cosigner& cosigner) {
  return http::Router{{
      {"POST", "/add-checkpoint",
       [&cosigner](http::Request& request) {
         auto answer = cosigner.add_checkpoint(request.body);
         return http::Response{answer.status, answer.content_type, std::move(answer.body), {}};
       }},
      {"GET", "/healthz",
       [](http::Request&) {
         return http::Response{200, "text/plain; charset=utf-8", "ok\n", {}};
       }},
  }};
}

/// New certificates are used as they come; a bad one leaves the old one in use.
void renew(const Options& o, http::Server& server, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock{mutex};
  while (!never.wait_for(lock, stop, kRenewEvery, [&stop] { return stop.stop_requested(); })) {
    if (auto tls = tls_of(o)) {
      server.replace_tls(*std::move(tls));
    } else {
      report(tls.error().what);
    }
  }
}

int serve(const Options& o) {
  if (o.plain && !is_loopback(o.address)) {
    return say(kUsage, "--plain-http is for loopback addresses, behind something that speaks TLS");
  }
  (void)::prctl(PR_SET_DUMPABLE, 0);
  const auto stop_signal = http::StopSignal::arm();
  if (!stop_signal) return say(kCannotStart, stop_signal.error().what);
  const auto lock = witness::Lock::take(o.state);
  if (!lock) return say(kCannotStart, lock.error().what);
  auto state = witness::State::open(o.state);
  if (!state) return say(kCannotStart, state.error().what);
  const auto name = state->key().name;
  const auto logs = state->logs().size();
  witness::Cosigner cosigner{*std::move(state), now, report};
  const auto router = routes(cosigner);
  http::ServerOptions options;
  options.address = o.address;
  options.port = o.port;
  options.threads = 4;
  options.max_connections = 1'000;
  options.max_body = kMaxBody;
  options.grace = std::chrono::seconds{5};
  if (!o.plain) {
    auto tls = tls_of(o);
    if (!tls) return say(kCannotStart, tls.error().what);
    options.tls = *std::move(tls);
  }
  auto server = http::Server::start(options, router);
  if (!server) return say(kCannotStart, server.error().what);
  const std::jthread renewer{[&](const std::stop_token& stop) {
    if (!o.plain) renew(o, **server, stop);
  }};
  report(name + " follows " + std::to_string(logs) + (logs == 1 ? " log" : " logs") + ", at " +
         (o.plain ? "http" : "https") + "://" + o.address + ":" + std::to_string((*server)->port()) + "/");
  stop_signal->wait();
  (*server)->stop();
  return kDone;
}

int run(int argc, char** argv) {
  CLI::App app{
      "cardea-witness: remembers how far the log of a Cardea server has come, on a machine that whoever "
      "runs\n"
      "the server's database has no access to, and cosigns each checkpoint that continues it (C2SP "
      "tlog-witness,\n"
      "cosignature/v1). A database that was put back cannot get a cosignature any more."};
  app.footer(
      "First:       cardea-witness init --name witness.example/1 > witness.key\n"
      "             cardea audit key | cardea-witness trust - --origin cardea.invalid/changes\n"
      "             cardea-witness serve --address 0.0.0.0 --host witness.example\n"
      "Then, in cardead.toml: [witness] url, ca (STATE/tls/ca.pem) and key (witness.key).\n\n"
      "Exit status: 0 done; 1 refused; 2 wrong usage; 3 cannot start (the sentence on stderr says why).");
  app.set_version_flag("--version", "cardea-witness " CARDEA_VERSION);
  Options o;
  app.add_option("--state", o.state, "Directory for the key and what is known of each log.")
      ->envname("CARDEA_WITNESS_STATE")
      ->capture_default_str();
  app.require_subcommand(1);
  app.fallthrough();

  auto* make =
      app.add_subcommand("init", "Make the state directory and a key; print the key to give to servers.");
  make->add_option("--name", o.name,
                   "What cosignatures are signed as, like a URL without scheme: witness.example/1.")
      ->required();
  const auto with_origin = [&o](CLI::App* to) {
    to->add_option("--origin", o.origin, "First line of the log's checkpoints.")->required();
  };
  auto* follow =
      app.add_subcommand("trust", "Follow one more log. A witness that serves already need not be stopped.");
  follow
      ->add_option("KEY", o.key_file,
                   "File with the log's key, as `cardea audit key` prints it; - for stdin.")
      ->required();
  with_origin(follow);
  auto* drop = app.add_subcommand(
      "forget", "Follow a log no longer, so that an earlier state of it can be put back on purpose.");
  with_origin(drop);
  drop->add_flag("--execute", o.execute, "Do it; without this, only say what would be done.");
  auto* print = app.add_subcommand("show", "Print the key, and how far each log had come.");
  print->add_flag("--json", o.json, "As one JSON document.");
  auto* work =
      app.add_subcommand("serve", "Answer POST /add-checkpoint, in the foreground, until SIGTERM or SIGINT.");
  work->add_option("--address", o.address, "Where to listen: a numeric address, or a name of this host.")
      ->capture_default_str();
  work->add_option("--port", o.port, "0 takes any free port.")->capture_default_str();
  auto* certificate = work->add_option("--certificate", o.certificate,
                                       "PEM with its chain. Without it a local CA in STATE/tls issues one; "
                                       "servers are given STATE/tls/ca.pem.");
  work->add_option("--certificate-key", o.certificate_key, "Its key, PEM.")->needs(certificate);
  certificate->needs("--certificate-key");
  work->add_option("--host", o.hosts, "Further names and addresses for the local CA's certificate.");
  work->add_flag("--plain-http", o.plain, "Without TLS, on a loopback address only.")->excludes(certificate);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kDone : kUsage;
  }
  if (make->parsed()) return init(o);
  if (follow->parsed()) return trust(o);
  if (drop->parsed()) return forget(o);
  if (print->parsed()) return show(o);
  return serve(o);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int status = run(argc, argv);
    if (status != kDone || std::cout.flush()) return status;
    return say(kRefused, "standard output cannot be written");
  } catch (const std::exception& e) {
    return say(kCannotStart, e.what());
  }
}
