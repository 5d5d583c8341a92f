#include "issuing.h"

#include <algorithm>
#include <fstream>
#include <system_error>

#include "cardea/api/json.h"
#include "cardea/api/randomness.h"
#include "cardea/hex.h"
#include "platform/files.h"

namespace cardea::agent {

namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

/// A run that has not been heard of for this long was killed: another one may have its card.
constexpr std::chrono::seconds kSilence{2};

std::string new_request() {
  Bytes octets(16);
  api::system_randomness()(octets);
  return to_hex(octets);
}

/// Ids come from the server and become part of a path.
Result<std::string> id_of(const json& card) {
  auto id = api::text_member(card, "id");
  constexpr const char* kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
  if (!id.empty() && id.find_first_not_of(kPlain) == std::string::npos) return id;
  return fail(Errc::corrupt, "the server's reply is not what was agreed");
}

bool unfinished(const json& card) {
  const auto state = api::text_member(card, "state");
  return state == "blank" || state == "issuing";
}

api::CardSummary summary_of(const json& card) {
  return {api::text_member(card, "id"), api::text_member(card, "label"), api::text_member(card, "profile"),
          api::text_member(card, "state"), api::text_member(card, "holder")};
}

/// Whether the run has left this card half-issued on purpose.
bool excepted(const json& request, const json& card) {
  const auto except = request.value("except", json::array());
  return std::find(except.begin(), except.end(), api::text_member(card, "id")) != except.end();
}

tl::unexpected<Error> no_card() {
  return fail(Errc::not_found, "no card is being issued here");
}

}  // namespace

/// While it lasts, the run is at work.
struct Issuer::Answering {
  Answering(Issuer& issuer, std::string run) : issuer_{issuer}, run_{std::move(run)} { count(1); }
  Answering(const Answering&) = delete;
  Answering& operator=(const Answering&) = delete;
  ~Answering() { count(-1); }

 private:
  void count(int step) {
    const std::lock_guard lock{issuer_.mutex_};
    if (!issuer_.current_ || issuer_.current_->run != run_) return;
    issuer_.current_->requests += static_cast<unsigned>(step);
    issuer_.current_->heard = Clock::now();
  }
  Issuer& issuer_;
  std::string run_;
};

Result<json> Issuer::handle(const json& request) {
  const auto verb = request.value("verb", "");
  const auto run = request.value("run", "");
  if (verb == "issue-begin") return begin(request);
  const Answering answering{*this, run};
  if (verb == "issue-watch") return watch(run);
  if (verb == "issue-finish") return finish(run);
  if (verb == "issue-end") return end(run);
  if (verb == "issue-next") return mark(&Current::next);
  if (verb == "issue-skip") return mark(&Current::skip);
  if (verb == "issue-look") {
    CARDEA_TRY(const auto card, current(run));
    return ask("GET", "/v1/cards/" + card + "/issuing");
  }
  return fail(Errc::invalid, "no such verb: " + verb);
}

Result<json> Issuer::ask(const char* method, const std::string& path, const json& body) {
  auto client = daemon_.new_client();
  CARDEA_TRY(
      const auto text,
      client.ask(method, path,
                 body.is_null() ? std::string{} : body.dump(-1, ' ', false, json::error_handler_t::replace)));
  auto document = api::parse_json(text);
  if (!document || !document->is_object())
    return fail(Errc::corrupt, "the server's reply is not what was agreed");
  return document;
}

/// The card of the run, by its id.
Result<std::string> Issuer::current(const std::string& run) {
  const std::lock_guard lock{mutex_};
  if (!current_ || current_->run != run) return no_card();
  return api::text_member(current_->card, "id");
}

/// A card of a run that was killed is taken out; it stays at the server as it is.
Result<void> Issuer::take_over(const std::string& run) {
  std::string orphan;
  {
    const std::lock_guard lock{mutex_};
    if (current_ && current_->run != run &&
        (current_->requests > 0 || Clock::now() - current_->heard < kSilence)) {
      return fail(Errc::conflict, "another 'cardea-agent issue' is at work here, with the card " +
                                      api::text_member(current_->card, "label"));
    }
    if (current_) orphan = api::text_member(current_->card, "id");
    current_ = Current{run, {}, Clock::now()};
  }
  if (!orphan.empty()) (void)daemon_.eject(orphan);
  return {};
}

void Issuer::let_go(const std::string& run) {
  const std::lock_guard lock{mutex_};
  if (current_ && current_->run == run) current_.reset();
}

Result<json> Issuer::begin(const json& request) {
  const auto run = request.value("run", "");
  const auto wanted = request.value("card", "");
  if (run.empty()) return fail(Errc::invalid, "a run has a name");
  CARDEA_CHECK(take_over(run));
  const Answering answering{*this, run};
  auto begun = [&]() -> Result<json> {
    if (request.value("resume", false) || !wanted.empty()) {
      CARDEA_TRY(const auto half, half_issued(request));
      if (half) return present(run, *half, true);
      if (!wanted.empty()) return issued_already(wanted);
    }
    if (request.value("profile", "").empty()) return json{{"none", true}};
    CARDEA_TRY(const auto card, blank(request));
    if (unfinished(card)) return present(run, card, api::text_member(card, "state") == "issuing");
    // It was finished, and this workstation has not heard of it.
    forget();
    CARDEA_TRY(const auto id, id_of(card));
    CARDEA_TRY(auto done, ask("GET", "/v1/cards/" + id + "/issuing"));
    return json{{"done", std::move(done)}};
  }();
  if (!begun || !begun->contains("card")) let_go(run);
  return begun;
}

