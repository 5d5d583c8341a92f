// cardea-agent: the workstation's daemon, and the tool that speaks to it.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "agent.h"
#include "cardea/api/json.h"
#include "cardea/utf8.h"
#include "control.h"
#include "issue_verbs.h"
#include "issuing.h"
#include "places.h"
#include "platform/process.h"
#include "recovery.h"
#include "state.h"
#include "typed.h"

namespace {

using namespace cardea;
using nlohmann::json;

enum Exit : int { kDone = 0, kRefused = 1, kUsage = 2, kUnreachable = 3 };

int explain(const Error& error) {
  std::cerr << "cardea-agent: " << error.what << '\n';
  return error.code == Errc::unavailable ? kUnreachable : kRefused;
}

json to_json(const api::CardSummary& card) {
  return {{"id", card.id},       {"label", card.label},   {"profile", card.profile},
          {"state", card.state}, {"holder", card.holder}, {"must_change", card.must_change}};
}

/// Why keys that need the PIN answer 6985, for people; empty when they do not.
std::string awaited_change(const json& card) {
  std::string names;
  for (const auto& reference : api::texts_member(card, "must_change"))
    names += (names.empty() ? "" : " and ") + std::string{reference == "puk" ? "PUK" : "PIN"};
  return names.empty() ? names : "  change the " + names + ": its keys answer 6985 until then";
}

json to_json(const agent::InsertedCard::Status& status) {
  auto out = to_json(status.card);
  out["phase"] = agent::name(status.phase);
  out["detail"] = status.detail;
  out["reader"] = status.reader;
  return out;
}

void print_cards(const json& cards, bool with_phase) {
  for (const auto& card : cards) {
    std::cout << card.value("id", "") << "  " << card.value("profile", "") << "  " << card.value("label", "");
    if (with_phase) {
      std::cout << "  " << card.value("reader", "") << ": " << card.value("phase", "");
      if (const auto detail = card.value("detail", ""); !detail.empty()) std::cout << " (" << detail << ')';
    }
    std::cout << awaited_change(card) << '\n';
  }
}

// -- enrol
// ---------------------------------------------------------------------------------------------------------

struct EnrolOptions {
  std::string server;
  std::string ca;
  agent::ClientCertificate client;
  std::string code_file;
  std::string device_name;
};

Result<std::string> read_code(const std::string& file) {
  CARDEA_TRY(const auto line, agent::Typed{file}.secret("enrolment code"));
  const auto octets = line.expose();
  std::string code{octets.begin(), octets.end()};
  while (!code.empty() && std::isspace(static_cast<unsigned char>(code.back())) != 0)
    code.pop_back();
  if (code.empty()) return fail(Errc::invalid, "the enrolment code is empty");
  return code;
}

Result<api::Enrolment> enrol(const agent::State& state, const EnrolOptions& options) {
  CARDEA_TRY(const auto code, read_code(options.code_file));
  if (!options.client.certificate.empty()) CARDEA_CHECK(options.client.read());
  agent::State::Device device;
  CARDEA_TRY(device.server, agent::parse_server_url(options.server));
  CARDEA_CHECK(state.prepare());
  if (!options.ca.empty()) {
    CARDEA_TRY(device.ca_file, state.keep_ca(options.ca));
  }
  CARDEA_TRY(device.key, state.key());
  auto address = device.address();
  address.client_certificate = options.client.certificate;
  address.client_key = options.client.key;
  api::Client client{api::make_system_connector()->connect(address), device.server.text, device.key};
  CARDEA_TRY(auto enrolment,
             client.enrol(code, options.device_name.empty() ? agent::host_name() : options.device_name));
  device.device = enrolment.device;
  device.organisation = enrolment.organisation;
  device.person = enrolment.person;
  CARDEA_TRY(device.client_certificate, state.keep_client_certificate(options.client));
  CARDEA_CHECK(state.save(device));
  return enrolment;
}

// -- run
// -----------------------------------------------------------------------------------------------------------

/// What the server says now of the PINs of cards that are in a reader: they may have changed since. Where it
/// does not say, what was known stays.
void look_again(agent::Agent& daemon, std::vector<agent::InsertedCard::Status>& cards) {
  const auto in_reader = [](const auto& one) { return one.phase == agent::Phase::inserted; };
  if (std::none_of(cards.begin(), cards.end(), in_reader)) return;
  const auto known = daemon.cards();
  if (!known) return;
  for (auto& one : cards) {
    const auto now = std::find_if(known->begin(), known->end(),
                                  [&one](const auto& card) { return card.id == one.card.id; });
    if (now != known->end()) one.card.must_change = now->must_change;
  }
}

Result<json> handle(agent::Agent& daemon, agent::Issuer& issuer, const json& request) {
  const auto verb = request.value("verb", "");
  if (agent::Issuer::knows(verb)) return issuer.handle(request);
  if (verb == "cards") {
    CARDEA_TRY(const auto cards, daemon.cards());
    auto out = json::array();
    for (const auto& card : cards)
      out.push_back(to_json(card));
    return out;
  }
  if (verb == "insert") {
    CARDEA_TRY(const auto status, daemon.insert(request.value("card", "")));
    return to_json(status);
  }
  if (verb == "eject") {
    CARDEA_CHECK(daemon.eject(request.value("card", "")));
    return json::object();
  }
  if (verb == "status") {
    auto cards = json::array();
    auto inserted = daemon.status();
    look_again(daemon, inserted);
    for (const auto& status : inserted)
      cards.push_back(to_json(status));
    const auto& device = daemon.device();
    return json{{"server", device.server.text},
                {"device", device.device},
                {"organisation", device.organisation},
                {"person", device.person},
                {"cards", cards}};
  }
  return fail(Errc::invalid, "no such verb: " + verb);
}

/// Asks until the server has answered or the agent stops: at login the network may not be there yet.
template <class Call>
auto ask_patiently(agent::Agent& daemon, const std::string& what, Call call) -> decltype(call()) {
  constexpr std::chrono::seconds kLongestPause{10};
  for (std::chrono::seconds pause{1};; pause = std::min(pause * 2, kLongestPause)) {
    auto answer = call();
    if (!answer) spdlog::warn("{}: {}", what, answer.error().what);
    if (answer || answer.error().code != Errc::unavailable || daemon.stopped_within(pause)) return answer;
  }
}

/// Inserts at start what the command line asks for.
void insert_at_start(agent::Agent& daemon, const std::vector<std::string>& wanted) {
  std::vector<std::string> names;
  for (const auto& name : wanted) {
    if (name != "all") {
      names.push_back(name);
      continue;
    }
    const auto cards = ask_patiently(daemon, "listing the cards", [&] { return daemon.cards(); });
    if (!cards) continue;
    for (const auto& card : *cards)
      if (agent::among_all(card)) names.push_back(card.id);
  }
  for (const auto& name : names)
    (void)ask_patiently(daemon, "inserting " + name, [&] { return daemon.insert(name); });
}

/// Whether nobody but the caller has the agent any more; those who are just leaving get a moment to do so.
bool left_alone(const std::shared_ptr<agent::Agent>& daemon) {
  constexpr std::chrono::milliseconds kStep{10};
  for (int i = 0; i < 20 && daemon.use_count() > 1; ++i)
    std::this_thread::sleep_for(kStep);
  return daemon.use_count() == 1;
}

struct RunOptions {
  agent::PlaceOptions places;
  agent::ClientCertificate client;
  std::vector<std::string> wanted;
  std::string level = "info";
};

/// The enrolled device; a certificate that the command line names takes the place of the one that is kept.
Result<agent::State::Device> load(const agent::State& state, const agent::ClientCertificate& client) {
  CARDEA_TRY(auto device, state.load());
  if (client.certificate.empty()) return device;
  CARDEA_TRY(device.client_certificate, state.keep_client_certificate(client));
  CARDEA_CHECK(state.save(device));
  return device;
}

int run(const agent::State& state, const RunOptions& options) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("cardea-agent"));
  spdlog::set_level(spdlog::level::from_str(options.level));
  agent::guard_memory();
  agent::StopSignal stop_signal;  // before there are threads

  if (auto prepared = state.prepare(); !prepared) return explain(prepared.error());
  auto device = load(state, options.client);
  if (!device) return explain(device.error());
  auto places = agent::open_places(options.places);
  if (!places) return explain(places.error());
  // Shared with threads that a server which does not answer may keep busy for longer than we wait for them.
  auto daemon = std::make_shared<agent::Agent>(std::move(*device), places->ports);
  spdlog::info("device={} server={}", daemon->device().device, daemon->device().server.text);
  for (const auto& line : agent::describe(options.places))
    spdlog::info("{}", line);

  const auto issuer = std::make_shared<agent::Issuer>(*daemon, state.issuing_file());
  Result<void> served;
  std::jthread control{[&](const std::stop_token& stop) {
    served = agent::serve_control(
        state.control_socket(),
        [daemon, issuer](const json& request) { return handle(*daemon, *issuer, request); }, stop);
    // Without its control socket the daemon is of no use: end the process the way a signal would.
    if (!served) stop_signal.raise();
  }};
  std::thread{[daemon, wanted = options.wanted] { insert_at_start(*daemon, wanted); }}.detach();
  spdlog::info("stopping on {}", stop_signal.wait());
  control.request_stop();
  const bool quiet = daemon->stop();
  places->server.reset();
  control.join();
  const int code = served ? kDone : explain(served.error());
  // What is still waiting for the server would meet a process that takes itself apart.
  if (!quiet || !left_alone(daemon)) {
    spdlog::warn("the server has not answered; leaving without it");
    spdlog::default_logger()->flush();
    std::_Exit(code);
  }
  return code;
}

