#include "cardea/audit/row.h"

#include <doctest/doctest.h>

#include "cardea/hex.h"

using namespace cardea;
using namespace cardea::audit;

namespace {

Row pin() {
  return {"pins", {{"ref", std::int64_t{128}, true}, {"card", std::int64_t{7}, true}, {"hash", Bytes{0xAB}}}};
}

}  // namespace

TEST_CASE("[B8] a row has one encoding, in the order of its columns' names") {
  const auto encoded = encode_row(pin());
  CHECK(to_hex(encoded) ==
        "01"
        "000470696E73"
        "0003"
        "0004"
        "63617264"
        "01"
        "00000008"
        "0000000000000007"
        "0004"
        "68617368"
        "04"
        "00000001"
        "AB"
        "0003"
        "726566"
        "01"
        "00000008"
        "0000000000000080");
  auto turned = pin();
  std::swap(turned.columns[0], turned.columns[2]);
  CHECK(encode_row(turned) == encoded);
}

TEST_CASE("[B8] a row written column by column has the same encoding") {
  Bytes out{0xFF, 0xFF};  // what was in the buffer before is gone
  RowWriter writer{out, RowWriter::Form::row, "pins"};
  writer.integer("card", 7);
  writer.blob("hash", Bytes{0xAB});
  writer.integer("ref", 128);
  CHECK(out == encode_row(pin()));

  RowWriter key{out, RowWriter::Form::key, "pins"};
  key.integer("card", 7);
  key.integer("ref", 128);
  CHECK(out == encode_key(pin()));

  const Row mixed{"t", {{"a", -1.5}, {"b", std::string{"text"}}, {"c", std::int64_t{-2}}}};
  RowWriter all{out, RowWriter::Form::row, "t"};
  all.real("a", -1.5);
  all.text("b", "text");
  all.integer("c", -2);
  CHECK(out == encode_row(mixed));
}

TEST_CASE("[B8] the number of columns takes two octets") {
  Bytes out;
  RowWriter writer{out, RowWriter::Form::row, "t"};
  for (int i = 0; i < 300; ++i)
    writer.text("c", "");
  CHECK(to_hex(BytesView{out}.subspan(4, 2)) == "012C");
}

TEST_CASE("[B8] a deleted row leaves its key") {
  CHECK(to_hex(encode_key(pin())) ==
        "02"
        "000470696E73"
        "0002"
        "0004"
        "63617264"
        "01"
        "00000008"
        "0000000000000007"
        "0003"
        "726566"
        "01"
        "00000008"
        "0000000000000080");
  CHECK(describe(encode_key(pin())) == "table pins, row card=7 ref=128");
  CHECK(is_tombstone(encode_key(pin())));
  CHECK_FALSE(is_tombstone(encode_row(pin())));
}

TEST_CASE("[B8] nothing is left out, and looks like no empty value") {
  auto with = pin();
  with.columns.push_back({"since", std::monostate{}});
  CHECK(encode_row(with) == encode_row(pin()));
  with.columns.back().value = Bytes{};
  const auto empty = encode_row(with);
  CHECK(empty != encode_row(pin()));
  with.columns.back().value = std::string{};
  CHECK(encode_row(with) != empty);
}

TEST_CASE("[B8] values of different types differ") {
  Row row{"t", {{"a", std::int64_t{0x31}}}};
  const auto number = encode_row(row);
  row.columns[0].value = std::string{"1"};
  const auto text = encode_row(row);
  row.columns[0].value = Bytes{0x31};
  CHECK(text != number);
  CHECK(encode_row(row) != text);
  row.columns[0].value = 2.5;
  const auto back = decode(encode_row(row));
  REQUIRE(back);
  CHECK(std::get<double>(back->columns[0].value) == 2.5);
}

TEST_CASE("only exact encodings are read back") {
  const auto encoded = encode_row(pin());
  const auto row = decode(encoded);
  REQUIRE(row);
  CHECK(encode_row(*row) == encoded);
  for (std::size_t n = 0; n < encoded.size(); ++n)
    CHECK_FALSE(decode(BytesView{encoded}.first(n)));
  auto longer = encoded;
  longer.push_back(0);
  CHECK_FALSE(decode(longer));
}