/// The first one that this workstation has begun, or the one that is named, whoever has begun it.
Result<std::optional<json>> Issuer::half_issued(const json& request) {
  const auto card = request.value("card", "");
  CARDEA_TRY(const auto list, ask("GET", "/v1/issuing"));
  const auto cards = list.find("cards");
  if (cards == list.end() || !cards->is_array())
    return fail(Errc::corrupt, "the server's reply is not what was agreed");
  for (const auto& one : *cards) {
    const bool named = api::text_member(one, "id") == card || api::text_member(one, "label") == card;
    const bool own =
        api::text_member(one, "state") == "issuing" && one.value("mine", false) && !excepted(request, one);
    if (card.empty() ? own : named) return std::optional{one};
  }
  return std::optional<json>{};
}

/// A card that is named and not to be issued any more.
Result<json> Issuer::issued_already(const std::string& card) {
  const auto known = daemon_.find(card);
  if (!known && known.error().code != Errc::not_found) return tl::unexpected{known.error()};
  if (known) {
    CARDEA_TRY(const auto id, id_of({{"id", known->id}}));
    auto standing = ask("GET", "/v1/cards/" + id + "/issuing");
    if (standing && api::text_member(*standing, "state") == "issued")
      return json{{"done", *std::move(standing)}};
  }
  return fail(Errc::not_found, card + ": no such card is blank or half-issued in this organisation");
}

/// The one that was asked for last and not finished, or another one.
Result<json> Issuer::blank(const json& request) {
  auto wanted = remembered();
  const auto profile = request.value("profile", "");
  if (api::text_member(wanted, "profile") != profile || api::text_member(wanted, "request").empty()) {
    wanted = {{"request", new_request()}, {"profile", profile}, {"label", request.value("label", "")}};
    CARDEA_CHECK(remember(wanted));
  }
  auto card = ask("POST", "/v1/cards", wanted);
  // Half-issued ones are shown to those only who ask to resume.
  if (card && api::text_member(*card, "state") == "issuing" &&
      (!request.value("resume", false) || excepted(request, *card))) {
    wanted = {{"request", new_request()}, {"profile", profile}, {"label", request.value("label", "")}};
    CARDEA_CHECK(remember(wanted));
    card = ask("POST", "/v1/cards", wanted);
  }
  return card;
}

Result<json> Issuer::present(const std::string& run, const json& card, bool resumed) {
  CARDEA_TRY(const auto id, id_of(card));
  {
    const std::lock_guard lock{mutex_};
    if (!current_ || current_->run != run) return no_card();
    current_->card = card;
  }
  CARDEA_TRY(const auto status, daemon_.insert(summary_of(card)));
  auto shown = card;
  shown["phase"] = name(status.phase);
  shown["detail"] = status.detail;
  return json{{"card", std::move(shown)}, {"resumed", resumed}};
}

Result<json> Issuer::watch(const std::string& run) {
  CARDEA_TRY(const auto id, current(run));
  const auto everywhere = daemon_.inserted(id);
  if (everywhere.empty()) return json{{"phase", name(Phase::ejected)}};
  // In several readers it is one card: what is done in one of them is done with it.
  auto status = everywhere.front()->status();
  auto use = everywhere.front()->use();
  for (auto card = everywhere.begin() + 1; card != everywhere.end(); ++card) {
    const auto other = (*card)->use();
    use.commands += other.commands;
    use.releases += other.releases;
    use.idle = std::min(use.idle, other.idle);
    if (status.phase == Phase::inserted) status = (*card)->status();
  }
  json out{{"phase", name(status.phase)},
           {"detail", status.detail},
           {"commands", use.commands},
           {"idle_ms", use.idle.count()},
           {"releases", use.releases}};
  const std::lock_guard lock{mutex_};
  if (!current_ || current_->run != run) return no_card();
  out["next"] = std::exchange(current_->next, false);
  out["skip"] = std::exchange(current_->skip, false);
  return out;
}

Result<json> Issuer::finish(const std::string& run) {
  CARDEA_TRY(const auto id, current(run));
  auto done = ask("POST", "/v1/cards/" + id + "/issued");
  if (!done && done.error().code == Errc::conflict) {
    CARDEA_TRY(const auto standing, ask("GET", "/v1/cards/" + id + "/issuing"));
    return json{{"missing", standing.value("missing", json::array())}, {"sentence", done.error().what}};
  }
  if (!done) return tl::unexpected{std::move(done).error()};
  forget();
  (void)daemon_.eject(id);
  let_go(run);
  return json{{"done", *std::move(done)}};
}

Result<json> Issuer::end(const std::string& run) {
  CARDEA_TRY(const auto id, current(run));
  auto standing = ask("GET", "/v1/cards/" + id + "/issuing");
  (void)daemon_.eject(id);
  let_go(run);
  if (standing) return json{{"card", *std::move(standing)}};
  return json{{"card", {{"id", id}}}};
}

Result<json> Issuer::mark(bool Current::*what) {
  const std::lock_guard lock{mutex_};
  if (!current_) return no_card();
  *current_.*what = true;
  return json{{"card", current_->card}};
}

Result<void> Issuer::remember(const json& request) const {
  return replace_file(memory_, as_bytes(request.dump(2, ' ', false, json::error_handler_t::replace) + "\n"));
}

json Issuer::remembered() const {
  std::ifstream in{memory_};
  auto content = json::parse(in, nullptr, false);
  return content.is_object() ? content : json::object();
}

void Issuer::forget() const {
  std::error_code ignored;
  std::filesystem::remove(memory_, ignored);
}

}  // namespace cardea::agent
