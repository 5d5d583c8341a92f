#include "issue_verbs.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cardea/api/randomness.h"
#include "cardea/hex.h"
#include "control.h"
#include "platform/input.h"

namespace cardea::agent {

namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

/// Between two looks at the card. The agent answers from memory.
constexpr Milliseconds kLook{100};
constexpr Milliseconds kLongestPause{5000};
/// How long an agent that was killed may take to be there again.
constexpr std::chrono::seconds kAgentReturns{60};

/// What the command line wants.
struct Wishes {
  std::string profile;
  std::string label_prefix;
  std::string card;
  unsigned count = 1;
  double idle = 2.0;  ///< seconds
  bool until_stopped = false;
  bool resume = false;
  bool automatic = false;
  bool on_release = false;
  bool as_json = false;
};

volatile std::sig_atomic_t stop_asked = 0;

void catch_signals() {
  const auto stop = [](int) { stop_asked = 1; };
  (void)std::signal(SIGINT, stop);
  (void)std::signal(SIGTERM, stop);
#ifdef SIGHUP
  (void)std::signal(SIGHUP, stop);
#endif
}

/// Lines that an operator types, read by a thread of their own, since no system waits for a line and for time
/// in the same way. The thread ends with the process.
class Keyboard {
 public:
  Keyboard() {
    if (!interactive_) return;
    std::thread{[shared = shared_] {
      const auto input = Input::standard();
      std::string line;
      for (std::uint8_t octet = 0; input->next(octet) == 1;) {
        if (octet != '\n') {
          if (octet != '\r') line.push_back(static_cast<char>(octet));
          continue;
        }
        const std::lock_guard lock{shared->mutex};
        shared->line = std::exchange(line, {});
      }
    }}.detach();
  }

  [[nodiscard]] bool interactive() const { return interactive_; }
  /// The last line that nobody has taken yet.
  [[nodiscard]] std::optional<std::string> take() {
    const std::lock_guard lock{shared_->mutex};
    return std::exchange(shared_->line, std::nullopt);
  }

 private:
  struct Shared {
    std::mutex mutex;
    std::optional<std::string> line;
  };
  const bool interactive_ = standard_input_is_terminal();
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

/// Names come from people and certificates: what would move the cursor is not printed.
std::string shown(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return text;
}

std::string listed(const json& texts) {
  std::string out;
  for (const auto& text : texts)
    out += (out.empty() ? "" : "; ") + shown(text.get<std::string>());
  return out;
}

/// One run of the verb: from the first card to the last.
class Run {
 public:
  Run(const State& state, Wishes wishes) : socket_{state.control_socket()}, wishes_{std::move(wishes)} {
    Bytes octets(8);
    api::system_randomness()(octets);
    run_ = to_hex(octets);
  }

  Result<int> all() {
    catch_signals();
    while (!stopped() && (wishes_.until_stopped || issued_ < wishes_.count)) {
      CARDEA_TRY(const bool more, one());
      if (!more) break;
    }
    say("end", {{"issued", issued_}, {"left", left_}}, "");
    return left_ > 0 ? IssueVerbs::kHalfIssued : 0;
  }

 private:
  enum class Answer { none, next, skip };

  [[nodiscard]] static bool stopped() { return stop_asked != 0; }

  Result<json> ask(const char* verb, json request = json::object()) const {
    request["verb"] = verb;
    request["run"] = run_;
    return agent::ask(socket_, request);
  }

  /// Asks until there is an answer: a server that restarts loses nothing, and neither do we.
  Result<json> ask_patiently(const char* verb, const json& request = json::object()) {
    bool said = false;
    for (Milliseconds pause = kLook;; pause = std::min(pause * 2, kLongestPause)) {
      auto answer = ask(verb, request);
      if (answer || answer.error().code != Errc::unavailable || stopped() || !agent_runs()) return answer;
      if (!said) say("waiting", {{"reason", answer.error().what}}, "waiting: " + answer.error().what);
      said = true;
      wait(pause);
    }
  }
  [[nodiscard]] bool agent_runs() const { return agent::ask(socket_, {{"verb", "status"}}).has_value(); }

  void say(const char* event, json members, const std::string& line) const {
    if (wishes_.as_json) {
      members["event"] = event;
      std::cout << members.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
    } else if (!line.empty()) {
      std::cout << line << std::endl;
    }
  }

  /// False when there is nothing more to present.
  Result<bool> one() {
    began_ = Clock::now();
    ++number_;
    for (bool again = false;; again = true) {
      CARDEA_TRY(const auto begun, begin(number_ > 1 || again));
      if (begun.contains("none")) return false;
      wishes_.card.clear();  // the one that was named comes first, and once
      if (const auto done = begun.find("done"); done != begun.end()) {
        tell_issued(*done, !again);
        return true;
      }
      tell_presented(begun.at("card"), begun.value("resumed", false));
      auto went_on = serve(begun.value("resumed", false));
      if (went_on) return went_on;
      const bool lost = went_on.error().code == Errc::unavailable || went_on.error().code == Errc::not_found;
      if (!lost || !agent_returns(went_on.error())) {
        leave();
        return went_on;
      }
      // The agent is another one and knows nothing of this; the card is where it was.
      wishes_.card = begun.at("card").value("id", "");
    }
  }

