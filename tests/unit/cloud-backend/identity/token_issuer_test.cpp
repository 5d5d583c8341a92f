#include "cardea/identity/token_issuer.h"

#include <sys/stat.h>

#include <fstream>

#include "fixture.h"

namespace cardea::identity {
namespace {

using nlohmann::json;
using test::must;

const Principal kAnn{"a-thumbprint", "acme", "ann", store::DeviceRole::user};

struct Tokens {
  test::Clock clock;
  api::SigningKey key = must(api::signing_key_from_seed(SecretBytes{32}));
  TokenIssuer issuer{must(api::signing_key_from_seed(SecretBytes{32}))};
  json header{{"typ", "at+jwt"}};
  json claims =
      json::parse(must(api::verify_jws(issuer.issue(kAnn, clock.now()).token, key.public_key)).payload_json);

  Result<TokenClaims> verify() { return issuer.verify(api::sign_jws(header, claims, key), clock.now()); }
};

TEST_CASE("access token: the claims of RFC 9068, bound to the device [RFC9068#2.2] [RFC9449#6.1]") {
  Tokens tokens;
  auto claims = tokens.claims;
  const auto server = "urn:cardea:server:" + api::thumbprint(tokens.key.public_key);
  CHECK(claims["jti"].get<std::string>().size() == 22);
  claims.erase("jti");
  const auto now = tokens.clock.seconds().count();
  CHECK(claims == json{{"iss", server},
                       {"aud", server + ":api"},
                       {"sub", "a-thumbprint"},
                       {"client_id", "a-thumbprint"},
                       {"iat", now},
                       {"exp", now + 600},
                       {"cnf", {{"jkt", "a-thumbprint"}}},
                       {"org", "acme"},
                       {"role", "user"}});
  const auto verified = must(tokens.verify());
  CHECK(verified.device == "a-thumbprint");
  CHECK(verified.thumbprint == "a-thumbprint");
  CHECK(verified.organisation == "acme");
}

TEST_CASE("access token: ten minutes, and a minute for clocks that differ") {
  Tokens tokens;
  const auto token = tokens.issuer.issue(kAnn, tokens.clock.now());
  CHECK(token.expires_in == std::chrono::minutes{10});
  tokens.clock.advance(std::chrono::seconds{659});
  CHECK(tokens.issuer.verify(token.token, tokens.clock.now()).has_value());
  tokens.clock.advance(std::chrono::seconds{1});
  CHECK_FAILS(tokens.issuer.verify(token.token, tokens.clock.now()), Errc::denied,
              "the access token has expired");
}

TEST_CASE("access token: another type, issuer, audience or time is refused") {
  const auto refused = [](const char* claim, const json& value, const char* sentence) {
    CAPTURE(claim);
    Tokens tokens;
    tokens.claims[claim] = value;
    CHECK_FAILS(tokens.verify(), Errc::denied, sentence);
  };
  refused("iss", "urn:cardea:server:other", "the access token is of another issuer");
  refused("iss", nullptr, "the access token is of another issuer");
  refused("aud", "urn:cardea:server:other:api", "the access token is for another server");
  refused("aud", json::array({"urn:cardea:server:other:api"}), "the access token is for another server");
  refused("exp", "soon", "the access token is not valid yet");
  refused("exp", 1e300, "the access token is not valid yet");
  refused("iat", 1'750'000'061, "the access token is not valid yet");
  refused("cnf", json::object(), "the access token belongs to no device");
  refused("sub", "", "the access token belongs to no device");

  Tokens tokens;
  tokens.header["typ"] = "JWT";
  CHECK_FAILS(tokens.verify(), Errc::denied, "this is not an access token");
}

TEST_CASE("access token: of another key") {
  Tokens tokens;
  const TokenIssuer other{api::generate_signing_key()};
  CHECK_FAILS(tokens.issuer.verify(other.issue(kAnn, tokens.clock.now()).token, tokens.clock.now()),
              Errc::denied, "the token's signature is wrong");
}

TEST_CASE("token key: made once, kept, and private to the server") {
  const test::TempDir directory;
  const test::Clock clock;
  const auto folder = directory / "identity";
  const auto token = must(TokenIssuer::open(folder)).issue(kAnn, clock.now()).token;
  CHECK(must(TokenIssuer::open(folder)).verify(token, clock.now()).has_value());

  struct stat status {};
  REQUIRE(::stat((folder / "token-key").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600U);
  CHECK(status.st_size == 32);
  REQUIRE(::stat(folder.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0700U);
  CHECK(std::distance(std::filesystem::directory_iterator{folder}, {}) == 1);
}

TEST_CASE("token key: damaged, exposed or unreadable") {
  const test::TempDir directory;
  const auto folder = directory / "identity";
  const auto file = folder / "token-key";
  REQUIRE(TokenIssuer::open(folder).has_value());

  ::chmod(file.c_str(), 0640);
  CHECK_FAILS(TokenIssuer::open(folder), Errc::corrupt,
              file.string() + " can be read by others: it must have mode 0600");
  ::chmod(file.c_str(), 0600);
  for (const std::size_t size : {0U, 31U, 33U}) {
    CAPTURE(size);
    std::ofstream{file, std::ios::trunc} << std::string(size, 'k');
    CHECK_FAILS(TokenIssuer::open(folder), Errc::corrupt, file.string() + " is not a key of 32 octets");
  }
  std::filesystem::remove(file);
  std::filesystem::create_symlink("/dev/zero", file);
  const auto through_link = TokenIssuer::open(folder);
  REQUIRE_FALSE(through_link.has_value());
  CHECK(through_link.error().code == Errc::unavailable);

  const auto under_a_file = TokenIssuer::open(directory / "identity" / "token-key" / "deeper");
  REQUIRE_FALSE(under_a_file.has_value());
  CHECK(under_a_file.error().code == Errc::unavailable);
}

}  // namespace
}  // namespace cardea::identity
