// cardead exactly as it is composed for production, with SoftHSM and SQLite in a temporary directory, used
// through the client that agents use.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "cardea/api/client.h"
#include "cardea/cardead/daemon.h"
#include "cardea/hex.h"
#include "cardea/test/temp_dir.h"
#include "client.h"

using namespace cardea;
using cardea::test::TempDir;
using nlohmann::json;

namespace {

struct Server {
  TempDir dir;
  std::unique_ptr<cardead::Daemon> daemon;
  std::unique_ptr<cli::Client> admin;

  Server() { start(); }

  void start() {
    config::Settings settings;
    settings.server.port = 0;
    settings.server.data_directory = dir.path / "data";
    settings.log.level = "error";
    settings.vault.workers = 1;
    settings.pin = {8 * 1024, 1, true};  // PINs in plain text: these tests are about the rest
    auto started = cardead::Daemon::start(settings);
    if (!started) FAIL(started.error().what);
    daemon = *std::move(started);
    admin = cli::connect_to(dir.path / "data" / "admin.sock");
  }

  json ask(const std::string& method, const std::string& path, const json& body = nullptr,
           int status = 0) const {
    const auto answer = admin->send(method, "/v1/admin/" + path, body).value();
    INFO(answer.body.dump());
    CHECK(answer.status == (status != 0 ? status : answer.status));
    if (status == 0) REQUIRE(answer.status < 300);
    return answer.body;
  }

  [[nodiscard]] std::string url() const { return "https://127.0.0.1:" + std::to_string(daemon->port()); }

  std::unique_ptr<api::HttpConnection> connect() const {
    api::ServerAddress address;
    address.host = "127.0.0.1";
    address.port = daemon->port();
    address.ca_file = daemon->ca_file();
    return api::make_openssl_connector()->connect(address);
  }
  api::Client client(const api::SigningKey& key) const { return {connect(), url(), key}; }

  /// One request as it stands, over TLS.
  api::HttpReply raw(const std::string& method, const std::string& path, const std::string& content_type = {},
                     const std::string& body = {},
                     std::vector<std::pair<std::string, std::string>> headers = {}) const {
    return connect()->send({method, path, std::move(headers), content_type, body}).value();
  }
};

std::string problem_type(const api::HttpReply& reply) {
  CHECK(reply.content_type == "application/problem+json");
  return json::parse(reply.body)["type"].get<std::string>().substr(
      std::string{"https://cardea.invalid/problems/"}.size());
}

api::Exchange steps(std::uint64_t sequence, std::initializer_list<const char*> apdus) {
  api::Exchange exchange{sequence, {}};
  for (const auto* apdu : apdus)
    exchange.steps.emplace_back(api::CommandStep{from_hex(apdu).value()});
  return exchange;
}

std::string response(const Result<api::ExchangeReply>& reply, std::size_t step = 0) {
  if (!reply) return reply.error().what;
  return to_hex(reply->results.at(step).response);
}

/// The last four digits.
std::string sw(const Result<api::ExchangeReply>& reply, std::size_t step = 0) {
  const auto text = response(reply, step);
  return text.size() < 4 ? text : text.substr(text.size() - 4);
}

constexpr const char* kSelectPiv = "00 A4 04 00 09 A00000030800001000 00";
constexpr const char* kGetDiscovery = "00 CB 3F FF 03 5C 01 7E 00";
constexpr const char* kVerify = "00 20 00 80 08 313233343536FFFF";
constexpr const char* kVerifyWrong = "00 20 00 80 08 393939393939FFFF";
constexpr const char* kPinStatus = "00 20 00 80";

}  // namespace

