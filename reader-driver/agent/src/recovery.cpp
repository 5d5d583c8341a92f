#include "recovery.h"

#include <algorithm>
#include <array>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <variant>
#include <vector>

#include "agent.h"
#include "cardea/api/answer_text.h"
#include "cardea/api/json.h"
#include "cardea/api/recovery_client.h"
#include "typed.h"

namespace cardea::agent {
namespace {

namespace half = api::recovery;
using nlohmann::json;

constexpr std::size_t kMostCodes = 20;
constexpr const char* kInputs =
    "FILE stands for a file with one line for each thing that is asked for, or - for standard input: the "
    "link "
    "first, then the code or the answers, the PIN last. What has no file is asked for at the terminal, "
    "secrets without echo.\n\n"
    "Exit status: 0 done; 1 refused (a sentence on stderr says why); 2 wrong usage; 3 the server cannot be "
    "reached.";

void print(const json& document) {
  std::cout << document.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
}

std::string plural(std::size_t n, const char* one, const char* many) {
  return std::to_string(n) + ' ' + (n == 1 ? one : many);
}

/// The session is closed whatever happens in between.
class OpenSession {
 public:
  OpenSession(api::Client& client, api::CardSession session)
      : client_{client}, session_{std::move(session)} {}
  OpenSession(const OpenSession&) = delete;
  OpenSession& operator=(const OpenSession&) = delete;
  ~OpenSession() { (void)client_.close_session(session_); }
  const api::CardSession& operator*() const { return session_; }

 private:
  api::Client& client_;
  api::CardSession session_;
};

struct Place {
  ServerUrl server;
  std::string ca_file;
  ClientCertificate client;
  std::string token;

  [[nodiscard]] std::unique_ptr<api::HttpConnection> connect() const {
    api::ServerAddress address;
    address.host = server.host;
    address.port = server.port;
    address.ca_file = ca_file;
    address.client_certificate = client.certificate;
    address.client_key = client.key;
    return api::make_system_connector()->connect(address);
  }
};

/// A link is https://HOST:PORT/…#TOKEN, or the token alone for the server of this workstation.
Result<Place> place_of(const std::string& link, const std::string& ca_file, const ClientCertificate& client,
                       const State& state) {
  Place place;
  const auto hash = link.find('#');
  const auto kept = state.load();
  if (hash != std::string::npos) {
    const auto path = link.find('/', link.find("://") == std::string::npos ? 0 : link.find("://") + 3);
    CARDEA_TRY(place.server, parse_server_url(link.substr(0, std::min(path, hash))));
    place.token = link.substr(hash + 1);
  } else {
    if (!kept) {
      return fail(Errc::invalid, "this is no whole link, and the workstation is not enrolled at a server");
    }
    place.server = kept->server;
    place.token = link;
  }
  if (place.token.empty()) return fail(Errc::invalid, "the link is empty");
  place.ca_file = ca_file;
  place.client = client;
  if (!client.certificate.empty()) CARDEA_CHECK(client.read());
  if (!kept || kept->server.text != place.server.text) return place;
  if (ca_file.empty()) place.ca_file = kept->ca_file;
  if (client.certificate.empty()) place.client.certificate = kept->client_certificate;
  return place;
}

/// What a holder shows instead of the PIN.
struct Workstation {
  half::Half half;
  std::string device;
};
using Means = std::variant<std::array<SecretBytes, half::kAnswers>, half::Code, Workstation>;

std::string left_of(half::LinkClient& client) {
  const auto view = client.look();
  if (!view) return {};
  return "; " + plural(view->attempts, "attempt", "attempts") + " left";
}

}  // namespace

struct RecoveryVerbs::Options {
  CLI::App* noun = nullptr;
  CLI::App* setup = nullptr;
  CLI::App* status = nullptr;
  CLI::App* use = nullptr;
  CLI::App* disown = nullptr;
  CLI::App* new_link = nullptr;

