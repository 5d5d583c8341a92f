#include "commands.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace cardea;
using namespace cardea::cli;

namespace {

struct Line {
  Call call;
  bool execute = false;
};

Line parse(std::vector<std::string> words) {
  Line line;
  CLI::App app;
  declare_commands(app, line.call, line.execute);
  std::vector<std::string> reversed(words.rbegin(), words.rend());  // as CLI11 wants them
  app.parse(reversed);
  return line;
}

class FakeClient final : public Client {
 public:
  Result<Answer> send(const std::string& method, const std::string& path, const Json&) override {
    sent.push_back(method + " " + path);
    return Answer{200, {{"real", true}}};
  }
  std::vector<std::string> sent;
};

}  // namespace

TEST_CASE("cli: verbs about keys and shares [B2] [B6] [B10] [B11]") {
  CHECK(parse({"pool", "status"}).call.path == "/v1/admin/pool");
  CHECK(parse({"hsm", "status"}).call.list);
  auto call = parse({"hsm", "rotate", "--org", "A Trust"}).call;
  CHECK(call.method == "POST");
  CHECK(call.path == "/v1/admin/organisations/A%20Trust/keys/rotate");
  CHECK(parse({"hsm", "retire", "--org", "x"}).call.path == "/v1/admin/organisations/x/keys/retire");
  CHECK(parse({"hsm", "rotate-pin"}).call.path == "/v1/admin/hsm/pin");
  call = parse({"org", "set", "A Trust", "--key-mode", "resident"}).call;
  CHECK(call.method == "PATCH");
  CHECK(call.body == Json{{"key_mode", "resident"}});
  CHECK_THROWS_AS(parse({"org", "set", "A Trust", "--key-mode", "other"}), CLI::ValidationError);
  CHECK(parse({"org", "set", "x", "--resident-keys", "40"}).call.body == Json{{"resident_keys", 40}});
  CHECK(parse({"org", "set", "x", "--resident-keys", "default", "--key-mode", "wrapped"}).call.body ==
        Json{{"resident_keys", nullptr}, {"key_mode", "wrapped"}});
  for (const char* wrong : {"-1", "many", "1.5", "10000001", "99999999999999999999", ""})
    CHECK_THROWS_AS(parse({"org", "set", "x", "--resident-keys", wrong}), CLI::ValidationError);
  CHECK_THROWS_AS(parse({"org", "set", "x"}), CLI::RequiredError);
  call = parse({"org", "show", "A Trust"}).call;
  CHECK(call.method == "GET");
  CHECK(call.path == "/v1/admin/organisations/A%20Trust");
  CHECK_THROWS_AS(parse({"hsm", "init-shares", "--threshold", "2"}), CLI::RequiredError);

  FakeClient client;
  CHECK(parse({"hsm", "init-shares", "--threshold", "4", "--shares", "3", "--out", "/nonexistent/x"})
            .call.act(client, false) == 2);
  CHECK(parse({"unseal", "/nonexistent/share"}).call.act(client, false) == 1);
  CHECK(parse({"hsm", "local-share", "/nonexistent/share"}).call.act(client, false) == 1);
  CHECK(client.sent.empty());
}

TEST_CASE("cli: card keys of an organisation are described, never named [A6]") {
  auto call = parse({"org", "card-keys", "create", "A Trust", "--algorithm", "tdes-2key", "--three",
                     "--key-version", "48", "--protocol", "scp03", "--i", "60", "--diversification", "emv"})
                  .call;
  CHECK(call.method == "POST");
  CHECK(call.path == "/v1/admin/organisations/A%20Trust/card-keys");
  CHECK(call.body == Json{{"algorithm", "tdes-2key"},
                          {"three", true},
                          {"key_version", 48},
                          {"protocol", "scp03"},
                          {"i", "60"},
                          {"diversification", "emv"}});
  call = parse({"org", "card-keys", "create", "x"}).call;
  CHECK(call.body == Json{{"algorithm", "aes-256"}, {"three", false}, {"key_version", 1}});
  call = parse({"org", "card-keys", "show", "x"}).call;
  CHECK(call.method == "GET");
  CHECK(call.list);
  auto line = parse({"org", "card-keys", "retire", "x"});
  CHECK(line.call.method == "DELETE");
  CHECK(line.call.destructive);
  CHECK_FALSE(line.execute);
  CHECK(parse({"org", "card-keys", "retire", "x", "--execute"}).execute);
  CHECK_THROWS_AS(parse({"org", "card-keys", "create", "x", "--algorithm", "des"}), CLI::ValidationError);
  CHECK_THROWS_AS(parse({"org", "card-keys", "create", "x", "--key-version", "128"}), CLI::ValidationError);
  CHECK_THROWS_AS(parse({"org", "card-keys", "import", "x"}), CLI::ValidationError);
  CHECK_THROWS_AS(parse({"org", "card-keys", "import", "x", "--components", "1"}), CLI::ValidationError);
  CHECK_THROWS_AS(parse({"org", "card-keys", "import", "x", "--components", "2", "--file", "f"}),
                  CLI::ValidationError);
  CHECK(parse({"org", "card-keys", "import", "--file", "f", "--kcv", "504A77", "--kcv", "504A78", "x"})
            .call.act);
  FakeClient client;
  CHECK(parse({"org", "card-keys", "import", "x", "--file", "/nonexistent/key"}).call.act(client, false) ==
        1);
  CHECK(client.sent.empty());
}

