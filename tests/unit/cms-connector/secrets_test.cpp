#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cardea/cms/ca/private_key.h"
#include "cardea/cms/ca/secret_files.h"
#include "cardea/cms/perso/secrets.h"
#include "cardea/hex.h"
#include "cardea/test/own_memory.h"

using namespace cardea;
using namespace cardea::cms;
using namespace cardea::cms::perso;
namespace fs = std::filesystem;

namespace {

SecretBytes secret(std::string_view text) {
  return SecretBytes{as_bytes(text)};
}
std::string hex(const SecretBytes& value) {
  return to_hex(value.expose());
}

Plan plan() {
  return parse_plan(R"({"name": "p", "management_key": {"algorithm": "aes128"},
    "slots": [{"slot": "9A", "algorithm": "p256", "certificate": {"key_usage": ["digitalSignature"]}}]})")
      .value();
}

struct Folder {
  fs::path path;
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "cardea-cms-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  Folder(Folder&&) = delete;
  Folder& operator=(Folder&&) = delete;
};

}  // namespace

TEST_CASE("a PIN keeps to the plan's rules, and no message repeats it") {
  const PinPlan digits{true, 6, true};
  CHECK(hex(*make_pin(secret("471147"), digits)) == "343731313437FFFF");
  CHECK(make_pin(secret("47114"), digits).error() ==
        Error{Errc::invalid, "the PIN must have 6 to 8 characters"});
  CHECK(make_pin(secret("471147123"), digits).error().code == Errc::invalid);
  CHECK(make_pin(secret("47114a"), digits).error() == Error{Errc::invalid, "the PIN must consist of digits"});
  CHECK(make_pin(secret("abcdef"), {true, 6, false}));
}

TEST_CASE("a PUK has eight characters, a management key the size of its algorithm") {
  CHECK(hex(*make_puk(secret("31415926"))) == "3331343135393236");
  CHECK(make_puk(secret("3141592")).error() == Error{Errc::invalid, "the PUK must have 8 characters"});
  CHECK(hex(make_management_key(secret("000102030405060708090A0B0C0D0E0f"), piv::AdminAlgorithm::aes128)
                ->value) == "000102030405060708090A0B0C0D0E0F");
  for (const auto* wrong :
       {"", "00", "000102030405060708090A0B0C0D0E0", "000102030405060708090A0B0C0D0E0g"}) {
    CHECK(make_management_key(secret(wrong), piv::AdminAlgorithm::aes128).error() ==
          Error{Errc::invalid, "the management key must be 32 hexadecimal digits (AES-128)"});
  }
  CHECK(guess_management_key(secret("010203040506070801020304050607080102030405060708"))->algorithm ==
        piv::AdminAlgorithm::tdes);
  CHECK(guess_management_key(secret("01")).error().code == Errc::invalid);
}

TEST_CASE("made-up secrets are written for their owner, once, and read back") {
  const Folder folder;
  const auto file = folder.path / "secrets";
  const auto made = generate_secrets_file(file, plan());
  REQUIRE(made);
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
  const auto read = read_secrets_file(file, plan());
  REQUIRE(read);
  CHECK(hex(*read->pin) == hex(*made->pin));
  CHECK(hex(*read->puk) == hex(*made->puk));
  CHECK(hex(read->management_key->value) == hex(made->management_key->value));
  CHECK(generate_secrets_file(file, plan()).error().code == Errc::conflict);
  CHECK(hex(*generate_secrets_file(folder.path / "second", plan())->puk) != hex(*made->puk));
}

TEST_CASE("secrets of files leave no copy in memory when they are done with") {
  const Folder folder;
  const std::string more(20'000, 'x');
  const cardea::test::Marker marker;
  marker.write(folder.path / "pin", "", "\n" + more);
  marker.write(folder.path / "key.pem", "-----BEGIN PRIVATE KEY-----\n", more);
  CHECK(marker.copies() == 0);
  {
    const auto line = read_secret_line(folder.path / "pin");
    REQUIRE(line);
    CHECK(line->size() == 32);
    CHECK(marker.copies() == 1);
    const auto whole = ca::read_secret_file(folder.path / "key.pem");
    REQUIRE(whole);
    CHECK(marker.copies() == 2);
  }
  CHECK(marker.copies() == 0);
  // No key, but what was looked at for one.
  CHECK(ca::read_private_key(folder.path / "key.pem", {}).error().code == Errc::corrupt);
  CHECK(marker.copies() == 0);
}

TEST_CASE("a secret file has its limit, and what cannot be read is said") {
  const Folder folder;
  const auto file = (folder.path / "secret").string();
  std::ofstream{file} << std::string(64U << 10U, 'k');
  CHECK(ca::read_secret_file(file).value().size() == 64U << 10U);
  std::ofstream{file, std::ios::app} << 'k';
  CHECK(ca::read_secret_file(file).error() == Error{Errc::invalid, file + " is longer than 64 KiB"});
  const auto none = (folder.path / "none").string();
  CHECK(ca::read_secret_file(none).error() ==
        Error{Errc::not_found, "cannot read " + none + ": No such file or directory"});
  CHECK(ca::read_secret_file(folder.path).error() ==
        Error{Errc::unavailable, folder.path.string() + ": cannot read a secret: Is a directory"});
}

TEST_CASE("a secret is the first line of its file") {
  const Folder folder;
  std::ofstream{folder.path / "pin"} << "471147\r\nnot this\n";
  CHECK(hex(*read_secret_line(folder.path / "pin")) == "343731313437");
  CHECK(read_secret_line(folder.path / "none").error().code == Errc::not_found);
}