  bool as_json = false;
  std::string card;
  std::string pin_file;
  std::optional<std::size_t> codes;
  bool ask_questions = false;
  bool assisted = false;
  std::string answers_file;
  std::string link;
  std::string link_file;
  std::string ca_file;
  ClientCertificate identity;
  std::string code_file;

  Result<void> run_setup(const State& state) const;
  Result<void> run_status(const State& state) const;
  Result<void> run_use(const State& state) const;
  Result<void> run_disown(const State& state) const;
  Result<void> run_new_link(const State& state) const;

  [[nodiscard]] Result<std::string> the_link() const;
  [[nodiscard]] Result<Means> read_means(const half::LinkView& view, const State& state) const;
};

RecoveryVerbs::RecoveryVerbs(CLI::App& app) : options_{std::make_unique<Options>()} {
  auto& o = *options_;
  o.noun = app.add_subcommand("recovery", "get back in without the PIN; prepare for that day");
  o.noun->require_subcommand(1);

  o.setup = o.noun->add_subcommand(
      "setup", "leave recovery codes with the server, and answers to questions: needs the PIN");
  o.setup->add_option("CARD", o.card, "id or label")->required();
  o.setup->add_option("--pin-file", o.pin_file, "the card's PIN, one line");
  o.setup
      ->add_option("--codes", o.codes,
                   "how many codes to make, in place of all earlier ones (up to 20); 0 takes those back. "
                   "Default: 8, or none where there are questions")
      ->check(CLI::Range(std::size_t{0}, kMostCodes));
  auto* questions =
      o.setup->add_flag("--questions", o.ask_questions,
                        "ask for three questions and their answers, two of which open the card");
  o.setup
      ->add_option("--questions-file", o.answers_file,
                   "the same from six lines: a question, its answer, the next question …")
      ->excludes(questions);

  o.setup->add_flag("--assisted", o.assisted,
                    "leave a half on this workstation too, with which the registration authority can help");

  o.new_link = o.noun->add_subcommand(
      "link", "for registrars: make a link for a holder who has forgotten the PIN; it is shown once");
  o.new_link->add_option("CARD", o.card, "id or label")->required();
  o.new_link->add_flag(
      "--assisted", o.assisted,
      "you have made sure that the bearer is the holder: a workstation of the holder that keeps "
      "a half may be used too");

  o.status = o.noun->add_subcommand("status", "what there is for a card");
  o.status->add_option("CARD", o.card, "id or label")->required();

  o.use = o.noun->add_subcommand("use", "set a new PIN by a link and a code, or two of three answers");
  o.disown = o.noun->add_subcommand("disown", "it was not me who asked for this link: block the card");
  for (auto* verb : {o.use, o.disown}) {
    auto* link = verb->add_option("--link", o.link, "the link, as it was given to you");
    verb->add_option("--link-file", o.link_file, "the link, one line")->excludes(link);
    verb->add_option("--ca", o.ca_file,
                     "PEM file with the server's certificate authority; default: this workstation's");
    o.identity.add_to(*verb, "default: this workstation's");
  }
  auto* code = o.use->add_option("--code-file", o.code_file, "a recovery code, one line");
  o.use
      ->add_option("--answers-file", o.answers_file,
                   "three lines, in the order of the questions; an empty one is not known")
      ->excludes(code);
  o.use
      ->add_flag("--assisted", o.assisted,
                 "by this workstation's half, where the authority stands behind the link")
      ->excludes(code);
  o.use->add_option("--pin-file", o.pin_file, "the new PIN, one line");
  for (auto* verb : {o.setup, o.status, o.use, o.disown, o.new_link}) {
    verb->add_flag("--json", o.as_json, "print one JSON document");
    verb->footer(kInputs);
  }
}

RecoveryVerbs::~RecoveryVerbs() = default;

bool RecoveryVerbs::chosen() const {
  return options_->noun->parsed();
}

Result<void> RecoveryVerbs::run(const State& state) {
  if (options_->setup->parsed()) return options_->run_setup(state);
  if (options_->status->parsed()) return options_->run_status(state);
  if (options_->use->parsed()) return options_->run_use(state);
  if (options_->new_link->parsed()) return options_->run_new_link(state);
  return options_->run_disown(state);
}

// -- before
// ---------------------------------------------------------------------------------------------------------

namespace {

struct Questions {
  std::array<std::string, half::kAnswers> questions;
  std::array<SecretBytes, half::kAnswers> answers;
};

Result<Questions> read_questions(Typed& from) {
  Questions out;
  for (std::size_t i = 0; i < half::kAnswers; ++i) {
    const auto number = std::to_string(i + 1);
    CARDEA_TRY(out.questions[i], from.line("Question " + number));
    if (out.questions[i].empty())
      return fail(Errc::invalid, "three questions are needed, with three answers");
    CARDEA_TRY(const auto typed, from.secret_twice("Answer " + number));
    CARDEA_TRY(out.answers[i], api::normalise_answer(typed.expose()));
  }
  for (std::size_t i = 0; i < half::kAnswers; ++i) {
    if (same_secret(out.answers[i], out.answers[(i + 1) % half::kAnswers]))
      return fail(Errc::invalid, "two of the answers are the same");
  }
  return out;
}

std::string readable(const half::Code& code) {
  const auto octets = code.text();
  return {octets.expose().begin(), octets.expose().end()};
}

}  // namespace

Result<void> RecoveryVerbs::Options::run_setup(const State& state) const {
  CARDEA_TRY(auto device, state.load());
  Agent agent{std::move(device), {}};
  CARDEA_TRY(const auto found, agent.find(card));
  const bool with_questions = ask_questions || !answers_file.empty();
  const bool others = with_questions || assisted;
  const auto how_many = codes.value_or(others ? 0 : 8);
  const bool with_codes = codes.has_value() || !others;

  // What can be wrong with the input is said before the PIN is shown.
  Questions left;
  if (with_questions) {
    Typed from{answers_file};
    CARDEA_TRY(left, read_questions(from));
  }
  auto client = agent.new_client();
  CARDEA_TRY(auto opened, client.open_session(found.id));
  const OpenSession session{client, std::move(opened)};
  Typed pins{pin_file};
  CARDEA_TRY(const auto pin, pins.secret("PIN of " + found.label));
  CARDEA_TRY(const auto field, pin_field((*session).pin_form, pin));
  if (!api::can_be_pin((*session).pin_form, field.expose()))
    return fail(Errc::invalid, "this is no PIN of the card");
  CARDEA_TRY(const auto secret, half::show_pin(client, *session, field));

  if (with_questions)
    CARDEA_CHECK(half::leave_answers(client, *session, left.questions, std::move(left.answers), secret));
  if (assisted) {
    const auto own = half::Half::generate();
    CARDEA_CHECK(half::leave_half(client, *session, own, secret));
    CARDEA_CHECK(state.keep_half(found.id, own.octets().expose()));
  }
  std::vector<half::Code> made;
  for (std::size_t i = 0; with_codes && i < how_many; ++i)
    made.push_back(half::Code::generate());
  if (with_codes) CARDEA_CHECK(half::leave_codes(client, *session, made, secret));

  if (as_json) {
    auto list = json::array();
    for (const auto& code : made)
      list.push_back(readable(code));
    print({{"card", found.id}, {"codes", std::move(list)}, {"answers", with_questions}, {"half", assisted}});
    return {};
  }
  if (with_questions) std::cout << "The answers are set: two of the three open " << found.label << ".\n";
  if (assisted)
    std::cout << "This workstation keeps a half: with the registration authority it opens " << found.label
              << ".\n";
  if (with_codes && made.empty()) std::cout << "No recovery code is good any more.\n";
  if (made.empty()) return {};
  std::cout << "Recovery codes of " << found.label
            << ", shown this once. Print them and keep them where the card's PIN is not.\n"
               "Each is good once; all earlier ones are void.\n\n";
  for (const auto& code : made)
    std::cout << "    " << readable(code) << '\n';
  return {};
}

Result<void> RecoveryVerbs::Options::run_status(const State& state) const {
  CARDEA_TRY(auto device, state.load());
  Agent agent{std::move(device), {}};
  CARDEA_TRY(const auto found, agent.find(card));
  auto client = agent.new_client();
  CARDEA_TRY(const auto standing, half::standing_of(client, found.id));
  if (as_json) {
    print({{"card", found.id},
           {"label", found.label},
           {"codes", standing.codes},
           {"answers", standing.answers},
           {"workstations", standing.workstations}});
    return {};
  }
  std::cout << "card     " << found.label << "\ncodes    " << plural(standing.codes, "code", "codes")
            << " left\nanswers  " << (standing.answers ? "two of three open the card" : "none")
            << "\nhalves   " << plural(standing.workstations, "workstation", "workstations") << '\n';
  if (standing.codes == 0 && !standing.answers && standing.workstations == 0)
    std::cout << "Without its PIN and PUK nobody can open this card: run cardea-agent recovery setup.\n";
  return {};
}

// -- afterwards
// -----------------------------------------------------------------------------------------------------

Result<std::string> RecoveryVerbs::Options::the_link() const {
  if (!link.empty()) return link;
  Typed from{link_file};
  CARDEA_TRY(const auto octets, from.secret("Link"));
  std::string out{octets.expose().begin(), octets.expose().end()};
  std::erase_if(out, [](char c) { return c == ' ' || c == '\t'; });
  return out;
}

namespace {

using Answers = std::array<SecretBytes, half::kAnswers>;

Result<Answers> read_answers(const half::LinkView& view, Typed& from) {
  if (view.questions.empty()) return fail(Errc::invalid, "no answers were left for this card");
  Answers answers;
  std::size_t known = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    CARDEA_TRY(const auto typed, from.secret(view.questions[i]));
    if (typed.empty()) continue;
    CARDEA_TRY(answers[i], api::normalise_answer(typed.expose()));
    ++known;
  }
  if (known < 2) return fail(Errc::invalid, "two answers are needed; no attempt was spent");
  return answers;
}

Result<half::Code> parse_code(const SecretBytes& typed) {
  const auto octets = typed.expose();
  std::string written{octets.begin(), octets.end()};
  auto code = half::Code::parse(written);
  wipe({reinterpret_cast<std::uint8_t*>(written.data()),  // NOLINT(*-reinterpret-cast): characters as octets
        written.size()});
  if (!code) return fail(Errc::invalid, code.error().what + "; no attempt was spent");
  return code;
}

}  // namespace