  /// The next card. An agent that was here before may be restarted, and still knows what this run has been
  /// given.
  Result<json> begin(bool was_here) {
    while (true) {
      auto begun = ask_patiently("issue-begin", request());
      const bool lost = !begun && begun.error().code == Errc::unavailable;
      if (!lost || !was_here || !agent_returns(begun.error())) return begun;
    }
  }

  [[nodiscard]] json request() const {
    const auto& prefix = wishes_.label_prefix;
    return {{"profile", wishes_.profile},
            {"label", prefix.empty() ? "" : prefix + std::to_string(number_)},
            {"resume", wishes_.resume},
            {"except", left_behind_},
            {"card", wishes_.card}};
  }

  bool agent_returns(const Error& error) const {
    const auto end = Clock::now() + kAgentReturns;
    if (!agent_runs()) say("waiting", {{"reason", error.what}}, "waiting for the agent: " + error.what);
    while (!agent_runs()) {
      if (stopped() || Clock::now() > end) return false;
      wait(kLook);
    }
    return !stopped();
  }

  void tell_presented(const json& card, bool resumed) const {
    json members{{"card", card.value("id", "")},          {"label", card.value("label", "")},
                 {"profile", card.value("profile", "")},  {"serial", card.value("serial", 0U)},
                 {"state", card.value("state", "blank")}, {"resumed", resumed}};
    const auto phase = card.value("phase", "");
    std::string line = std::string{resumed ? "half-issued card " : "blank card "} +
                       shown(card.value("label", "")) + " (serial " +
                       std::to_string(card.value("serial", 0U)) + ") is " +
                       (phase == "inserted" ? "in the reader" : phase + ": " + card.value("detail", ""));
    if (!wishes_.automatic && !wishes_.on_release && keyboard_.interactive())
      line += "; press Enter when it is written";
    say("presented", std::move(members), line);
  }

  void tell_issued(const json& card, bool repeated) {
    if (!repeated) ++issued_;
    json certificates = json::array();
    std::string slots;
    for (const auto& one : card.value("certificates", json::array())) {
      slots += (slots.empty() ? "" : " ") + one.value("slot", "");
      certificates.push_back(one);
    }
    const auto seconds = std::chrono::duration<double>(Clock::now() - began_).count();
    say("issued",
        {{"card", card.value("id", "")},
         {"label", card.value("label", "")},
         {"profile", card.value("profile", "")},
         {"serial", card.value("serial", 0U)},
         {"state", card.value("state", "")},
         {"holder", card.value("holder", "")},
         {"certificates", std::move(certificates)},
         {"must_change", card.value("must_change", json::array())},
         {"number", issued_},
         {"repeated", repeated},
         {"seconds", seconds}},
        "issued to " + shown(card.value("holder", "")) + ": card " + shown(card.value("label", "")) +
            " (serial " + std::to_string(card.value("serial", 0U)) + "), certificates " + slots +
            (card.value("must_change", json::array()).empty()
                 ? ""
                 : "; the holder changes the PIN before the first use"));
  }

  /// Until the card is issued, given up or stopped.
  Result<bool> serve(bool resumed) {
    said_.clear();
    std::uint64_t releases = 0;
    std::uint64_t looked_at = 0;  // commands when the server was asked last
    bool in_reader = true;
    bool may_be_whole = resumed;  // it was left at the very end, and nobody will write to it any more
    while (!stopped()) {
      const auto answer = keyboard();
      CARDEA_TRY(const auto card, ask("issue-watch"));
      const auto phase = card.value("phase", "");
      if (phase == "ejected") {
        leave();
        return false;
      }
      if (phase == "refused") return fail(Errc::denied, card.value("detail", "the server refuses the card"));
      tell_phase(card, in_reader);
      const bool skip = card.value("skip", false) || answer == Answer::skip;
      if (skip) return leave();
      const bool wanted = card.value("next", false) || answer == Answer::next;
      const auto commands = card.value("commands", std::uint64_t{0});
      const bool released = card.value("releases", std::uint64_t{0}) !=
                            std::exchange(releases, card.value("releases", std::uint64_t{0}));
      const bool idle = wishes_.automatic &&
                        static_cast<double>(card.value("idle_ms", std::int64_t{0})) >= wishes_.idle * 1000;
      const bool left_alone = idle || (wishes_.on_release && (released || may_be_whole));
      if (wanted || (left_alone && (commands > looked_at || may_be_whole))) {
        looked_at = commands;
        may_be_whole = false;
        CARDEA_TRY(const bool done, finish(wanted));
        if (done) return true;
      }
      wait(kLook);
    }
    return leave();
  }

  void tell_phase(const json& card, bool& in_reader) const {
    const auto phase = card.value("phase", "");
    if (std::exchange(in_reader, phase == "inserted") == (phase == "inserted")) return;
    say(in_reader ? "present" : "waiting", {{"reason", card.value("detail", "")}},
        in_reader ? "the card is in the reader again" : phase + ": " + card.value("detail", ""));
  }