// -- the tool
// ------------------------------------------------------------------------------------------------------

/// Prints the answer of a running agent, as JSON or by `show`.
template <class Show>
int tell(const agent::State& state, const json& request, bool as_json, Show show) {
  const auto answer = agent::ask(state.control_socket(), request);
  if (!answer) return explain(answer.error());
  if (as_json) {
    std::cout << answer->dump(2) << '\n';
  } else {
    show(*answer);
  }
  return kDone;
}

void show_status(const json& status) {
  std::cout << "server        " << status.value("server", "") << "\ndevice        "
            << status.value("device", "") << "\norganisation  " << status.value("organisation", "") << '\n';
  if (const auto person = status.value("person", ""); !person.empty())
    std::cout << "person        " << person << '\n';
  const auto& cards = status.at("cards");
  std::cout << (cards.empty() ? "no card is inserted\n" : "cards\n");
  print_cards(cards, true);
}

int main_with(const std::vector<std::string>& arguments) {
  CLI::App app{"Cardea's agent on a workstation: enrols it at a server and puts cards into the reader.",
               "cardea-agent"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "cardea-agent " CARDEA_VERSION);
  app.footer(
      "Exit status: 0 done, or stopped by a signal; 1 refused, by the server or because of what is here (the "
      "sentence on stderr\n"
      "says why); 2 wrong usage; 3 the server or the running agent cannot be reached, or something cannot be "
      "written; 4 issue has\n"
      "ended, and cards are left half-issued.");
  std::string state_directory = agent::State::default_directory().string();
  app.add_option("--state-dir", state_directory, "where key and settings of this workstation are kept")
      ->capture_default_str();
  bool as_json = false;

  EnrolOptions enrolment;
  auto* enrol_verb =
      app.add_subcommand("enrol", "make this workstation known to a server, with a one-time code");
  enrol_verb->add_option("--server", enrolment.server, "https://HOST:PORT")
      ->required()
      ->check([](const std::string& text) {
        const auto url = agent::parse_server_url(text);
        return url ? std::string{} : url.error().what;
      });
  enrol_verb->add_option("--ca", enrolment.ca,
                         "PEM file with the server's certificate authority; default: the system's");
  enrolment.client.add_to(*enrol_verb, "a copy of both is kept");
  enrol_verb
      ->add_option("--code-file", enrolment.code_file, "file with the one-time code; - for standard input")
      ->required();
  enrol_verb->add_option("--name", enrolment.device_name,
                         "how the server lists this workstation; default: its host name");

  RunOptions running;
  auto* run_verb = app.add_subcommand("run", "run the daemon in the foreground");
  agent::add_options(*run_verb, running.places);
  running.client.add_to(*run_verb, "from now on, in the place of the one that was kept");
  run_verb->add_option("--insert", running.wanted, "cards to insert at once, by id or label, or 'all'");
  run_verb->add_option("--log-level", running.level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();

  auto* card_noun = app.add_subcommand("card", "cards at the server");
  card_noun->require_subcommand(1);
  auto* list_verb = card_noun->add_subcommand("list", "the cards that this workstation may insert");
  std::string card;
  auto* insert_verb = app.add_subcommand("insert", "put a card into the reader");
  insert_verb->add_option("CARD", card, "id or label")->required();
  auto* eject_verb = app.add_subcommand("eject", "take a card out of the reader");
  eject_verb->add_option("CARD", card, "id or label")->required();
  auto* status_verb = app.add_subcommand("status", "what is inserted, and why something is not");
  for (auto* verb : {enrol_verb, list_verb, insert_verb, eject_verb, status_verb}) {
    verb->add_flag("--json", as_json, "print one JSON document");
  }

  agent::RecoveryVerbs recovery{app};
  agent::IssueVerbs issue{app};

  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (is_utf8(arguments[i])) continue;
    std::cerr << "cardea-agent: argument " << i << " is not text in UTF-8\n";
    return kUsage;
  }
  try {
    app.parse(
        std::vector<std::string>{arguments.rbegin(), arguments.rend() - 1});  // it takes them from the back
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }

  const agent::State state{state_directory};
  if (*run_verb) {
    if (const auto sound = agent::check(running.places); !sound) {
      std::cerr << "cardea-agent: " << sound.error().what << '\n';
      return kUsage;
    }
    return run(state, running);
  }
  if (issue.chosen()) {
    const auto code = issue.run(state);
    return code ? *code : explain(code.error());
  }
  if (recovery.chosen()) {
    const auto done = recovery.run(state);
    return done ? kDone : explain(done.error());
  }
  if (*enrol_verb) {
    const auto done = enrol(state, enrolment);
    if (!done) return explain(done.error());
    if (as_json) {
      std::cout << json{{"device", done->device},
                        {"organisation", done->organisation},
                        {"person", done->person}}
                       .dump(2)
                << '\n';
    } else {
      std::cout << "enrolled as " << done->device << (done->person.empty() ? "" : " for " + done->person)
                << '\n';
    }
    return kDone;
  }
  if (*list_verb)
    return tell(state, {{"verb", "cards"}}, as_json, [](const json& cards) { print_cards(cards, false); });
  if (*insert_verb) {
    return tell(state, {{"verb", "insert"}, {"card", card}}, as_json,
                [](const json& one) { print_cards(json::array({one}), true); });
  }
  if (*eject_verb) return tell(state, {{"verb", "eject"}, {"card", card}}, as_json, [](const json&) {});
  return tell(state, {{"verb", "status"}}, as_json, show_status);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int status = main_with(agent::command_line(argc, argv));
    if (status != kDone || std::cout.flush()) return status;
    std::cerr << "cardea-agent: standard output cannot be written\n";
    return kUnreachable;
  } catch (const std::exception& error) {
    std::cerr << "cardea-agent: " << error.what() << '\n';
    return kUnreachable;
  }
}