Result<Means> RecoveryVerbs::Options::read_means(const half::LinkView& view, const State& state) const {
  if (assisted) {
    CARDEA_TRY(const auto device, state.load());
    CARDEA_TRY(const auto kept, state.half_of(view.card));
    Secret<half::kHalfSize> octets;
    std::ranges::copy(kept.expose(), octets.expose().begin());
    return Workstation{half::Half{std::move(octets)}, device.device};
  }
  const bool asked = code_file.empty() && answers_file.empty();
  Typed answers_from{answers_file};
  if (!answers_file.empty() || (asked && view.codes == 0)) return read_answers(view, answers_from);
  Typed codes_from{code_file};
  CARDEA_TRY(const auto typed,
             codes_from.secret(view.questions.empty() ? "Recovery code"
                                                      : "Recovery code (empty: answer questions)"));
  if (asked && typed.empty()) return read_answers(view, answers_from);
  return parse_code(typed);
}

namespace {

template <class Shown>
Result<half::LinkClient::Opened> shown_to(half::LinkClient& client, const half::LinkView& view, Shown shown) {
  if constexpr (std::is_same_v<Shown, Workstation>) {
    return client.open(view, shown.half, shown.device);
  } else {
    return client.open(view, std::move(shown));
  }
}

}  // namespace