TEST_CASE("end to end: enrol, open a card, use it, exactly once, block [A1][C4][D9]") {
  Server server;
  const auto organisation = server.ask("POST", "organisations", {{"name", "Trust"}})["id"].get<std::string>();
  const auto card =
      server.ask("POST", "cards", {{"organisation", "Trust"}, {"label", "first"}})["id"].get<std::string>();
  const auto code =
      server.ask("POST", "device-codes", {{"organisation", "Trust"}, {"role", "registrar"}})["code"]
          .get<std::string>();

  const auto key = api::generate_signing_key();
  auto client = server.client(key);
  CHECK(client.cards().error().code == Errc::denied);  // not enrolled yet
  CHECK(client.enrol("AAAAA-AAAAA-AAAAA-AAAAA", "pc").error().code == Errc::denied);
  const auto enrolled = client.enrol(code, "pc");
  REQUIRE(enrolled);
  CHECK(enrolled->organisation == organisation);
  CHECK(enrolled->device == api::thumbprint(key.public_key));
  CHECK(client.enrol(code, "pc").error().code == Errc::denied);  // a code is for once

  const auto cards = client.cards().value();
  REQUIRE(cards.size() == 1);
  CHECK(cards[0].id == card);
  CHECK(cards[0].label == "first");
  CHECK(cards[0].profile == "piv-yubikey5");
  CHECK(cards[0].state == "active");
  CHECK(client.open_session("nix").error().code == Errc::not_found);

  const auto session = client.open_session(card).value();
  CHECK(session.card == card);
  CHECK(session.atr.size() > 2);

  // SELECT, GET DATA, VERIFY in one exchange.
  const auto first = client.exchange(session, steps(1, {kSelectPiv, kGetDiscovery, kVerify}));
  CHECK(sw(first, 0) == "9000");
  CHECK(response(first, 1).substr(0, 4) == "7E12");
  CHECK(sw(first, 2) == "9000");
  CHECK(first->results[0].pure);
  CHECK_FALSE(first->results[2].pure);
  CHECK(first->results[1].state != first->results[2].state);

  // Exactly once: a wrong PIN that is sent twice under one number costs one try.
  const auto wrong = client.exchange(session, steps(2, {kVerifyWrong}));
  CHECK(sw(wrong) == "63C2");
  CHECK(client.exchange(session, steps(2, {kVerifyWrong})).value() == wrong.value());
  CHECK(sw(client.exchange(session, steps(3, {kPinStatus}))) == "63C2");
  CHECK(client.exchange(session, steps(5, {kPinStatus})).error() ==
        Error{Errc::conflict, "the next exchange of this session is number 4"});
  CHECK(client.exchange(session, steps(2, {kPinStatus})).error().code == Errc::conflict);

  // A second session of the same card sees its counter and not its login.
  auto other_client = server.client(key);
  const auto other = other_client.open_session(card).value();
  CHECK(sw(other_client.exchange(other, steps(1, {kSelectPiv, kPinStatus})), 1) == "63C2");
  auto stolen = session;
  stolen.token = other.token;
  CHECK(client.exchange(stolen, steps(4, {kPinStatus})).error().code == Errc::not_found);

  // What happened is in the log, newest first.
  const auto log = server.ask("GET", "audit?card=" + card);
  CHECK(log[0]["action"] == "pin.try");
  CHECK(log[0]["success"] == false);
  CHECK(log[0]["detail"] == json{{"reference", "pin"}, {"tries_left", 2}});
  CHECK(log[0]["actor"] == "device:" + enrolled->device);
  CHECK(server.ask("GET", "sessions").size() == 2);

  SUBCASE("blocking ends both sessions at once, and none begins") {
    server.ask("POST", "cards/" + card + "/block");
    CHECK(client.exchange(session, steps(4, {kPinStatus})).error().code == Errc::not_found);
    CHECK(other_client.exchange(other, steps(2, {kPinStatus})).error().code == Errc::not_found);
    CHECK(client.open_session(card).error() == Error{Errc::denied, "the card is blocked"});
    server.ask("POST", "cards/" + card + "/unblock");
    CHECK(client.open_session(card));
  }
  SUBCASE("revoking the device ends its sessions and its access") {
    server.ask("POST", "devices/" + enrolled->device + "/revoke");
    CHECK(client.exchange(session, steps(4, {kPinStatus})).error().code == Errc::not_found);
    CHECK(client.cards().error().code == Errc::denied);
  }
  SUBCASE("deleting the card leaves its log") {
    server.ask("DELETE", "cards/" + card);
    CHECK(client.exchange(session, steps(4, {kPinStatus})).error().code == Errc::not_found);
    CHECK(client.cards().value().empty());
    CHECK(server.ask("GET", "audit?card=" + card)[0]["action"] == "card.delete");
  }
  SUBCASE("a closed session is gone; the other one goes on") {
    CHECK(client.close_session(session));
    CHECK(client.exchange(session, steps(4, {kPinStatus})).error().code == Errc::not_found);
    CHECK(client.close_session(session).error().code == Errc::not_found);
    CHECK(sw(other_client.exchange(other, steps(2, {kPinStatus}))) == "63C2");
  }
  SUBCASE("a restart forgets sessions and keeps counters") {
    server.daemon.reset();
    server.start();
    auto again = server.client(key);
    CHECK(again.exchange(session, steps(4, {kPinStatus})).error().code == Errc::not_found);
    const auto fresh = again.open_session(card).value();
    CHECK(sw(again.exchange(fresh, steps(1, {kSelectPiv, kPinStatus})), 1) == "63C2");
  }
}

