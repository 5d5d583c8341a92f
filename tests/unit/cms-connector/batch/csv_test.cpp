#include "cardea/cms/batch/csv.h"

#include <doctest/doctest.h>

using cardea::cms::batch::parse_csv;

namespace {

using Fields = std::vector<std::string>;

std::vector<Fields> fields(std::string_view text) {
  std::vector<Fields> out;
  const auto rows = parse_csv(text).value();
  for (const auto& row : rows)
    out.push_back(row.fields);
  return out;
}

std::string complaint(std::string_view text) {
  const auto rows = parse_csv(text);
  REQUIRE_FALSE(rows);
  return rows.error().what;
}

}  // namespace

TEST_CASE("RFC 4180: commas, quotes, line breaks; LF, CR LF, and no line end at the end [A2]") {
  CHECK(fields("a,b\r\nc,d\r\n") == std::vector<Fields>{{"a", "b"}, {"c", "d"}});
  CHECK(fields("a,b\nc,d") == std::vector<Fields>{{"a", "b"}, {"c", "d"}});
  CHECK(fields("\"a, b\",\"say \"\"no\"\"\"\n") == std::vector<Fields>{{"a, b", "say \"no\""}});
  CHECK(fields("\"two\r\nlines\",x\n") == std::vector<Fields>{{"two\r\nlines", "x"}});
  CHECK(fields(",\n\"\",\n") == std::vector<Fields>{{"", ""}, {"", ""}});
  CHECK(fields("").empty());
}

TEST_CASE("a byte order mark is no part of the first name; empty lines are skipped [A2]") {
  CHECK(fields("\xEF\xBB\xBFname\n\n\nAda\n") == std::vector<Fields>{{"name"}, {"Ada"}});
}

TEST_CASE("rows know the line on which they begin, after fields of several lines too [A2]") {
  const auto rows = parse_csv("a\n\"x\ny\"\n\nz\n").value();
  REQUIRE(rows.size() == 3);
  CHECK(rows[1].line == 2);
  CHECK(rows[2].line == 5);
}

TEST_CASE("what is no table is refused with line and column [A2]") {
  CHECK(complaint("a,b\nc,d\"e\n") ==
        "line 2, column 2: a quote stands in a field that does not begin with one");
  CHECK(complaint("a\n\"b\"c\n") == "line 2, column 1: there is text after the quote that ends the field");
  CHECK(complaint("a,\"b\n\nc\n") == "line 1, column 2: the quote that begins here is not closed");
  CHECK(complaint("a\rb\r") ==
        "line 1, column 1: a line ends with CR alone; save the table with LF or CR LF");
  CHECK(complaint("a\nb,J\xF6rg\n") == "line 2, column 2: the text is not UTF-8; save the table as UTF-8");
  CHECK(complaint("a\nb\x01\n") == "line 2, column 1: there is a control character in the text");
  CHECK(complaint("\xFF\xFE\x61\x00") == "line 1: the table is UTF-16; save it as UTF-8");
}
