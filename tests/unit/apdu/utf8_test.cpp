#include "cardea/utf8.h"

#include <doctest/doctest.h>

#include <string>

using namespace std::string_literals;
using cardea::is_utf8;

TEST_CASE("utf8: the examples of RFC 3629, 7, and the ends of each range") {
  CHECK(is_utf8(""));
  CHECK(is_utf8("A\x00Z\x7F"s));
  CHECK(is_utf8("\x41\xE2\x89\xA2\xCE\x91\x2E"));
  CHECK(is_utf8("\xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4"));
  CHECK(is_utf8("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"));
  CHECK(is_utf8("\xEF\xBB\xBF\xF0\xA3\x8E\xB4"));
  for (const char* text :
       {"\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xEC\xBF\xBF", "\xED\x80\x80", "\xED\x9F\xBF",
        "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF3\xBF\xBF\xBF", "\xF4\x8F\xBF\xBF"}) {
    CAPTURE(text);
    CHECK(is_utf8(text));
  }
}

TEST_CASE("utf8: what RFC 3629, 3 and 4 exclude") {
  // On their own, cut off, or in the place of another.
  for (const char* text : {"\x80", "\xBF", "a\xFF", "\xFE", "\xC3", "\xE2\x89", "\xF0\x90\x80", "\xC3(",
                           "\xE2(\x89", "\xE2\x89(", "\xF0\x90\x80("}) {
    CAPTURE(text);
    CHECK_FALSE(is_utf8(text));
  }
  // Longer than is needed; surrogates; above U+10FFFF.
  for (const char* text : {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xED\xA0\x80",
                           "\xED\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80"}) {
    CAPTURE(text);
    CHECK_FALSE(is_utf8(text));
  }
}