TEST_CASE(
    "end to end: the administrator sees who could open a card's keys, and decides about the escrow [B4]") {
  const Server server;
  server.ask("POST", "organisations", {{"name", "Trust"}});
  const auto first = server.ask("POST", "cards", {{"organisation", "Trust"}});
  CHECK(first["passcode"] == json{{"keys_protected", true},
                                  {"in_issuance", true},
                                  {"holders", {"issuance", "pin", "puk"}},
                                  {"tenant_escrow", false}});
  const auto path = "cards/" + first["id"].get<std::string>() + "/activate";
  CHECK(server.ask("POST", path, json::object())["passcode"]["holders"] == json{"pin", "puk"});

  CHECK(server.ask("PUT", "organisations/Trust/escrow-key", {{"public_key", "AA"}}, 400)["detail"] ==
        "an escrow key has 32 octets");
  CHECK(server.ask("PUT", "organisations/Trust/escrow-key", {{"public_key", "*"}}, 400)["detail"] ==
        "the member \"public_key\" must be base64url");
  const auto escrow = std::string(42, 'B') + "A";
  CHECK(server.ask("PUT", "organisations/Trust/escrow-key", {{"public_key", escrow}})["escrow_key"] ==
        escrow);
  const auto second = server.ask("POST", "cards", {{"organisation", "Trust"}});
  CHECK(second["passcode"]["holders"] == json{"escrow", "issuance", "pin", "puk"});
  CHECK(second["passcode"]["tenant_escrow"] == true);
  server.ask("PUT", "organisations/Trust/escrow-key", {{"public_key", nullptr}});
  CHECK(server.ask("POST", "cards", {{"organisation", "Trust"}})["passcode"]["holders"] ==
        json{"issuance", "pin", "puk"});
}

