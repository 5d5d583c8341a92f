#include "cardea/cms/batch/record.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "../folder.h"
#include "cardea/cms/ca/files.h"

using namespace cardea;
using namespace cardea::cms::batch;
namespace fs = std::filesystem;

namespace {

Record sample() {
  Record out;
  out.plan = "{}";
  out.reader = "Cardea";
  out.seal_to = "PEM";
  out.keep_secrets = true;
  Entry ada;
  ada.person = {2, "7", {"CN=Ada", "ada@corp.example", "ada@example.org"}};
  ada.stage = Stage::done;
  ada.guid = "00112233445566778899AABBCCDDEEFF";
  ada.serial = 4711;
  ada.certificates = {{"9A", "01"}};
  ada.given_up = {"FF112233445566778899AABBCCDDEEFF"};
  Entry ben;
  ben.person = {3, "", {"CN=Ben", "", ""}};
  ben.stage = Stage::failed;
  ben.guid = "11112233445566778899AABBCCDDEEFF";
  ben.reason = "the CA command ended with exit code 3";
  out.entries = {ada, ben};
  return out;
}

std::string refused(std::string_view text) {
  const auto record = parse_record(text);
  REQUIRE_FALSE(record);
  return record.error().what;
}

}  // namespace

TEST_CASE("a record says the same after it was written and read [A2]") {
  const Record before = sample();
  const auto after = parse_record(to_text(before)).value();
  CHECK(after.plan == before.plan);
  CHECK(after.reader == before.reader);
  CHECK(after.seal_to == before.seal_to);
  CHECK(after.keep_secrets);
  CHECK(after.entries == before.entries);
}

TEST_CASE("a damaged record is refused, with the place [A2]") {
  CHECK(refused("{").find("the batch's record is damaged") == 0);
  CHECK(refused("{\"version\":2}").find("another version") != std::string::npos);
  std::string text = to_text(sample());
  text.replace(text.find("\"failed\""), 8, "\"future\"");
  CHECK(refused(text) ==
        "the batch's record is damaged: people[1]: \"stage\" must be pending, issuing, done or failed");
}

TEST_CASE("the folder and what is in it are for their owner [B9]") {
  const cms::testing::Folder place;
  const Folder folder{place / "batch"};
  REQUIRE(folder.make());
  REQUIRE(RecordFile{folder.record()}.save(sample()));
  struct stat status {};
  REQUIRE(::stat((place / "batch").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0700);
  REQUIRE(::stat(folder.record().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
  CHECK(RecordFile{folder.record()}.load().value().entries.size() == 2);
}

TEST_CASE("a shredded file is gone, and one that is not there is no error [B9]") {
  const cms::testing::Folder place;
  REQUIRE(cms::ca::create_file(place / "secret", "123456", 0600));
  CHECK(shred(place / "secret"));
  CHECK_FALSE(fs::exists(place / "secret"));
  CHECK(shred(place / "secret"));
  fs::create_directory(place / "directory");
  CHECK_FALSE(shred(place / "directory"));
}

TEST_CASE("two programs do not work on one batch [A2]") {
  const cms::testing::Folder place;
  const auto first = cms::ca::FileLock::try_take(place / "lock");
  REQUIRE(first);
  const auto second = cms::ca::FileLock::try_take(place / "lock");
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Errc::conflict);
}
