#include "cardea/witness/state.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "cardea/witness/request.h"
#include "fixture.h"

using namespace cardea;
using namespace cardea::witness;
using cardea::witness::test::Log;
using cardea::witness::test::Witness;

namespace {

std::string contents(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void replace(const std::filesystem::path& file, const std::string& text) {
  std::ofstream{file, std::ios::binary | std::ios::trunc} << text;
}

mode_t mode_of(const std::filesystem::path& file) {
  struct stat info {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  return info.st_mode & 0777;
}

}  // namespace

TEST_CASE("[B8] a witness has one key, which others cannot read") {
  const cardea::test::TempDir dir;
  const auto path = dir.path / "state";
  CHECK(State::open(path).error().code == Errc::not_found);
  for (const auto* bad : {"", "two words", "a+b", "a\nb"})
    CHECK(State::init(path, bad).error().code == Errc::invalid);
  const auto key = State::init(path, "witness.example/1").value();
  CHECK(key.name == "witness.example/1");
  CHECK(audit::parse_cosigner_key(audit::to_text(key)).value() == key);
  CHECK(State::init(path, "witness.example/2").error().code == Errc::conflict);
  CHECK(State::open(path).value().key() == key);
  CHECK(mode_of(path) == 0700);
  CHECK(mode_of(path / "key.pem") == 0600);
  REQUIRE(::chmod((path / "key.pem").c_str(), 0640) == 0);
  CHECK(State::open(path).error().code == Errc::denied);
}

TEST_CASE("[B8] a log is trusted once, with one key, until it is forgotten") {
  Log log;
  const Witness witness{log};
  auto state = State::open(witness.dir.path).value();
  CHECK(state.trust(log.origin, log.key()).error().what == log.origin + " is followed already");
  const audit::test::Signer other{"cardea.example"};
  CHECK(state.trust(log.origin, other.key()).error().what ==
        log.origin + " is followed already, with another key");
  CHECK(state.trust("two\nlines", log.key()).error().code == Errc::invalid);
  CHECK(state.logs().size() == 1);
  REQUIRE(state.forget(log.origin));
  CHECK(state.forget(log.origin).error().code == Errc::not_found);
  CHECK(State::open(witness.dir.path).value().logs().empty());
  CHECK(state.trust(log.origin, other.key()));
}

TEST_CASE("[B8] one process serves a directory") {
  const cardea::test::TempDir dir;
  {
    const auto lock = Lock::take(dir.path);
    REQUIRE(lock);
    CHECK(Lock::take(dir.path).error().code == Errc::conflict);
  }
  CHECK(Lock::take(dir.path));
}

TEST_CASE("[B8] a witness whose files were damaged does not start, and takes no older state for its own") {
  Log log;
  Witness witness{log};
  log.grow_to(3);
  REQUIRE(witness.open().add_checkpoint(log.request(0)).status == 200);
  const auto file = std::filesystem::directory_iterator {
    witness.dir.path / "logs"
    } -> path();
  const auto good = contents(file);
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    replace(file, bad);
    CAPTURE(i);
    CHECK(State::open(witness.dir.path).error().code == Errc::corrupt);
  }
  std::size_t key_ends = 0;
  for (int line = 0; line < 3; ++line)  // version, origin, key
    key_ends = good.find('\n', key_ends) + 1;
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    replace(file, good.substr(0, size));
    const auto state = State::open(witness.dir.path);
    if (size == key_ends) {
      // Cut off right after the log's key it is one that was never seen: only the disk could do that, and
      // files are replaced as a whole.
      REQUIRE(state);
      CHECK(state->logs().begin()->second.note.empty());
    } else {
      REQUIRE_FALSE(state);
      CHECK(state.error().code == Errc::corrupt);
    }
  }
  replace(file, good);
  CHECK(State::open(witness.dir.path).value().logs().begin()->second.size == 3);
}
