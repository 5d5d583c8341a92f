// Secrets from files: read as a whole, and nowhere but where they were asked for.
#include "secret_input.h"

#include <doctest/doctest.h>

#include <string>

#include "cardea/test/own_memory.h"
#include "state.h"
#include "temp_folder.h"
#include "typed.h"

using namespace cardea;
using test::Marker;

namespace {

constexpr const char* kCertificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
constexpr const char* kKey = "-----BEGIN PRIVATE KEY-----\n";
// Several times what a stream or a growing buffer takes at once.
const std::string kMore(20'000, 'x');

}  // namespace

TEST_CASE("the search for a secret in memory finds each copy, freed or not") {
  test::TempFolder folder;
  const Marker marker;
  marker.write(folder / "secret", "", kMore);
  CHECK(marker.copies() == 0);
  {
    const auto text = test::read_file(folder / "secret");
    CHECK(marker.copies() >= 1);
  }
  CHECK(marker.copies() >= 1);  // the stream's buffer, and those that the text grew out of
}

TEST_CASE("a secret file is in memory once, and no more when it is done with") {
  test::TempFolder folder;
  const Marker marker;
  marker.write(folder / "secret", "before ", kMore);
  {
    const auto secret = agent::read_whole_secret(folder / "secret");
    REQUIRE(secret);
    CHECK(secret->size() == 7 + 32 + kMore.size());
    CHECK(std::string(secret->expose().begin(), secret->expose().begin() + 7) == "before ");
    CHECK(marker.copies() == 1);
  }
  CHECK(marker.copies() == 0);
}

TEST_CASE("a typed secret is in memory once, and no more when it is done with [C2]") {
  test::TempFolder folder;
  const Marker marker;
  marker.write(folder / "secret", "", "\nthe next line\n");
  {
    agent::Typed typed{folder / "secret"};
    const auto secret = typed.secret("secret");
    REQUIRE(secret);
    CHECK(secret->size() == 32);
    CHECK(marker.copies() == 1);
    CHECK(typed.line("line") == "the next line");
  }
  CHECK(marker.copies() == 0);
}

TEST_CASE("a client certificate's key leaves no copy, in a file of its own or not [C4]") {
  test::TempFolder folder;
  const agent::State state{folder / "state"};
  REQUIRE(state.prepare());
  const Marker marker;
  test::write_file(folder / "certificate.pem", kCertificate);
  marker.write(folder / "key.pem", kKey, kMore);
  marker.write(folder / "both.pem", std::string{kCertificate} + kKey, kMore);
  for (const auto& given : {agent::ClientCertificate{folder / "certificate.pem", folder / "key.pem"},
                            agent::ClientCertificate{folder / "both.pem", ""}}) {
    {
      const auto pem = given.read();
      REQUIRE(pem);
      CHECK(marker.copies() == 1);
    }
    CHECK(marker.copies() == 0);
    REQUIRE(state.keep_client_certificate(given));
    CHECK(marker.copies() == 0);
  }
}

TEST_CASE("secret files that will not do") {
  test::TempFolder folder;
  const auto refusal = [](const std::string& file) { return agent::read_whole_secret(file).error(); };
  CHECK(refusal(folder / "none") == Error{Errc::unavailable, folder / "none" + ": cannot be read"});
  CHECK(refusal(folder.path()) == Error{Errc::unavailable, folder.path() + ": cannot be read"});
  test::write_file(folder / "long", std::string((64U << 10U) + 1, 'k'));
  CHECK(refusal(folder / "long") == Error{Errc::invalid, folder / "long" + ": is longer than 64 KiB"});
  test::write_file(folder / "full", std::string(64U << 10U, 'k'));
  CHECK(agent::read_whole_secret(folder / "full").value().size() == 64U << 10U);
  test::write_file(folder / "empty", "");
  CHECK(agent::read_whole_secret(folder / "empty").value().empty());
}