Result<void> RecoveryVerbs::Options::run_use(const State& state) const {
  CARDEA_TRY(const auto given, the_link());
  CARDEA_TRY(const auto place, place_of(given, ca_file, identity, state));
  half::LinkClient client{place.connect(), place.token};
  CARDEA_TRY(const auto view, client.look());
  if (!as_json) {
    std::cerr << "This link sets a new PIN for " << view.label << ". It is good until " << view.expires
              << ", with " << plural(view.attempts, "attempt", "attempts") << " left.\n";
  }
  if (view.attempts == 0) return fail(Errc::exhausted, "the recovery link has no attempts left");
  CARDEA_TRY(auto means, read_means(view, state));
  // What comes from a file is looked at before an attempt is spent.
  Typed pins{pin_file};
  SecretBytes field;
  const auto read_pin = [&]() -> Result<void> {
    CARDEA_TRY(const auto pin, pins.secret_twice("New PIN"));
    CARDEA_TRY(field, new_pin_field(view.pin_form, pin));
    return {};
  };
  if (!pins.from_terminal()) CARDEA_CHECK(read_pin());

  auto opened =
      std::visit([&](auto&& shown) { return shown_to(client, view, std::move(shown)); }, std::move(means));
  if (!opened) {
    auto error = opened.error();
    if (error.code == Errc::denied) error.what += left_of(client);
    return tl::unexpected{std::move(error)};
  }
  // Who types may try again: the attempt is paid for.
  for (int again = 2; field.empty(); --again) {
    const auto typed = read_pin();
    if (typed) break;
    if (again == 0) return tl::unexpected{typed.error()};
    std::cerr << typed.error().what << '\n';
  }
  auto done = client.set_pin(view, *opened, field);
  if (!done && done.error().code == Errc::unavailable) {
    return fail(Errc::unavailable, done.error().what +
                                       ". The new PIN may have been set: try it, and the old one; the link "
                                       "is still good if it was not");
  }
  CARDEA_CHECK(done);
  if (as_json) {
    print({{"card", view.card}, {"label", view.label}});
  } else {
    std::cout << "The new PIN of " << view.label << " is set, with all its tries. Its keys are the same.\n";
  }
  return {};
}

