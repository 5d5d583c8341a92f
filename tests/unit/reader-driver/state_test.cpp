#include "state.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "cardea/hex.h"
#include "temp_folder.h"

using namespace cardea;
using agent::parse_server_url;
using agent::State;

TEST_CASE("server URL: host, port, and the text that proofs are made for") {
  struct Row {
    const char* given;
    const char* text;
    const char* host;
    unsigned port;
  };
  for (const auto& row : {
           Row{"https://cards.example", "https://cards.example", "cards.example", 443},
           Row{"https://cards.example/", "https://cards.example", "cards.example", 443},
           Row{"https://127.0.0.1:8443", "https://127.0.0.1:8443", "127.0.0.1", 8443},
           Row{"https://[::1]:8443/", "https://[::1]:8443", "::1", 8443},
           Row{"https://[2001:db8::1]", "https://[2001:db8::1]", "2001:db8::1", 443},
           Row{"https://h:65535", "https://h:65535", "h", 65535},
       }) {
    CAPTURE(row.given);
    const auto url = parse_server_url(row.given);
    REQUIRE(url);
    CHECK(url->text == row.text);
    CHECK(url->host == row.host);
    CHECK(url->port == row.port);
  }
}

TEST_CASE("server URL: whatever else is refused, with a sentence") {
  for (const auto* text :
       {"", "cards.example", "http://cards.example", "https://", "https:///", "https://:8443", "https://h:",
        "https://h:0", "https://h:65536", "https://h:-1", "https://h:8443x", "https://h/path", "https://h?q",
        "https://h#f", "https://user@h", "https://a b", "https://[::1", "https://[::1]8443", "https://[]"}) {
    CAPTURE(text);
    const auto url = parse_server_url(text);
    REQUIRE(!url);
    CHECK(url.error().code == Errc::invalid);
    CHECK(url.error().what == std::string{text} + ": the server must be https://HOST or https://HOST:PORT");
  }
}

namespace {

/// A state directory below another one, as it is at the first run.
struct Bench {
  test::TempFolder folder;
  std::string directory = folder / "state/cardea";
  State state{directory};

  Bench() { REQUIRE(state.prepare()); }

  State::Device enrolled() {
    State::Device device;
    device.server = *parse_server_url("https://cards.example:8443");
    device.device = "thumb";
    device.organisation = "trust";
    device.person = "Zoë";
    device.ca_file = directory + "/ca.pem";
    auto key = state.key();
    REQUIRE(key);
    device.key = std::move(*key);
    return device;
  }
};

}  // namespace

TEST_CASE("state: what is kept is its user's alone") {
  Bench bench;
  CHECK(test::mode_of(bench.directory) == 0700U);
  test::write_file(bench.folder / "given.pem", "-----BEGIN CERTIFICATE-----\n");
  REQUIRE(bench.state.keep_ca(bench.folder / "given.pem") == bench.directory + "/ca.pem");
  REQUIRE(bench.state.save(bench.enrolled()));
  for (const auto* name : {"device.key", "device.json", "ca.pem"}) {
    CAPTURE(name);
    CHECK(test::mode_of(bench.directory + '/' + name) == 0600U);
  }
}

TEST_CASE("state: a directory that others could read is closed to them") {
  Bench bench;
  std::filesystem::permissions(bench.directory, std::filesystem::perms::all);
  REQUIRE(bench.state.prepare());
  CHECK(test::mode_of(bench.directory) == 0700U);
}

TEST_CASE("state: a directory for everybody stays one, and keeps no state") {
  Bench bench;
  REQUIRE(::chmod(bench.directory.c_str(), 01777) == 0);
  const auto prepared = bench.state.prepare();
  REQUIRE(!prepared);
  CHECK(prepared.error() ==
        cardea::Error{Errc::denied,
                      bench.directory + " is a directory for everybody; name one of this user's own"});
  CHECK(test::mode_of(bench.directory) == 01777U);
}

TEST_CASE("state: what a crash left beside a file lends it neither content nor mode") {
  Bench bench;
  test::write_file(bench.directory + "/device.key.new", "half");
  std::filesystem::permissions(bench.directory + "/device.key.new", std::filesystem::perms::all);
  REQUIRE(bench.state.key());
  CHECK(test::mode_of(bench.directory + "/device.key") == 0600U);
  CHECK(test::read_file(bench.directory + "/device.key").size() == 32);
  CHECK(!std::filesystem::exists(bench.directory + "/device.key.new"));
}

