#include <doctest/doctest.h>

#include "cardea/cms/ca/remote.h"
#include "cmp_errors.h"
#include "est_messages.h"
#include "folder.h"

using namespace cardea;
using namespace cardea::cms;
using testing::Folder;

TEST_CASE("EST URLs: host, port, path; nothing but https [RFC7030#3.2.2]") {
  using ca::EstUrl;
  CHECK(ca::parse_est_url("https://ca.example").value() == EstUrl{"ca.example", 443, "/.well-known/est"});
  CHECK(ca::parse_est_url("https://ca.example:8443/").value() ==
        EstUrl{"ca.example", 8443, "/.well-known/est"});
  CHECK(ca::parse_est_url("https://ca.example/.well-known/est/staff/").value() ==
        EstUrl{"ca.example", 443, "/.well-known/est/staff"});
  CHECK(ca::parse_est_url("https://[::1]:8443/x").value() == EstUrl{"::1", 8443, "/x"});
  for (const auto* bad :
       {"", "http://ca.example", "ca.example", "https://", "https://:443", "https://ca.example:0",
        "https://ca.example:70000", "https://ca.example:x", "https://user:pw@ca.example",
        "https://ca example", "https://ca.example/?a", "https://["}) {
    CAPTURE(bad);
    CHECK_FALSE(ca::parse_est_url(bad));
  }
}

TEST_CASE("base64 with any white space, and nothing that is not base64 [RFC8951#3.1]") {
  // RFC 4648, section 10.
  CHECK(ca::from_base64("Zm9vYmFy").value() == to_bytes(as_bytes("foobar")));
  CHECK(ca::from_base64(" Zm9v\r\n YmE= \n").value() == to_bytes(as_bytes("fooba")));
  CHECK(ca::from_base64("Zg==").value() == to_bytes(as_bytes("f")));
  CHECK(ca::to_base64(as_bytes("foob")) == "Zm9vYg==\n");
  const Bytes octets(100, 7);
  CHECK(ca::to_base64(octets).find('\n') == 64);
  CHECK(ca::from_base64(ca::to_base64(octets)).value() == octets);
  for (const auto* bad : {"", "Zm9", "Zm9vYg=", "====", "Z===", "Zg==Zg==", "Zm9v!mFy", "Z=9v"}) {
    CAPTURE(bad);
    CHECK_FALSE(ca::from_base64(bad));
  }
}

TEST_CASE("Retry-After is a number of seconds or a date [RFC7030#4.2.3]") {
  constexpr std::time_t kThen = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110, 5.6.7
  CHECK(ca::retry_after("120", 0) == std::chrono::seconds{120});
  CHECK(ca::retry_after("Sun, 06 Nov 1994 08:49:37 GMT", kThen - 90) == std::chrono::seconds{90});
  CHECK(ca::retry_after("Sun, 06 Nov 1994 08:49:37 GMT", kThen + 5) == std::chrono::seconds{0});
  for (const auto* bad : {"", "-1", "soon", "12 s", "Sun, 06 Nov 1994 08:49:37 CET"}) {
    CAPTURE(bad);
    CHECK_FALSE(ca::retry_after(bad, 0));
  }
}

TEST_CASE("what is no certs-only message is refused [RFC7030#4.1.3]") {
  CHECK_FALSE(ca::certs_only({}));
  CHECK_FALSE(ca::certs_only(Bytes{0x30, 0x03, 0x02, 0x01, 0x00}));
}

TEST_CASE("what openssl cmp says becomes one sentence [RFC4210#5.2.3]") {
  const auto said = [](const std::string& errors) { return ca::cmp_error(errors, "http://ca/pkix").what; };
  CHECK(said("CMP error: received \"rejection\" status rather than cert\n"
             "CMP error: request rejected by server:PKIStatus: rejection; PKIFailureInfo: badPOP; "
             "StatusString: \"no\"; x\n") ==
        "the CMP server http://ca/pkix refuses (rejection, badPOP: \"no\")");
  CHECK(said("CMP error: Connection refused:calling connect()\nCMP error: transfer error:request sent: RR") ==
        "the CMP server http://ca/pkix does not answer");
  CHECK(
      said("CMP error: wrong pbm value\nCMP error: error validating protection\n").find("the same secret") !=
      std::string::npos);
  CHECK(said("CMP error: something new\n") ==
        "the CMP server http://ca/pkix was not asked with success: something new");
  CHECK(said("") == "the CMP server http://ca/pkix was not asked with success");
  CHECK(ca::cmp_error("CMP error: total timeout\nCMP error: polling failed\n", "x").code ==
        Errc::unavailable);
}

TEST_CASE("settings that do not go together are refused before anything is asked [A2]") {
  const Folder folder;
  const auto complaint = [](const ca::RemoteSettings& settings, bool est) {
    const auto made = est ? ca::make_est_authority(settings) : ca::make_cmp_authority(settings);
    REQUIRE_FALSE(made);
    return made.error().what;
  };
  ca::RemoteSettings settings;
  settings.url = "https://ca.example";
  CHECK(complaint(settings, true).find("--ca-trust") != std::string::npos);
  settings.trust = (folder / "none").string();
  CHECK(complaint(settings, true).find("cannot read") == 0);
  settings.trust.clear();
  settings.url = "http://ca.example/pkix";
  settings.server_certificate = "/dev/null";
  settings.certificate = "x";
  CHECK(complaint(settings, false).find("--ca-cert and --ca-key go together") != std::string::npos);
  settings = {};
  settings.url = "http://ca.example/pkix";
  settings.secret = "x";
  CHECK(complaint(settings, false).find("--ca-ref") != std::string::npos);
  settings.url = "ftp://ca.example";
  CHECK(complaint(settings, false).find("not of the form http[s]://") != std::string::npos);
}
