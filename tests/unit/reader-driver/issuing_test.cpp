#include "issuing.h"

#include <fstream>
#include <map>

#include "card_bench.h"

using namespace cardea;
using nlohmann::json;

namespace {

/// A server that gives out blank cards, as openapi.yaml says, in front of the one that has sessions.
class IssuingServer {
 public:
  explicit IssuingServer(std::shared_ptr<test::FakeServer> inner) : inner_{std::move(inner)} {}

  Result<api::HttpReply> send(const api::HttpRequest& request) {
    const std::lock_guard lock{mutex_};
    if (request.path == "/v1/issuing") return good(200, {{"cards", list_}});
    if (request.path == "/v1/cards" && request.method == "POST") return blank(json::parse(request.body));
    if (request.path.ends_with("/issuing")) return good(200, standing(request.path.substr(10, 2)));
    if (request.path.ends_with("/issued")) return issued(request.path.substr(10, 2));
    return inner_->send(request);
  }

  void lose_next_answer() { lose_ = true; }
  /// "blank", "issuing", "issued".
  void set_state(const std::string& card, const char* state) {
    const std::lock_guard lock{mutex_};
    states_[card] = state;
  }
  void set_missing(json missing) {
    const std::lock_guard lock{mutex_};
    missing_ = std::move(missing);
  }
  void list(const std::string& card, const char* state, bool mine) {
    const std::lock_guard lock{mutex_};
    states_[card] = state;
    auto one = standing(card);
    one["mine"] = mine;
    list_.push_back(one);
  }
  [[nodiscard]] std::vector<std::string> requests() const { return requests_; }

 private:
  static api::HttpReply good(int status, const json& document) {
    return {status, "application/json", document.dump()};
  }
  json standing(const std::string& card) {
    return {{"id", card},         {"label", "label " + card}, {"profile", "piv-nist"},
            {"serial", 4711},     {"state", states_[card]},   {"holder", ""},
            {"missing", missing_}};
  }
  Result<api::HttpReply> blank(const json& body) {
    const auto request = body.at("request").get<std::string>();
    requests_.push_back(request);
    const auto [at, first] = cards_.try_emplace(request, "b" + std::to_string(cards_.size() + 1));
    if (first) states_[at->second] = "blank";
    if (std::exchange(lose_, false)) return fail(Errc::unavailable, "connection reset");
    return good(201, standing(at->second));
  }
  Result<api::HttpReply> issued(const std::string& card) {
    if (!missing_.empty()) {
      return api::HttpReply{409, "application/problem+json", R"({"detail":"the card is not complete"})"};
    }
    states_[card] = "issued";
    return good(200, standing(card));
  }

  std::shared_ptr<test::FakeServer> inner_;
  std::mutex mutex_;
  std::map<std::string, std::string> cards_;  // by request
  std::map<std::string, std::string> states_;
  json list_ = json::array();
  json missing_ = json::array();
  std::vector<std::string> requests_;
  bool lose_ = false;
};

class Connection final : public api::HttpConnection {
 public:
  explicit Connection(std::shared_ptr<IssuingServer> server) : server_{std::move(server)} {}
  Result<api::HttpReply> send(const api::HttpRequest& request) override { return server_->send(request); }

 private:
  std::shared_ptr<IssuingServer> server_;
};

class Connector final : public api::HttpConnector {
 public:
  explicit Connector(std::shared_ptr<IssuingServer> server) : server_{std::move(server)} {}
  std::unique_ptr<api::HttpConnection> connect(const api::ServerAddress& /*address*/) override {
    return std::make_unique<Connection>(server_);
  }

 private:
  std::shared_ptr<IssuingServer> server_;
};

struct Office : test::CardBench {
  Office() {
    agent::State::Device device;
    device.server = *agent::parse_server_url("https://cards.example");
    device.key = api::generate_signing_key();
    daemon = std::make_unique<agent::Agent>(std::move(device),
                                            agent::Agent::Readers{agent::make_driver_port(socket())},
                                            std::make_unique<Connector>(desk));
    restart();
  }
  /// As a new process would be, with the same files and an empty reader.
  void restart() {
    if (daemon->eject("b1")) settle(false);
    issuer = std::make_unique<agent::Issuer>(*daemon, folder / "issuing.json");
  }

