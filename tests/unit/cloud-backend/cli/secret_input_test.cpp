#include "secret_input.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <fstream>

#include "cardea/test/own_memory.h"
#include "cardea/test/print.h"
#include "cardea/test/temp_dir.h"
#include "share_files.h"

using namespace cardea;
using namespace cardea::cli;
using cardea::test::Marker;
using cardea::test::TempDir;

namespace {

void put(const std::string& file, const std::string& text) {
  std::ofstream{file, std::ios::binary} << text;
}

std::string text_of(const std::optional<SecretBytes>& line) {
  return line ? std::string{characters_of(*line)} : "nothing";
}

}  // namespace

TEST_CASE("secret lines: one after the other, without their ends, and nothing is read ahead") {
  const TempDir dir;
  put(dir / "lines", "first\r\n\nthird\nwithout an end");
  const int in = ::open((dir / "lines").c_str(), O_RDONLY | O_CLOEXEC);
  CHECK(text_of(secret_line(in)) == "first");
  CHECK(::lseek(in, 0, SEEK_CUR) == 7);
  CHECK(text_of(secret_line(in)).empty());
  CHECK(text_of(secret_line(in)) == "third");
  CHECK(text_of(secret_line(in)) == "without an end");
  CHECK(text_of(secret_line(in)) == "nothing");
  ::close(in);
  put(dir / "long", std::string(2000, 'k') + "\nnext\n");
  CHECK(secret_line_of(dir / "long").value().size() == 1024);
}

TEST_CASE("secrets of files leave no copy in memory when they are done with") {
  const TempDir dir;
  const Marker marker;
  const std::string more(20'000, 'x');
  marker.write(dir / "secret", "", "\n" + more);
  CHECK(marker.copies() == 0);
  {
    const auto line = secret_line_of(dir / "secret");
    REQUIRE(line);
    CHECK(line->size() == 32);
    CHECK(marker.copies() == 1);
    const auto whole = secret_file(dir / "secret");
    REQUIRE(whole);
    CHECK(whole->size() == 33 + more.size());
    CHECK(marker.copies() == 2);
  }
  CHECK(marker.copies() == 0);
  // A line of a share has twenty characters at most, so this is none; it was looked at for one.
  CHECK(share_in(dir / "secret").error().code == Errc::invalid);
  CHECK(marker.copies() == 0);
}

TEST_CASE("secret files that will not do") {
  const TempDir dir;
  const std::string none = dir / "none";
  CHECK(secret_file(none).error() ==
        Error{Errc::not_found, "cannot read " + none + ": No such file or directory"});
  CHECK(secret_line_of(none).error() ==
        Error{Errc::not_found, "cannot read " + none + ": No such file or directory"});
  CHECK(secret_file(dir.path).error() ==
        Error{Errc::not_found, "cannot read " + dir.path.string() + ": Is a directory"});
  CHECK(secret_line_of(dir.path).error().what == "cannot read " + dir.path.string() + ": Is a directory");
  const std::string full = dir / "full";
  put(full, std::string(64U << 10U, 'k'));
  CHECK(secret_file(full).value().size() == 64U << 10U);
  put(full, std::string((64U << 10U) + 1, 'k'));
  CHECK(secret_file(full).error() == Error{Errc::invalid, full + " is longer than 64 KiB"});
}