TEST_CASE(
    "end to end: the administrator sees and says how many keys an organisation may have in the HSM [B2]") {
  const Server server;
  server.ask("POST", "organisations", {{"name", "Trust"}});
  server.ask("POST", "organisations", {{"name", "Other"}});
  auto shown = server.ask("GET", "organisations/Trust");
  const auto id = shown["id"].get<std::string>();
  CHECK(shown["key_mode"] == "wrapped");
  CHECK(shown["resident_keys"] == 0);
  CHECK(shown["resident_keys_cap"] == 250);
  CHECK(shown["resident_keys_cap_is_own"] == false);
  CHECK(shown["resident_keys_in_all"] == 0);
  CHECK(shown["resident_keys_cap_in_all"] == 1000);
  shown = server.ask("PATCH", "organisations/Trust", {{"resident_keys", 40}});
  CHECK(shown["resident_keys_cap"] == 40);
  CHECK(shown["resident_keys_cap_is_own"] == true);
  CHECK(shown["key_mode"] == "wrapped");
  CHECK(server.ask("GET", "organisations/Other")["resident_keys_cap"] == 250);
  CHECK(server.ask("GET", "hsm")[1]["resident_keys_cap"] == 40);
  const auto metrics = server.raw("GET", "/metrics").body;
  CHECK(metrics.find("\ncardea_resident_keys{organisation=\"" + id + "\"} 0\n") != std::string::npos);
  CHECK(metrics.find("\ncardea_resident_keys_cap{organisation=\"" + id + "\"} 40\n") != std::string::npos);
  CHECK(metrics.find("\ncardea_resident_keys_all_cap 1000\n") != std::string::npos);

  // Nothing is changed by half.
  for (const json& wrong : {json{{"resident_keys", -1}}, json{{"resident_keys", "many"}},
                            json{{"resident_keys", 10'000'001}}, json{{"resident_keys", 1.5}}}) {
    auto body = wrong;
    body["key_mode"] = "resident";
    CHECK(server.ask("PATCH", "organisations/Trust", body, 400)["detail"] ==
          "the member \"resident_keys\" must be a number from 0 to 10000000, or null");
  }
  CHECK(server.ask("PATCH", "organisations/Trust", {{"key_mode", "x"}, {"resident_keys", 1}},
                   400)["detail"] == "the key mode is \"wrapped\" or \"resident\"");
  CHECK(server.ask("GET", "organisations/Trust") == shown);
  CHECK(server.ask("PATCH", "organisations/nobody", {{"resident_keys", 1}}, 404)["status"] == 404);
  CHECK(server.ask("GET", "organisations/nobody", nullptr, 404)["status"] == 404);
  shown = server.ask("PATCH", "organisations/Trust", {{"resident_keys", nullptr}, {"key_mode", "resident"}});
  CHECK(shown["resident_keys_cap"] == 250);
  CHECK(shown["key_mode"] == "resident");
}

TEST_CASE("end to end: a user's device opens the cards of its person, and no one else's [D3]") {
  const Server server;
  server.ask("POST", "organisations", {{"name", "Trust"}});
  server.ask("POST", "organisations", {{"name", "Other"}});
  const auto ann = server.ask("POST", "people",
                              {{"organisation", "Trust"}, {"name", "Ann"}, {"email", "ann@trust.example"}});
  const auto hers = server.ask("POST", "cards", {{"organisation", "Trust"}, {"holder", "ann@trust.example"}});
  const auto nobodys = server.ask("POST", "cards", {{"organisation", "Trust"}, {"profile", "piv-nist"}});
  const auto foreign = server.ask("POST", "cards", {{"organisation", "Other"}});
  CHECK(hers["holder_name"] == "Ann");
  CHECK(hers["holder"] == ann["id"]);
  const auto code =
      server.ask("POST", "device-codes", {{"organisation", "Trust"}, {"person", "ann@trust.example"}});
  const auto key = api::generate_signing_key();
  auto client = server.client(key);
  CHECK(client.enrol(code["code"], "laptop").value().person == "Ann");
  REQUIRE(client.cards().value().size() == 1);
  CHECK(client.cards().value()[0].holder == "Ann");
  CHECK(client.cards().value()[0].opened_as == "user");
  CHECK(client.open_session(hers["id"]));
  CHECK(client.open_session(nobodys["id"]).error().code == Errc::not_found);
  CHECK(client.open_session(foreign["id"]).error().code == Errc::not_found);
  const auto session = client.open_session(hers["id"]).value();
  server.ask("PUT", "cards/" + hers["id"].get<std::string>() + "/holder", {{"holder", nullptr}});
  CHECK(client.exchange(session, steps(1, {kPinStatus})).error().code == Errc::not_found);
  CHECK(client.cards().value().empty());
}