  Result<json> ask(const char* verb, json request = json::object()) const {
    request["verb"] = verb;
    if (!request.contains("run")) request["run"] = "run";
    return issuer->handle(request);
  }
  json begin(json request = json::object()) const {
    request.emplace("profile", "piv-nist");
    const auto begun = ask("issue-begin", std::move(request));
    if (!begun) FAIL(begun.error().what);
    return *begun;
  }

  std::shared_ptr<IssuingServer> desk = std::make_shared<IssuingServer>(server);
  std::unique_ptr<agent::Agent> daemon;
  std::unique_ptr<agent::Issuer> issuer;
};

}  // namespace

TEST_CASE("issuer: a blank card is put into the reader, finished, and taken out") {
  Office office;
  const auto begun = office.begin();
  CHECK(begun["card"]["id"] == "b1");
  CHECK(begun["card"]["phase"] == "inserted");
  CHECK(begun["resumed"] == false);
  office.settle(true);
  auto seen = office.ask("issue-watch");
  REQUIRE(seen);
  CHECK((*seen)["commands"] == 0);
  CHECK((*seen)["next"] == false);

  REQUIRE(office.ask("issue-next"));
  CHECK((*office.ask("issue-watch"))["next"] == true);
  CHECK((*office.ask("issue-watch"))["next"] == false);  // once

  office.desk->set_missing({"a certificate"});
  auto finished = office.ask("issue-finish");
  REQUIRE(finished);
  CHECK((*finished)["missing"] == json{"a certificate"});
  CHECK((*finished)["sentence"] == "the card is not complete");
  CHECK(office.reader->present(0));

  office.desk->set_missing(json::array());
  finished = office.ask("issue-finish");
  REQUIRE(finished);
  CHECK((*finished)["done"]["state"] == "issued");
  office.settle(false);
  CHECK_FALSE(std::filesystem::exists(office.folder / "issuing.json"));
  CHECK(office.ask("issue-watch").error() == Error{Errc::not_found, "no card is being issued here"});
  CHECK(office.begin()["card"]["id"] == "b2");
}

TEST_CASE("issuer: a lost answer, a killed agent: the same request, and so the same card") {
  Office office;
  office.desk->lose_next_answer();
  CHECK(office.ask("issue-begin", {{"profile", "piv-nist"}}).error().code == Errc::unavailable);
  office.restart();
  CHECK(office.begin()["card"]["id"] == "b1");
  office.restart();
  CHECK(office.begin({{"run", "another"}})["card"]["id"] == "b1");
  const auto requests = office.desk->requests();
  CHECK(requests.size() == 3);
  CHECK(requests[0].size() == 32);
  CHECK(requests[0] == requests[2]);

  SUBCASE("another profile is another request") {
    office.restart();
    CHECK(office.begin({{"profile", "piv-yubikey5"}})["card"]["id"] == "b2");
  }
  SUBCASE("what it was finished to is told, and the next one is another") {
    office.desk->set_state("b1", "issued");
    office.restart();
    CHECK(office.begin()["done"]["id"] == "b1");
    CHECK(office.begin()["card"]["id"] == "b2");
  }
  SUBCASE("half-issued, it is shown again only to who wants to resume") {
    office.desk->set_state("b1", "issuing");
    office.restart();
    CHECK(office.begin({{"resume", true}})["card"]["id"] == "b1");
    office.restart();
    CHECK(office.begin()["card"]["id"] == "b2");
  }
  SUBCASE("a damaged memory is a new request") {
    std::ofstream{office.folder / "issuing.json"} << "{\"request\":4,\"profile\":\"piv-nist\"}";
    office.restart();
    CHECK(office.begin()["card"]["id"] == "b2");
  }
}