TEST_CASE("state: what was saved is loaded") {
  Bench bench;
  const auto saved = bench.enrolled();
  REQUIRE(bench.state.save(saved));
  const auto loaded = bench.state.load();
  REQUIRE(loaded);
  CHECK(loaded->server.text == "https://cards.example:8443");
  CHECK(loaded->server.host == "cards.example");
  CHECK(loaded->server.port == 8443);
  CHECK(loaded->device == "thumb");
  CHECK(loaded->organisation == "trust");
  CHECK(loaded->person == "Zoë");
  CHECK(loaded->ca_file == bench.directory + "/ca.pem");
  CHECK(loaded->key.public_key == saved.key.public_key);
  const auto address = loaded->address();
  CHECK(address.host == "cards.example");
  CHECK(address.port == 8443);
  CHECK(address.ca_file == bench.directory + "/ca.pem");
}

TEST_CASE("state: enrolling again keeps the device's key") {
  Bench bench;
  const auto first = bench.state.key();
  const auto second = State{bench.directory}.key();
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->public_key == second->public_key);
}

TEST_CASE("state: a damaged key is not replaced behind its user's back") {
  Bench bench;
  for (const auto size : {0U, 31U, 33U, 4096U}) {
    CAPTURE(size);
    test::write_file(bench.directory + "/device.key", std::string(size, 'k'));
    const auto key = bench.state.key();
    REQUIRE(!key);
    CHECK(key.error().code == Errc::corrupt);
    CHECK(key.error().what == bench.directory + "/device.key: not a device key; remove it and enrol again");
    CHECK(test::read_file(bench.directory + "/device.key").size() == size);
  }
}

TEST_CASE("state: not enrolled, and enrolled but damaged") {
  Bench bench;
  auto loaded = bench.state.load();
  REQUIRE(!loaded);
  CHECK(loaded.error().code == Errc::not_found);
  CHECK(loaded.error().what == "this workstation is not enrolled; run: cardea-agent enrol");
  for (const auto* text : {"", "{", "[]", "7", "{}", R"({"server":7,"device":"d"})",
                           R"({"server":"http://h","device":"d"})", R"({"server":"https://h"})"}) {
    CAPTURE(text);
    test::write_file(bench.directory + "/device.json", text);
    loaded = bench.state.load();
    REQUIRE(!loaded);
    CHECK(loaded.error().code == Errc::corrupt);
    CHECK(loaded.error().what == bench.directory + "/device.json: damaged; enrol again");
  }
}

TEST_CASE("state: only a certificate is kept as certificate authority") {
  Bench bench;
  test::write_file(bench.folder / "key.pem", "-----BEGIN PRIVATE KEY-----\n");
  CHECK(bench.state.keep_ca(bench.folder / "key.pem").error().code == Errc::invalid);
  CHECK(bench.state.keep_ca(bench.folder / "none.pem").error().code == Errc::unavailable);
  CHECK(!std::filesystem::exists(bench.directory + "/ca.pem"));
}

TEST_CASE("state: the certificate that is shown to the server is kept with its key, for its user alone") {
  Bench bench;
  const std::string certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  const std::string key = "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n";
  const auto given = bench.folder / "given.pem";
  const auto apart = bench.folder / "key.pem";
  const auto kept = bench.directory + "/client.pem";
  test::write_file(given, certificate);
  test::write_file(apart, key);
  REQUIRE(bench.state.keep_client_certificate({given, apart}) == kept);
  CHECK(test::mode_of(kept) == 0600U);
  CHECK(test::read_file(kept) == certificate + "\n" + key);

  auto device = bench.enrolled();
  device.client_certificate = kept;
  REQUIRE(bench.state.save(device));
  const auto loaded = bench.state.load();
  REQUIRE(loaded);
  CHECK(loaded->client_certificate == kept);
  CHECK(loaded->address().client_certificate == kept);

  REQUIRE(bench.state.keep_client_certificate({}) == "");
  CHECK_FALSE(std::filesystem::exists(kept));
  REQUIRE(bench.state.keep_client_certificate({}) == "");
}

TEST_CASE("client certificate: files that will not do, each with its sentence") {
  Bench bench;
  const auto refusal = [&](const std::string& certificate, const std::string& key = {}) {
    const auto read = agent::ClientCertificate{certificate, key}.read();
    REQUIRE(!read);
    return read.error().what;
  };
  const auto file = bench.folder / "given.pem";
  CHECK(refusal(file) == file + ": cannot be read");
  test::write_file(file, "-----BEGIN PRIVATE KEY-----\n");
  CHECK(refusal(file) == file + ": holds no PEM certificate");
  test::write_file(file, "-----BEGIN CERTIFICATE-----\n");
  CHECK(refusal(file) == file + ": holds no PEM private key; --client-key names its file");
  const auto key = bench.folder / "key.pem";
  CHECK(refusal(file, key) == key + ": cannot be read");
  test::write_file(key, "-----BEGIN CERTIFICATE-----\n");
  CHECK(refusal(file, key) == key + ": holds no PEM private key");
  for (const auto* sealed : {"-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
                             "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"}) {
    test::write_file(key, sealed);
    CHECK(refusal(file, key) == key +
                                    ": the key is encrypted, and nobody is asked for its passphrase; "
                                    "give a file without one that is its owner's alone");
  }
}