TEST_CASE("end to end: what is not right is a problem of the right type") {
  const Server server;
  const std::string exchange = "/v1/card-sessions/x/exchange";
  CHECK(problem_type(server.raw("GET", "/nix")) == "not-found");
  CHECK(problem_type(server.raw("GET", "/v1/admin/status")) == "not-found");  // only on the Unix socket
  CHECK(problem_type(server.raw("GET", exchange)) == "method-not-allowed");
  CHECK(problem_type(server.raw("POST", exchange, "application/json", "{}")) == "unsupported-media-type");
  CHECK(problem_type(server.raw("POST", exchange, api::kExchangeMediaType, "x")) == "unauthorised");
  const std::vector<std::pair<std::string, std::string>> token{{"Authorization", "CardeaSession x"}};
  CHECK(problem_type(server.raw("POST", exchange, api::kExchangeMediaType, "x", token)) == "invalid");
  const auto good = api::encode(steps(1, {kPinStatus}));
  const auto gone = server.raw("POST", exchange, api::kExchangeMediaType, {good.begin(), good.end()}, token);
  CHECK(gone.status == 410);
  CHECK(problem_type(gone) == "session-gone");
  CHECK(server.raw("DELETE", "/v1/card-sessions/x", "", "", token).status == 410);
  CHECK(server.raw("GET", "/v1/cards").status == 401);
  CHECK(problem_type(server.raw("POST", "/v1/card-sessions", "application/json", "{\"card\":\"x\"}")) ==
        "unauthorised");
  CHECK(problem_type(server.raw("POST", "/v1/enrolments", "application/json", "[1")) == "invalid");
  CHECK(problem_type(server.raw("POST", "/v1/enrolments", "application/json", R"({"code":1})")) == "invalid");
  const auto enrolling = json{
      {"code", "A"}, {"name", "pc"}, {"public_key", api::to_jwk(api::generate_signing_key().public_key)}};
  const auto unproven = server.raw("POST", "/v1/enrolments", "application/json", enrolling.dump());
  CHECK(unproven.status == 401);
  CHECK(problem_type(unproven) == "unauthorised");
  CHECK(problem_type(server.raw("POST", "/v1/token", "application/x-www-form-urlencoded",
                                "grant_type=password")) == "invalid");
  CHECK(problem_type(server.raw("POST", exchange, api::kExchangeMediaType,
                                std::string((1U << 20U) + 1, 'x'))) == "body-too-large");
  CHECK(server.ask("POST", "cards", {{"organisation", "nix"}}, 404)["status"] == 404);
  server.ask("POST", "organisations", {{"name", "Twice"}});
  CHECK(server.ask("POST", "organisations", {{"name", "Twice"}}, 409)["status"] == 409);
  CHECK(server.ask("POST", "organisations", {{"name", ""}}, 400)["status"] == 400);
  CHECK(server.ask("POST", "cards", {{"organisation", "Twice"}, {"profile", "nix"}}, 400)["detail"] ==
        "there is no profile 'nix'; there are piv-yubikey5, piv-nist");
  CHECK(server.ask("POST", "device-codes", {{"organisation", "Twice"}}, 400)["status"] == 400);
  CHECK(server.ask("GET", "audit?limit=0", nullptr, 400)["status"] == 400);
}

TEST_CASE("end to end: alive, ready and counted [F4]") {
  const Server server;
  CHECK(server.raw("GET", "/healthz").body == R"({"status":"alive"})");
  CHECK(server.raw("GET", "/readyz").body == R"({"status":"ready"})");
  const auto metrics = server.raw("GET", "/metrics");
  CHECK(metrics.content_type.find("text/plain; version=0.0.4") == 0);
  for (const auto* name : {"cardea_sessions 0\n", "cardea_signers 1\n", "cardea_pin_failures_total 0\n",
                           "cardea_apdu_seconds_count 0\n"}) {
    CAPTURE(name);
    CHECK(metrics.body.find(name) != std::string::npos);
  }
}