  /// True when it is issued. Where nobody asked, what is missing is said only when it has changed.
  Result<bool> finish(bool asked) {
    CARDEA_TRY(const auto answer, ask_patiently("issue-finish"));
    if (const auto done = answer.find("done"); done != answer.end()) {
      tell_issued(*done, false);
      return true;
    }
    const auto missing = answer.value("missing", json::array());
    const auto sentence = answer.value("sentence", "");
    if (!asked && sentence == said_) return false;
    said_ = sentence;
    say("incomplete", {{"missing", missing}, {"sentence", sentence}},
        "not issued: " + (missing.empty() ? shown(sentence) : "missing: " + listed(missing)) +
            "; the card stays in the reader");
    return false;
  }

  /// The card is taken out and stays at the server.
  bool leave() {
    const auto answer = ask("issue-end");
    if (!answer) return true;
    const auto card = answer->value("card", json::object());
    const auto state = card.value("state", "");
    if (state != "blank") ++left_;
    left_behind_.push_back(card.value("id", ""));
    say("left",
        {{"card", card.value("id", "")},
         {"label", card.value("label", "")},
         {"state", state},
         {"missing", card.value("missing", json::array())}},
        state == "blank" ? "the blank card was taken out; nothing was written to it"
                         : "half-issued: card " + shown(card.value("label", "")) +
                               "; go on with it by --resume or --card " + card.value("id", ""));
    return true;
  }

  /// What the operator typed, without waiting.
  [[nodiscard]] Answer keyboard() {
    const auto line = keyboard_.take();
    if (!line) return Answer::none;
    return *line == "skip" ? Answer::skip : Answer::next;
  }

  /// A signal ends it early.
  static void wait(Milliseconds time) {
    for (const auto end = Clock::now() + time; !stopped() && Clock::now() < end;)
      std::this_thread::sleep_for(std::min(time, kLook));
  }

  const std::filesystem::path socket_;
  Wishes wishes_;
  Keyboard keyboard_;
  std::string run_;
  unsigned number_ = 0;
  unsigned issued_ = 0;
  unsigned left_ = 0;
  std::vector<std::string> left_behind_;
  std::string said_;  // why the card in the reader is not issued
  Clock::time_point began_;
};

}  // namespace

struct IssueVerbs::Options {
  CLI::App* issue = nullptr;
  CLI::App* next = nullptr;
  CLI::App* skip = nullptr;
  Wishes wishes;
};

IssueVerbs::IssueVerbs(CLI::App& app) : options_{std::make_unique<Options>()} {
  auto& wishes = options_->wishes;
  auto* issue = app.add_subcommand(
      "issue",
      "show blank cards to a card management system, one after the other (a registrar's workstation)");
  options_->issue = issue;
  issue->require_subcommand(0, 1);
  issue->add_option("--profile", wishes.profile, "what kind of card: piv-yubikey5 or piv-nist");
  auto* count = issue->add_option("--count", wishes.count, "how many cards")
                    ->check(CLI::Range(1, 1'000'000))
                    ->capture_default_str();
  issue->add_flag("--until-stopped", wishes.until_stopped, "one card after the other until Ctrl-C")
      ->excludes(count);
  issue->add_option("--label-prefix", wishes.label_prefix,
                    "name the cards PREFIX1, PREFIX2 …; default: by their serial numbers");
  issue->add_flag("--resume", wishes.resume,
                  "half-issued cards of this workstation first; without --profile nothing else");
  issue->add_option("--card", wishes.card,
                    "go on with this half-issued card of the organisation first, by id or label");
  issue->add_flag("--auto", wishes.automatic,
                  "go on to the next card by itself when one is complete and has been left alone");
  issue->add_flag("--on-release", wishes.on_release,
                  "go on by itself when one is complete and no program holds it any more");
  issue->add_option("--idle", wishes.idle, "for --auto: how many seconds without a command are that")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  issue->add_flag("--json", wishes.as_json, "print one JSON object a line, for each event");
  options_->next = issue->add_subcommand("next", "tell the running 'issue' that the card is written");
  options_->skip =
      issue->add_subcommand("skip", "tell the running 'issue' to leave the card half-issued and go on");
  for (auto* verb : {options_->next, options_->skip})
    verb->fallthrough();
}

IssueVerbs::~IssueVerbs() = default;

bool IssueVerbs::chosen() const {
  return options_->issue->parsed();
}

Result<int> IssueVerbs::run(const State& state) {
  const auto& wishes = options_->wishes;
  for (const auto& [verb, name] :
       {std::pair{options_->next, "issue-next"}, std::pair{options_->skip, "issue-skip"}}) {
    if (!verb->parsed()) continue;
    CARDEA_CHECK(agent::ask(state.control_socket(), {{"verb", name}}));
    return 0;
  }
  if (wishes.profile.empty() && wishes.card.empty() && !wishes.resume) {
    std::cerr << "cardea-agent: say which kind of card by --profile, or --resume, or --card\n";
    return kUsage;
  }
  return Run{state, wishes}.all();
}

}  // namespace cardea::agent
