// cardea: the administrator's command line. Talks to cardead through its Unix socket.
#include <exception>
#include <iostream>

#include "cardea/utf8.h"
#include "src/commands.h"

namespace {

constexpr int kDone = 0;
constexpr int kRefused = 1;
constexpr int kUsage = 2;
constexpr int kUnreachable = 3;
constexpr int kUnwritten = 4;

using namespace cardea::cli;

std::string sentence_of(const Answer& answer) {
  for (const char* member : {"detail", "title"}) {
    if (answer.body.is_object() && answer.body.contains(member) && answer.body[member].is_string()) {
      return answer.body[member].get<std::string>();
    }
  }
  return "the server refuses with status " + std::to_string(answer.status);
}

void print(const Call& call, const Answer& answer, bool json) {
  if (json) {
    std::cout << answer.body.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
    return;
  }
  if (answer.body.value("dry_run", false)) {
    std::cout << "Dry run: " << call.method << ' ' << call.path << " was not sent. Add --execute to do it.\n";
    return;
  }
  if (!call.sentence.empty()) std::cout << call.sentence << '\n';
  if (call.columns.empty()) return;
  std::cout << sheet(answer.body, call.columns);
}

int run(int argc, char** argv) {
  CLI::App app{"cardea: administers a Cardea server through its Unix socket."};
  app.footer(
      "Exit status: 0 done; 1 the server refuses (a sentence on stderr says why); 2 wrong usage; 3 the "
      "server does not\n"
      "answer; 4 it was done, but what is to be printed cannot be written. Only root and the server's own "
      "user may use the socket.\n\n"
      "Example:\n"
      "  cardea org create 'Example Trust'\n"
      "  cardea user create --org 'Example Trust' --name 'Some Body' --email some@body.example\n"
      "  cardea card create --org 'Example Trust' --user some@body.example\n"
      "  cardea device code --org 'Example Trust' --user some@body.example");
  std::string socket = "/var/lib/cardea/admin.sock";
  app.add_option("--socket", socket, "Socket of the server.")
      ->envname("CARDEA_ADMIN_SOCKET")
      ->capture_default_str();
  app.set_version_flag("--version", "cardea " CARDEA_VERSION);
  bool json = false;
  app.add_flag("--json", json, "Print one JSON document instead of text.");
  Call call;
  bool execute = false;
  declare_commands(app, call, execute);
  // Names and reasons travel in JSON and stand in the audit log.
  for (int i = 1; i < argc; ++i) {
    if (cardea::is_utf8(argv[i])) continue;
    std::cerr << "cardea: argument " << i << " is not text in UTF-8\n";
    return kUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kDone : kUsage;
  }

  auto client = connect_to(socket);
  if (call.act) return call.act(*client, json);
  if (call.destructive && !execute) {
    client = dry_run(std::move(client));
    // Also a dry run says when there is nothing to destroy.
    const auto there = client->send("GET", call.path, nullptr);
    if (there && there->status >= 400) {
      std::cerr << "cardea: " << sentence_of(*there) << '\n';
      return kRefused;
    }
  }
  const auto answer = client->send(call.method, call.path, call.body);
  if (!answer) {
    std::cerr << "cardea: " << answer.error().what << '\n';
    return kUnreachable;
  }
  if (answer->status >= 400) {
    std::cerr << "cardea: " << sentence_of(*answer) << '\n';
    return kRefused;
  }
  if (call.list && !json) {
    std::cout << table(answer->body, call.columns);
  } else {
    print(call, *answer, json);
  }
  return kDone;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int status = run(argc, argv);
    // A code or a key that a full disk swallowed was given to nobody.
    if (status != kDone || std::cout.flush()) return status;
    std::cerr << "cardea: standard output cannot be written\n";
    return kUnwritten;
  } catch (const std::exception& e) {
    std::cerr << "cardea: " << e.what() << '\n';
    return kUnreachable;
  }
}