TEST_CASE("end to end: what keeps the server from starting is said in a sentence") {
  const Server running;
  config::Settings settings;
  settings.log.level = "error";
  settings.vault.workers = 1;
  settings.server.port = 0;

  SUBCASE("the data directory is another server's") {
    settings.server.data_directory = running.dir.path / "data";
    const auto started = cardead::Daemon::start(settings);
    REQUIRE_FALSE(started);
    CHECK(started.error().code == Errc::conflict);
    CHECK(started.error().what.find("the database cannot be opened: ") == 0);
  }
  SUBCASE("the port is taken") {
    settings.server.data_directory = running.dir.path / "other";
    settings.server.port = running.daemon->port();
    const auto started = cardead::Daemon::start(settings);
    REQUIRE_FALSE(started);
    CHECK(started.error().what == "cannot listen on 127.0.0.1 port " + std::to_string(settings.server.port) +
                                      ": Address already in use");
  }
  SUBCASE("the data directory cannot be made") {
    settings.server.data_directory = "/proc/nowhere/cardea";
    const auto started = cardead::Daemon::start(settings);
    REQUIRE_FALSE(started);
    CHECK(started.error().what.find("cannot make the data directory /proc/nowhere/cardea: ") == 0);
  }
  SUBCASE("the HSM is not there, or its PIN is wrong") {
    settings.server.data_directory = running.dir.path / "other";
    const auto pin = running.dir.path / "pin";
    FILE* file = std::fopen(pin.c_str(), "w");
    std::fputs("1234\n", file);
    std::fclose(file);
    settings.vault.pin_file = pin;
    settings.vault.kind = config::VaultKind::pkcs11;
    settings.vault.module = "/nonexistent/module.so";
    const auto started = cardead::Daemon::start(settings);
    REQUIRE_FALSE(started);
    CHECK(started.error().what.find("the vault cannot be opened: ") == 0);
    settings.vault.pin_file = running.dir.path / "no-pin";
    CHECK(cardead::Daemon::start(settings).error().what.find("cannot read vault.pin_file") !=
          std::string::npos);
  }
}

TEST_CASE("end to end: a renewed certificate is used without a restart, a damaged one is not") {
  const Server server;
  const auto tls = server.dir.path / "data" / "tls";
  const auto trusts = [&server](const std::filesystem::path& ca) {
    api::ServerAddress address;
    address.host = "127.0.0.1";
    address.port = server.daemon->port();
    address.ca_file = ca;
    const auto reply = api::make_openssl_connector()->connect(address)->send({"GET", "/healthz", {}, {}, {}});
    return reply.has_value() && reply->status == 200;
  };
  const auto old_ca = server.dir.path / "old.pem";
  std::filesystem::copy_file(tls / "ca.pem", old_ca);
  std::filesystem::remove_all(tls);
  CHECK(trusts(old_ca));
  REQUIRE(server.daemon->renew_certificate());
  CHECK_FALSE(trusts(old_ca));
  CHECK(trusts(tls / "ca.pem"));

  const auto new_ca = server.dir.path / "new.pem";
  std::filesystem::copy_file(tls / "ca.pem", new_ca);
  std::filesystem::resize_file(tls / "ca.pem", 10);
  CHECK(server.daemon->renew_certificate().error().code == Errc::corrupt);
  CHECK(trusts(new_ca));
}

TEST_CASE("end to end: who asks for the CA's file meets no renewal that is under way") {
  const Server server;
  const auto known = server.daemon->ca_file();
  std::atomic<bool> renewed{false};
  std::thread renewing{[&] {
    for (int i = 0; i < 20; ++i)
      CHECK(server.daemon->renew_certificate());
    renewed = true;
  }};
  bool same = true;
  while (!renewed)
    same = same && server.daemon->ca_file() == known;
  renewing.join();
  CHECK(same);
}

