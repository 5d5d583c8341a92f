#include "key_ceremony.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iostream>
#include <sstream>

#include "cardea/hex.h"
#include "cardea/test/print.h"
#include "cardea/test/temp_dir.h"

using namespace cardea;
using namespace cardea::cli;

namespace {

/// Standard input and standard error of the ceremony while it lives.
class Table {
 public:
  explicit Table(const std::string& typed) : before_{::dup(STDIN_FILENO)} {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    REQUIRE(::write(ends[1], typed.data(), typed.size()) == static_cast<ssize_t>(typed.size()));
    ::close(ends[1]);
    ::dup2(ends[0], STDIN_FILENO);
    ::close(ends[0]);
    old_ = std::cerr.rdbuf(said_.rdbuf());
  }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  ~Table() {
    std::cerr.rdbuf(old_);
    ::dup2(before_, STDIN_FILENO);
    ::close(before_);
  }
  [[nodiscard]] std::string said() const { return said_.str(); }

 private:
  int before_;
  std::ostringstream said_;
  std::streambuf* old_ = nullptr;
};

std::string hex(const SecretBytes& key) {
  return to_hex(key.expose());
}

void put(const std::string& file, const std::string& text, mode_t mode) {
  std::ofstream{file} << text;
  REQUIRE(::chmod(file.c_str(), mode) == 0);
}

constexpr const char* kKey = "404142434445464748494A4B4C4D4E4F";

}  // namespace

TEST_CASE("check values of the well-known key [GPCS2.3.1#B.5]") {
  const auto value = [](const char* algorithm, const char* key) {
    return check_value({algorithm, false}, SecretBytes{from_hex(key).value()}).value();
  };
  CHECK(value("tdes-2key", kKey) == "8BAF47");
  CHECK(value("aes-128", kKey) == "504A77");
  CHECK(value("aes-192", "404142434445464748494A4B4C4D4E4F5051525354555657") == "FFCD73");
  CHECK(value("aes-256", "404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F") == "ECDCD8");
  CHECK_FALSE(check_value({"aes-256", false}, SecretBytes{16}).has_value());
}

TEST_CASE("components are added bit by bit, and each is confirmed by its check value [A6]") {
  Table table{
      "0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F\n# the second officer\n\n"
      "4f4e4d4c4b4a49484746454443424140\r\n"};
  const auto keys = keys_from_components({"aes-128", false}, 2);
  REQUIRE(keys.has_value());
  REQUIRE(keys->size() == 1);
  CHECK(hex(keys->front()) == kKey);
  CHECK(table.said().ends_with(
      "component 2 of 2, master key: check value " +
      check_value({"aes-128", false}, SecretBytes{from_hex("4F4E4D4C4B4A49484746454443424140").value()})
          .value() +
      "\nmaster key: check value 504A77\n"));
  CHECK(table.said().find("0F0F") == std::string::npos);
}

TEST_CASE("a set of three is three sums") {
  std::string typed;
  for (const char* digit : {"1", "2", "3", "4", "5", "6"}) {
    for (int i = 0; i < 32; ++i)
      typed += digit;
    typed += '\n';
  }
  Table table{typed};
  const auto keys = keys_from_components({"tdes-2key", true}, 2);
  REQUIRE(keys.has_value());
  REQUIRE(keys->size() == 3);
  CHECK(hex((*keys)[0]) == "33333333333333333333333333333333");
  CHECK(hex((*keys)[1]) == "77777777777777777777777777777777");
  CHECK(hex((*keys)[2]) == "33333333333333333333333333333333");
  CHECK(table.said().find("DEK: check value ") != std::string::npos);
}

TEST_CASE("a component that is none, or that is missing, ends a ceremony that nobody watches") {
  {
    const Table table{"0F0F\n"};
    CHECK(keys_from_components({"aes-128", false}, 2).error() ==
          Error{Errc::invalid, "this is no key of the kind aes-128: it has 32 hexadecimal digits"});
  }
  const Table table{std::string{kKey} + "\n"};
  CHECK(keys_from_components({"aes-128", false}, 2).error() ==
        Error{Errc::invalid, "component 2 of 2, master key is missing"});
}

TEST_CASE("a file of keys is read by its owner alone") {
  const test::TempDir directory;
  const auto file = (directory / "keys").string();
  const std::string line = std::string{kKey} + "\n";
  put(file, "# of the CMS\n" + line, 0600);
  const auto one = keys_in_file({"aes-128", false}, file);
  REQUIRE(one.has_value());
  CHECK(hex(one->front()) == kKey);
  CHECK(keys_in_file({"aes-128", true}, file).error() ==
        Error{Errc::invalid, file + " must hold three keys, one a line: ENC, MAC and DEK"});
  put(file, line + line + line, 0400);
  CHECK(keys_in_file({"tdes-2key", true}, file)->size() == 3);
  CHECK(keys_in_file({"tdes-2key", false}, file).error() ==
        Error{Errc::invalid, file + " must hold one key; for ENC, MAC and DEK add --three"});
  CHECK(keys_in_file({"aes-256", true}, file).error().code == Errc::invalid);
  REQUIRE(::chmod(file.c_str(), 0640) == 0);
  CHECK(keys_in_file({"tdes-2key", true}, file).error() ==
        Error{Errc::denied, "others than its owner may read " + file + " (chmod 600 it), or it is no file"});
  CHECK(keys_in_file({"tdes-2key", true}, (directory / "none").string()).error().code == Errc::not_found);
}
