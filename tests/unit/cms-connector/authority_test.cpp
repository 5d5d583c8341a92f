#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "cardea/cms/ca/authority.h"
#include "cardea/cms/ca/process.h"
#include "folder.h"
#include "software_key.h"

using namespace cardea;
using namespace cardea::cms;
using piv::KeyAlgorithm;
using testing::content;
using testing::Folder;
using testing::SoftwareKey;
namespace fs = std::filesystem;

namespace {

ca::Order order(const SoftwareKey& key) {
  const auto request =
      ca::build_request(testing::holder(), testing::profile(), key.public_key(), key.signer()).value();
  return {"9A", request, testing::holder(), testing::profile()};
}

Result<Bytes> command(const std::string& line, const SoftwareKey& key) {
  return ca::make_command_authority(line, std::chrono::seconds{20})->issue(order(key));
}

}  // namespace

TEST_CASE("a local authority issues certificates for the card's key") {
  const Folder folder;
  REQUIRE(ca::make_local_authority(folder / "ca", {}));
  struct stat status {};
  REQUIRE(::stat((folder / "ca/ca.key").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);

  const SoftwareKey key{KeyAlgorithm::p256};
  const auto authority = ca::open_local_authority(folder / "ca").value();
  const auto first = authority->issue(order(key));
  const auto second = authority->issue(order(key));
  REQUIRE(first);
  REQUIRE(second);
  CHECK(ca::check_certificate(*first, key.public_key()));
  const auto a = ca::describe_certificate(*first).value();
  const auto b = ca::describe_certificate(*second).value();
  CHECK(a.subject == "CN=Ada Example,O=Example\\, Trust,C=GB");
  CHECK(a.issuer == "CN=Cardea local CA");
  CHECK(a.serial.size() == 32);
  CHECK(a.serial != b.serial);

  const auto index = content(folder / "ca/index.txt");
  CHECK(index.find(a.serial) != std::string::npos);
  CHECK(index.find(b.serial) != std::string::npos);
  CHECK(fs::exists(folder / ("ca/certs/" + a.serial + ".pem")));

  const SoftwareKey other{KeyAlgorithm::p256};
  CHECK(ca::check_certificate(*first, other.public_key()).error() ==
        Error{Errc::corrupt, "the authority's certificate is for another key than the card's"});
}

TEST_CASE("a local authority in a folder that is there leaves the folder's mode as it is") {
  const Folder folder;
  ::chmod((folder / ".").c_str(), 01777);
  REQUIRE(ca::make_local_authority(folder / "", {}));
  struct stat status {};
  REQUIRE(::stat((folder / ".").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 01777);
  REQUIRE(::stat((folder / "ca.key").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0600);

  REQUIRE(ca::make_local_authority(folder / "new", {}));
  REQUIRE(::stat((folder / "new").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0700);
  CHECK(ca::make_local_authority("", {}).error() ==
        Error{Errc::invalid, "name the directory of the authority"});
}

TEST_CASE("a local authority is made once, and not used while others can read its key") {
  const Folder folder;
  REQUIRE(ca::make_local_authority(folder / "ca", {}));
  CHECK(ca::make_local_authority(folder / "ca", {}).error().code == Errc::conflict);
  CHECK(ca::open_local_authority(folder / "none").error().code == Errc::not_found);
  ::chmod((folder / "ca/ca.key").c_str(), 0644);
  CHECK(ca::open_local_authority(folder / "ca").error().code == Errc::denied);
}

TEST_CASE("a request that its own key did not sign gets no certificate") {
  const Folder folder;
  REQUIRE(ca::make_local_authority(folder / "ca", {}));
  const SoftwareKey key{KeyAlgorithm::p256};
  auto tampered = order(key);
  tampered.request.back() ^= 1U;
  CHECK(ca::open_local_authority(folder / "ca").value()->issue(tampered).error().code == Errc::invalid);
}

TEST_CASE("a CA command gets the request on its input and the slot in its environment") {
  const Folder folder;
  REQUIRE(ca::make_local_authority(folder / "ca", {}));
  const std::string dir = (folder / "ca").string();
  const SoftwareKey key{KeyAlgorithm::rsa2048};
  const auto certificate = command("echo \"$CARDEA_SLOT|$CARDEA_SUBJECT|$CARDEA_UPN|$CARDEA_VALID_DAYS\" > " +
                                       dir + "/seen; openssl x509 -req -CA " + dir + "/ca.pem -CAkey " + dir +
                                       "/ca.key -CAcreateserial -days 5 2>/dev/null",
                                   key);
  REQUIRE(certificate);
  CHECK(ca::check_certificate(*certificate, key.public_key()));
  CHECK(content(folder / "ca/seen") == "9A|CN=Ada Example,O=Example\\, Trust,C=GB|ada@corp.example|30\n");
}

TEST_CASE("a CA command that fails, says nothing useful or hangs is an error with a sentence") {
  const SoftwareKey key{KeyAlgorithm::p256};
  CHECK(command("exit 7", key).error() == Error{Errc::denied, "the CA command ended with exit code 7"});
  CHECK(command("kill -9 $$", key).error() == Error{Errc::denied, "the CA command was ended by signal 9"});
  CHECK(command("echo no certificate today", key).error().code == Errc::corrupt);
  CHECK(ca::make_command_authority("exec sleep 30", std::chrono::milliseconds{100})
            ->issue(order(key))
            .error() == Error{Errc::unavailable, "the CA command did not answer in time"});
}

TEST_CASE(
    "a local authority revokes: index, revocation list with reason and number, and nothing twice "
    "[RFC5280#5]") {
  const Folder folder;
  REQUIRE(ca::make_local_authority(folder / "ca", {}));
  const SoftwareKey key{KeyAlgorithm::p256};
  const auto authority = ca::open_local_authority(folder / "ca").value();
  const Bytes first = authority->issue(order(key)).value();
  const Bytes second = authority->issue(order(key)).value();
  REQUIRE(authority->revoke(first, ca::Reason::key_compromise));
  REQUIRE(authority->revoke(first, ca::Reason::superseded));
  const auto index = content(folder / "ca" / "index.txt");
  CHECK(index.substr(0, 2) == "R\t");
  CHECK(index.find(",keyCompromise\t") != std::string::npos);
  CHECK(index.find("superseded") == std::string::npos);
  CHECK(index.find("\nV\t") != std::string::npos);

  // OpenSSL is the judge: with the list the first certificate is revoked, the second good.
  const auto verdict = [&](const Bytes& certificate) {
    std::ofstream{folder / "one.pem"} << ca::certificate_pem(certificate).value();
    const std::string line = "openssl verify -crl_check -CAfile " + (folder / "ca" / "ca.pem").string() +
                             " -CRLfile " + (folder / "ca" / "ca.crl").string() + " " +
                             (folder / "one.pem").string() + " 2>&1";
    ca::Process process;
    process.name = "openssl";
    process.arguments = ca::shell(line);
    return ca::run_process(process).value().output;
  };
  CHECK(verdict(first).find("certificate revoked") != std::string::npos);
  CHECK(verdict(second).find(": OK") != std::string::npos);
  REQUIRE(ca::sign_local_crl(folder / "ca", 1));
  CHECK(verdict(second).find(": OK") != std::string::npos);
  CHECK(content(folder / "ca" / "crlnumber") == "03\n");

  REQUIRE(ca::make_local_authority(folder / "other", {}));
  const auto other = ca::open_local_authority(folder / "other").value();
  const auto refused = other->revoke(first, ca::Reason::unspecified);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::not_found);
  std::ofstream{folder / "ca" / "index.txt"} << "nonsense\n";
  CHECK(authority->revoke(second, ca::Reason::unspecified).error().code == Errc::corrupt);
}

TEST_CASE("a command authority is told what to revoke, and why [A2]") {
  const Folder folder;
  REQUIRE(ca::make_local_authority(folder / "ca", {}));
  const SoftwareKey key{KeyAlgorithm::p256};
  const Bytes certificate = ca::open_local_authority(folder / "ca").value()->issue(order(key)).value();
  const auto tell = [&](const std::string& line) {
    return ca::make_command_authority(line, std::chrono::seconds{20})
        ->revoke(certificate, ca::Reason::privilege_withdrawn);
  };
  REQUIRE(tell("echo $CARDEA_ACTION $CARDEA_REASON $CARDEA_SERIAL > " + (folder / "said").string() +
               "; cat > " + (folder / "given.pem").string()));
  CHECK(content(folder / "said") ==
        "revoke privilegeWithdrawn " + ca::describe_certificate(certificate).value().serial + "\n");
  CHECK(ca::certificate_from_pem(content(folder / "given.pem")).value() == certificate);
  CHECK(tell("exit 9").error().what == "the CA command ended with exit code 9");
}

TEST_CASE("reasons are spelt as RFC 5280 does [RFC5280#5.3.1]") {
  for (const auto* name : {"unspecified", "keyCompromise", "affiliationChanged", "superseded",
                           "cessationOfOperation", "certificateHold", "privilegeWithdrawn"}) {
    REQUIRE(ca::reason_named(name));
    CHECK(ca::name(*ca::reason_named(name)) == name);
  }
  CHECK_FALSE(ca::reason_named("lost"));
}
