// cardead: reads its settings, composes the server, waits for the signal to stop. Decisions are elsewhere.
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <iostream>

#include "cardea/cardead/daemon.h"
#include "cardea/http/stop_signal.h"

namespace {

constexpr int kStopped = 0;
constexpr int kUsage = 2;
constexpr int kCannotStart = 3;
/// As above, but for a reason that only a person puts right: started again and again by a service manager, a
/// wrong PIN would use up the tries of the HSM.
constexpr int kRefused = 4;
/// Seconds from the signal to stop: the grace periods of both servers and a little more.
constexpr unsigned kLastMoment = 13;
constexpr const char* kDefaultFile = "/etc/cardea/cardead.toml";

cardea::Result<cardea::config::Settings> settings_from(const std::string& file, bool named) {
  if (!named && ::access(file.c_str(), F_OK) != 0) return cardea::config::Settings{};
  return cardea::config::load(file);
}

int check_config(const cardea::config::Settings& settings) {
  if (const auto files = cardea::config::check_files(settings); !files) {
    std::cerr << files.error().what << '\n';
    return kUsage;
  }
  std::cout << cardea::config::describe(settings) << "\nconfiguration is good\n";
  if (std::cout.flush()) return kStopped;
  std::cerr << "cardead: standard output cannot be written\n";
  return kCannotStart;
}

int serve(const cardea::config::Settings& settings) {
  if (const auto files = cardea::config::check_files(settings); !files) {
    std::cerr << "cardead: " << files.error().what << '\n';
    return kCannotStart;
  }
  // Card secrets are in this memory: no core dump, no debugger of the same user.
  (void)::prctl(PR_SET_DUMPABLE, 0);
  const auto stop = cardea::http::StopSignal::arm();
  if (!stop) {
    std::cerr << "cardead: " << stop.error().what << '\n';
    return kCannotStart;
  }
  auto daemon = cardea::cardead::Daemon::start(settings);
  if (!daemon) {
    std::cerr << "cardead: " << daemon.error().what << '\n';
    return daemon.error().code == cardea::Errc::denied ? kRefused : kCannotStart;
  }
  stop->wait();
  // What outlasts the grace period (making an RSA key may take a minute) is cut off; the store withstands
  // that at any moment, and the signers end with their server.
  (void)::signal(SIGALRM, [](int) { ::_exit(kStopped); });
  (void)::alarm(kLastMoment);
  (*daemon)->stop();
  return kStopped;
}

int run(int argc, char** argv) {
  CLI::App app{"cardead: the server of Cardea. Holds cards, answers their sessions over HTTPS."};
  app.footer(
      "Exit status: 0 stopped in good order; 2 wrong usage or configuration; 3 cannot start (the sentence on "
      "stderr says\n"
      "whether it is the port, the data directory, the database or the HSM); 4 cannot start before somebody "
      "has "
      "put it\n"
      "right: the HSM refuses its PIN, or a file may not be used. Each start with a wrong PIN spends one of "
      "the "
      "HSM's tries.");
  app.set_version_flag("--version", "cardead " CARDEA_VERSION);
  std::string file = kDefaultFile;
  const auto add_file = [&file](CLI::App& to) {
    return to
        .add_option("--config", file,
                    "Settings, TOML. Without this option a missing default file means all defaults.")
        ->capture_default_str();
  };
  const auto* file_option = add_file(app);
  auto* serve_command =
      app.add_subcommand("serve", "Run in the foreground until SIGTERM or SIGINT (the default).");
  const auto* serve_file = add_file(*serve_command);
  auto* check_command = app.add_subcommand(
      "check-config", "Check the settings and the files they name, and print the effective values.");
  const auto* check_file = add_file(*check_command);
  app.require_subcommand(0, 1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kStopped : kUsage;
  }
  const bool named = file_option->count() + serve_file->count() + check_file->count() > 0;
  const auto settings = settings_from(file, named);
  if (!settings) {
    std::cerr << settings.error().what << '\n';
    return kUsage;
  }
  return check_command->parsed() ? check_config(*settings) : serve(*settings);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << "cardead: " << e.what() << '\n';
    return kCannotStart;
  }
}