TEST_CASE("cli: each verb is one request") {
  auto call =
      parse({"card", "create", "--org", "A Trust", "--user", "a@b", "--profile", "piv-nist", "--label", "L"})
          .call;
  CHECK(call.method == "POST");
  CHECK(call.path == "/v1/admin/cards");
  CHECK(call.body ==
        Json{{"organisation", "A Trust"}, {"holder", "a@b"}, {"profile", "piv-nist"}, {"label", "L"}});
  call = parse({"card", "list", "--org", "A Trust&x"}).call;
  CHECK(call.method == "GET");
  CHECK(call.path == "/v1/admin/cards?organisation=A%20Trust%26x");
  CHECK(call.list);
  CHECK(parse({"card", "block", "../x"}).call.path == "/v1/admin/cards/..%2Fx/block");
  call = parse({"device", "code", "--org", "o", "--role", "registrar", "--valid", "2h"}).call;
  CHECK(call.body == Json{{"organisation", "o"}, {"role", "registrar"}, {"valid_seconds", 7200}});
  CHECK(parse({"audit", "list", "--card", "c", "--limit", "5"}).call.path ==
        "/v1/admin/audit?limit=5&card=c");
  CHECK(parse({"status"}).call.path == "/v1/admin/status");
  call = parse({"escrow", "request", "c", "--officer", "a", "--reason", "b"}).call;
  CHECK(call.path == "/v1/admin/cards/c/escrow-cases");
  CHECK(call.body == Json{{"officer", "a"}, {"reason", "b"}});
  CHECK(parse({"escrow", "approve", "x", "--officer", "a"}).call.path == "/v1/admin/escrow-cases/x/approval");
  CHECK_THROWS_AS(parse({"escrow", "request", "c", "--officer", "a"}), CLI::RequiredError);
  call = parse({"card", "recovery-link", "c"}).call;
  CHECK(call.path == "/v1/admin/cards/c/recovery-links");
  CHECK(call.body.is_object());
  call = parse({"card", "activate", "c"}).call;
  CHECK(call.method == "POST");
  CHECK(call.path == "/v1/admin/cards/c/activate");
  call = parse({"org", "escrow", "A Trust", "--public-key", "AAAA"}).call;
  CHECK(call.method == "PUT");
  CHECK(call.path == "/v1/admin/organisations/A%20Trust/escrow-key");
  CHECK(call.body == Json{{"public_key", "AAAA"}});
  CHECK(parse({"org", "escrow", "A", "--off"}).call.body == Json{{"public_key", nullptr}});
}

TEST_CASE("cli: wrong usage is told apart") {
  for (const auto& words :
       std::vector<std::vector<std::string>>{{},
                                             {"org", "escrow", "A"},
                                             {"org", "escrow", "A", "--off", "--public-key", "AAAA"},
                                             {"card"},
                                             {"card", "create"},
                                             {"card", "show"},
                                             {"nix"},
                                             {"audit", "list", "--limit", "0"},
                                             {"device", "code", "--org", "o", "--role", "king"},
                                             {"device", "code", "--org", "o", "--valid", "soon"}}) {
    CHECK_THROWS_AS(parse(words), CLI::ParseError);
  }
}

TEST_CASE("cli: deleting is destructive and a dry run unless it is told to execute") {
  const auto line = parse({"card", "delete", "c"});
  CHECK(line.call.destructive);
  CHECK_FALSE(line.execute);
  CHECK(parse({"card", "delete", "c", "--execute"}).execute);
  CHECK_FALSE(parse({"card", "block", "c"}).call.destructive);

  auto real = std::make_unique<FakeClient>();
  auto* watched = real.get();
  const auto dry = dry_run(std::move(real));
  CHECK(dry->send("DELETE", "/x", nullptr).value().body["dry_run"] == true);
  CHECK(watched->sent.empty());
  CHECK(dry->send("GET", "/x", nullptr).value().body["real"] == true);
  CHECK(watched->sent == std::vector<std::string>{"GET /x"});
}

TEST_CASE("cli: tables line up, whatever is in the names") {
  const Json rows =
      Json::parse(R"([{"id":1,"name":"Zoë"},{"id":22,"name":null},{"id":3,"name":"a\u001b[2Jb"}])");
  CHECK(table(rows, {{"NAME", "name"}, {"ID", "id"}}) ==
        "NAME    ID\n"
        "Zoë     1\n"
        "-       22\n"
        "a?[2Jb  3\n");
  CHECK(sheet(Json{{"a", true}, {"b", ""}}, {{"First", "a"}, {"B", "b"}}) == "First: yes\nB:     -\n");
}

TEST_CASE("cli: PIN counters are told in words [F3]") {
  const Json card = Json::parse(
      R"({"pins":{"pin":{"tries_left":2,"tries_max":3,"factory_value":true,"must_change":true},
                  "puk":{"tries_left":0,"tries_max":5,"factory_value":false,"must_change":false}}})");
  CHECK(sheet(card, {{"PIN", "pins/pin"}, {"PUK", "pins/puk"}, {"Other", "pins/other"}}) ==
        "PIN:   2 of 3 tries left, factory value, to be changed by the holder before keys are used\n"
        "PUK:   0 of 5 tries left\n"
        "Other: -\n");
}

TEST_CASE("cli: no server is `unavailable`") {
  const auto answer = connect_to("/nonexistent/admin.sock")->send("GET", "/", nullptr);
  REQUIRE_FALSE(answer);
  CHECK(answer.error() ==
        Error{Errc::unavailable, "no server answers at /nonexistent/admin.sock: No such file or directory"});
}