Result<void> RecoveryVerbs::Options::run_new_link(const State& state) const {
  CARDEA_TRY(auto device, state.load());
  const auto server = device.server.text;
  Agent agent{std::move(device), {}};
  CARDEA_TRY(const auto found, agent.find(card));
  auto client = agent.new_client();
  CARDEA_TRY(const auto body, client.ask("POST", "/v1/cards/" + found.id + "/recovery-links",
                                         json{{"assisted", assisted}}.dump()));
  const auto reply = json::parse(body, nullptr, false);
  const auto token = api::text_member(reply, "link");
  if (token.empty()) return fail(Errc::corrupt, "the server's reply is not what was agreed");
  const auto whole = server + "/recovery#" + token;
  const auto expires = api::text_member(reply, "expires_at");
  if (as_json) {
    print({{"card", found.id}, {"link", whole}, {"expires_at", expires}});
  } else {
    std::cout << whole << "\nfor " << found.label << ", good until " << expires
              << ". Hand it to the holder and to nobody else.\n";
  }
  return {};
}

Result<void> RecoveryVerbs::Options::run_disown(const State& state) const {
  CARDEA_TRY(const auto given, the_link());
  CARDEA_TRY(const auto place, place_of(given, ca_file, identity, state));
  half::LinkClient client{place.connect(), place.token};
  CARDEA_CHECK(client.disown());
  if (as_json) {
    print(json::object());
  } else {
    std::cout << "The card is blocked and the link is void. Tell your registration authority.\n";
  }
  return {};
}

}  // namespace cardea::agent