TEST_CASE("issuer: half-issued cards of this workstation are resumed, others by name") {
  Office office;
  office.desk->list("h1", "issuing", false);
  office.desk->list("h2", "blank", true);
  office.desk->list("h3", "issuing", true);
  office.desk->list("h4", "issuing", true);
  const auto resumed = [&office](json request) {
    auto id = office.begin(std::move(request))["card"]["id"];
    REQUIRE(office.ask("issue-end"));
    office.settle(false);
    return id;
  };
  CHECK(resumed({{"resume", true}}) == "h3");
  CHECK(resumed({{"resume", true}, {"except", {"h3"}}}) == "h4");
  CHECK(office.begin({{"resume", true}, {"except", {"h3", "h4"}}, {"profile", ""}}) == json{{"none", true}});
  CHECK(resumed({{"resume", true}, {"except", {"h3", "h4"}}}) == "b1");
  CHECK(resumed({{"card", "h1"}}) == "h1");
  CHECK(resumed({{"card", "label h2"}}) == "h2");
  office.server->set_cards(
      R"({"cards":[{"id":"d1","label":"badge of Ada"},{"id":"d2","label":"twin"},{"id":"d3","label":"twin"},)"
      R"({"id":"no/id","label":"odd"}]})");
  office.desk->set_state("d1", "issued");
  CHECK(office.begin({{"card", "badge of Ada"}})["done"]["id"] == "d1");
  CHECK(office.ask("issue-begin", {{"card", "twin"}}).error() ==
        Error{Errc::conflict, "twin: several cards have this label; name one by its id"});
  CHECK(office.ask("issue-begin", {{"card", "no such label"}}).error() ==
        Error{Errc::not_found, "no such label: no such card is blank or half-issued in this organisation"});
  CHECK(office.begin({{"card", "d1"}})["done"]["id"] == "d1");
  office.desk->set_state("d2", "active");
  CHECK(office.ask("issue-begin", {{"card", "d2"}}).error() ==
        Error{Errc::not_found, "d2: no such card is blank or half-issued in this organisation"});
  CHECK(office.ask("issue-begin", {{"card", "no/id"}}).error().code == Errc::corrupt);
}

TEST_CASE("issuer: one run at a time; the card of a run that has died is taken out") {
  Office office;
  office.begin();
  office.settle(true);
  CHECK(office.ask("issue-begin", {{"run", "second"}, {"profile", "piv-nist"}}).error() ==
        Error{Errc::conflict, "another 'cardea-agent issue' is at work here, with the card label b1"});
  CHECK(office.ask("issue-watch", {{"run", "second"}}).error().code == Errc::not_found);
  const auto ended = office.ask("issue-end");
  REQUIRE(ended);
  CHECK((*ended)["card"]["state"] == "blank");
  office.settle(false);
  CHECK(office.ask("issue-next").error().code == Errc::not_found);
  CHECK(office.begin({{"run", "second"}})["card"]["id"] == "b1");
  CHECK(office.ask("issue-nonsense").error() == Error{Errc::invalid, "no such verb: issue-nonsense"});
  CHECK(office.ask("issue-begin", {{"run", ""}}).error().code == Errc::invalid);
}

TEST_CASE("issuer: what applications do with the card is counted") {
  Office office;
  office.begin();
  office.settle(true);
  REQUIRE(office.reader->power_on(0, link::FrameType::power_on));
  REQUIRE(office.reader->transmit(0, Bytes{0x00, 0xCB, 0x3F, 0xFF}));
  const auto seen = office.ask("issue-watch");
  REQUIRE(seen);
  CHECK((*seen)["commands"] == 1);
  CHECK((*seen)["releases"] == 0);
  REQUIRE(office.reader->power_off(0));
  const auto end = std::chrono::steady_clock::now() + test::CardBench::kLong;
  while ((*office.ask("issue-watch"))["releases"] == 0 && std::chrono::steady_clock::now() < end) {
  }
  CHECK((*office.ask("issue-watch"))["releases"] == 1);
}
