#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>

#include "cardea/cms/ca/authority.h"
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