TEST_CASE("end to end: a registrar's workstation is given a blank card, and others are not [D1][D3]") {
  const Server server;
  server.ask("POST", "organisations", {{"name", "Trust"}});
  server.ask("POST", "people", {{"organisation", "Trust"}, {"name", "Ada"}, {"email", "ada@example.org"}});
  const auto enrolled = [&](const json& code) {
    auto key = api::generate_signing_key();
    REQUIRE(
        server.client(key).enrol(server.ask("POST", "device-codes", code)["code"].get<std::string>(), "pc"));
    return key;
  };
  const auto ra = enrolled({{"organisation", "Trust"}, {"role", "registrar"}});
  const auto user = enrolled({{"organisation", "Trust"}, {"role", "user"}, {"person", "ada@example.org"}});
  const auto asks = [&](const api::SigningKey& key, const char* method, const std::string& path,
                        const json& body = nullptr) {
    return server.client(key).ask(method, path, body.is_null() ? std::string{} : body.dump());
  };
  const json wanted{{"request", "r1"}, {"profile", "piv-nist"}, {"label", "first"}};
  const auto card = json::parse(asks(ra, "POST", "/v1/cards", wanted).value());
  CHECK(card["state"] == "blank");
  CHECK(card["label"] == "first");
  CHECK(card["serial"].is_number_unsigned());
  CHECK(json::parse(asks(ra, "POST", "/v1/cards", wanted).value()) == card);  // the answer was lost
  CHECK(asks(ra, "POST", "/v1/cards", {{"request", "r1"}, {"profile", "piv-yubikey5"}}).error().code ==
        Errc::conflict);
  CHECK(asks(ra, "POST", "/v1/cards", {{"profile", "piv-nist"}}).error() ==
        Error{Errc::invalid, "the member \"request\" must be a string"});
  const std::string below = "/v1/cards/" + card["id"].get<std::string>();
  const Error refused{Errc::denied, "only a registrar's workstation issues cards"};
  CHECK(asks(user, "POST", "/v1/cards", wanted).error() == refused);
  CHECK(asks(user, "GET", "/v1/issuing").error() == refused);
  CHECK(asks(user, "GET", below + "/issuing").error() == refused);
  CHECK(asks(user, "POST", below + "/issued").error() == refused);
  CHECK(asks(user, "DELETE", below).error() == refused);

  const auto list = json::parse(asks(ra, "GET", "/v1/issuing").value())["cards"];
  REQUIRE(list.size() == 1);
  CHECK(list[0]["mine"] == true);
  CHECK(list[0]["in_use"] == false);
  CHECK(asks(ra, "POST", below + "/issued").error() ==
        Error{Errc::conflict,
              "the card is not complete; missing: a certificate in 9A, 9C or 9D that names the holder; "
              "a PIN of its own: it is the factory's; a PUK of its own: it is the factory's; "
              "a management key of its own: it is the factory's, and this card takes another one through a "
              "secure channel only, but was made without card keys"});
  const auto incomplete =
      server.ask("POST", "cards/" + card["id"].get<std::string>() + "/issued", json::object(), 409);
  CHECK(incomplete["type"] == "https://cardea.invalid/problems/card-incomplete");
  CHECK(incomplete["missing"].size() == 4);
  CHECK(server.ask("GET", "cards?organisation=Trust&state=blank").size() == 1);
  CHECK(server.ask("GET", "cards?organisation=Trust&state=issuing").empty());
  CHECK(server.ask("GET", "cards?organisation=Trust&state=odd", nullptr, 400)["detail"] ==
        "a state is active, blocked, blank, issuing or issued");
  CHECK(server.ask("GET", "cards/" + card["id"].get<std::string>())["issuing"]["missing"].size() == 4);
  const auto public_list = asks(ra, "GET", "/v1/cards").value();
  CHECK(json::parse(public_list)["cards"][0]["state"] == "blank");
  CHECK(json::parse(public_list)["cards"][0]["opened_as"] == "registrar");
  REQUIRE(asks(ra, "DELETE", below));
  CHECK(asks(ra, "DELETE", below).error().code == Errc::not_found);
  CHECK(server.raw("GET", "/metrics")
            .body.find(R"(cardea_administration_total{action="card.create",result="ok"} 1)") !=
        std::string::npos);
}
