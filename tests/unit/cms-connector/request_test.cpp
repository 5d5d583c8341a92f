#include <doctest/doctest.h>

#include "cardea/cms/ca/request.h"
#include "cardea/hex.h"
#include "software_key.h"

using namespace cardea;
using namespace cardea::cms;
using piv::KeyAlgorithm;
using testing::SoftwareKey;

TEST_CASE("a request signed by the card verifies, for every algorithm [RFC2986]") {
  for (const auto algorithm : {KeyAlgorithm::rsa2048, KeyAlgorithm::p256, KeyAlgorithm::p384}) {
    CAPTURE(std::string{piv::info(algorithm).title});
    const SoftwareKey key{algorithm};
    const auto request =
        ca::build_request(testing::holder(), testing::profile(), key.public_key(), key.signer());
    REQUIRE(request);
    CHECK(ca::check_request(*request, key.public_key()));
    CHECK(ca::request_pem(*request).starts_with("-----BEGIN CERTIFICATE REQUEST-----\n"));
  }
}

TEST_CASE("the block given to an RSA card is EMSA-PKCS1-v1_5 with SHA-256 [RFC8017#9.2]") {
  const SoftwareKey key{KeyAlgorithm::rsa2048};
  Bytes block;
  const auto request =
      ca::build_request(testing::holder(), testing::profile(), key.public_key(), [&](BytesView given) {
        block = to_bytes(given);
        return key.signer()(given);
      });
  REQUIRE(request);
  REQUIRE(block.size() == 256);
  CHECK(to_hex(BytesView{block}.first(4)) == "0001FFFF");
  CHECK(to_hex(BytesView{block}.subspan(203, 21)) ==
        "FF003031300D0609608648016503040201050004"
        "20");
}

TEST_CASE("a request for another key, or signed by another one, is refused") {
  const SoftwareKey key{KeyAlgorithm::p256};
  const SoftwareKey other{KeyAlgorithm::p256};
  const auto request =
      ca::build_request(testing::holder(), testing::profile(), key.public_key(), key.signer()).value();
  CHECK(ca::check_request(request, other.public_key()).error() ==
        Error{Errc::corrupt, "the certificate request is for another key"});
  const auto stranger =
      ca::build_request(testing::holder(), testing::profile(), key.public_key(), other.signer());
  CHECK(stranger.error().code == Errc::corrupt);
  CHECK(stranger.error().what.starts_with(
      "the card's signature on the certificate request is not by the key it generated"));
  CHECK(ca::check_request(as_bytes("nonsense"), key.public_key()).error().code == Errc::corrupt);
}

TEST_CASE("a card that refuses to sign is passed on as it is") {
  const SoftwareKey key{KeyAlgorithm::p256};
  const auto refused = ca::build_request(testing::holder(), testing::profile(), key.public_key(),
                                         [](BytesView) -> Result<Bytes> { return fail(Errc::denied, "no"); });
  CHECK(refused.error() == Error{Errc::denied, "no"});
}

TEST_CASE("a malformed public key of the card is corrupt") {
  const auto sign = [](BytesView) -> Result<Bytes> { return Bytes(256); };
  for (const auto* hex : {"", "8102", "81020102820101", "8603040506", "860100"}) {
    CAPTURE(hex);
    CHECK(ca::build_request(testing::holder(), testing::profile(), {KeyAlgorithm::rsa2048, *from_hex(hex)},
                            sign)
              .error()
              .code == Errc::corrupt);
    CHECK(ca::build_request(testing::holder(), testing::profile(), {KeyAlgorithm::p256, *from_hex(hex)}, sign)
              .error()
              .code == Errc::corrupt);
  }
}

TEST_CASE("subjects are read as RFC 4514 writes them") {
  for (const auto* good : {"CN=Ada", "CN=Ada Example,O=Example,C=GB", "CN=Comma\\, Ada", "CN=Comma\\2C Ada",
                           "CN=Zoë,emailAddress=z@example.org"}) {
    CAPTURE(good);
    CHECK(ca::check_subject(good));
  }
  for (const auto* bad : {"", "Ada", "CN=", "CN=Ada,", "=Ada", "XYZZY=1", "C=GBR", "CN=Ada,,O=x"}) {
    CAPTURE(bad);
    CHECK(ca::check_subject(bad).error().code == Errc::invalid);
  }
}

TEST_CASE("gzip comes back as it went in; damage is noticed") {
  const Bytes plain(3000, 0x42);
  const auto packed = ca::gzip(plain);
  REQUIRE(packed);
  CHECK(packed->size() < 200);
  CHECK(to_hex(BytesView{*packed}.first(2)) == "1F8B");
  CHECK(ca::gunzip(*packed).value() == plain);
  CHECK(ca::gunzip(BytesView{*packed}.first(20)).error().code == Errc::corrupt);
  CHECK(ca::gunzip(as_bytes("plain")).error().code == Errc::corrupt);
}

TEST_CASE("usages are known by name") {
  CHECK(ca::known_key_usage("nonRepudiation"));
  CHECK_FALSE(ca::known_key_usage("contentCommitment "));
  CHECK(ca::known_extended_key_usage("smartCardLogon"));
  CHECK(ca::known_extended_key_usage("1.3.6.1.5.5.7.3.2"));
  CHECK_FALSE(ca::known_extended_key_usage("logon"));
}
