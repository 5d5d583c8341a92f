#include "cardea/apdu/tlv.h"

#include "cardea/test/print.h"

namespace cardea::apdu {

namespace {

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

}  // namespace

TEST_CASE("TLV: tags of one to four octets, as printed [ISO7816-4#5.2.2.1]") {
  struct Row {
    const char* octets;
    std::uint32_t tag;
  };
  for (const auto& row : {Row{"5C 01 7E", 0x5C}, Row{"5F2F 01 7E", 0x5F2F}, Row{"7F49 01 7E", 0x7F49},
                          Row{"5FC105 01 7E", 0x5FC105}, Row{"5FFFFF01 01 7E", 0x5FFFFF01}}) {
    const auto octets = hex(row.octets);
    const auto tlv = read_tlv(octets);
    REQUIRE(tlv.has_value());
    CHECK(tlv->tag == row.tag);
    CHECK(to_hex(tlv->value) == "7E");
    CHECK(equal(tlv->whole, octets));
  }
  CHECK_FALSE(read_tlv(hex("5FFFFFFF01 01 7E")).has_value());
}

TEST_CASE("TLV: lengths short and long, padded ones too [ISO7816-4#5.2.2.2]") {
  for (const auto* text : {"53 00", "53 8100", "53 820000", "53 83000000", "53 8400000000"}) {
    const auto octets = hex(text);
    const auto tlv = read_tlv(octets);
    REQUIRE(tlv.has_value());
    CHECK(tlv->value.empty());
    CHECK(tlv->whole.size() == octets.size());
  }
  for (const std::size_t size : {1U, 127U, 128U, 255U, 256U, 65535U, 65536U}) {
    const Bytes value(size, 0x5A);
    const auto octets = make_tlv(0x53, value);
    const auto tlv = read_tlv(octets);
    REQUIRE(tlv.has_value());
    CHECK(equal(tlv->value, value));
    CHECK(tlv->whole.size() == octets.size());
  }
}

TEST_CASE("TLV: writing uses the fewest octets") {
  CHECK(to_hex(make_tlv(0x53, {})) == "5300");
  CHECK(to_hex(make_tlv(0x5FC105, hex("AA"))) == "5FC10501AA");
  CHECK(to_hex(BytesView{make_tlv(0x53, Bytes(127))}.first(2)) == "537F");
  CHECK(to_hex(BytesView{make_tlv(0x53, Bytes(128))}.first(3)) == "538180");
  CHECK(to_hex(BytesView{make_tlv(0x53, Bytes(255))}.first(3)) == "5381FF");
  CHECK(to_hex(BytesView{make_tlv(0x53, Bytes(256))}.first(4)) == "53820100");
  CHECK(to_hex(BytesView{make_tlv(0x53, Bytes(65536))}.first(5)) == "5383010000");
}

TEST_CASE("TLV: indefinite, oversized and truncated lengths are malformed") {
  for (const auto* text : {"", "53", "5F", "5FC1", "5FC105", "53 80", "53 85 0000000000", "53 01", "53 81",
                           "53 82 00", "53 02 AA", "53 84 FFFFFFFF", "53 84 FFFFFFFF AA"}) {
    CAPTURE(text);
    CHECK_FALSE(read_tlv(hex(text)).has_value());
  }
}

TEST_CASE("TLV: siblings in order; a rest that is no object spoils all") {
  const auto octets = hex("80 01 07  AA 01 03  80 01 11");
  const auto objects = read_tlvs(octets);
  REQUIRE(objects.has_value());
  REQUIRE(objects->size() == 3);
  CHECK(to_hex(*find(*objects, 0x80)) == "07");
  CHECK(to_hex(*find(*objects, 0xAA)) == "03");
  CHECK_FALSE(find(*objects, 0xAB).has_value());
  CHECK(read_tlvs({}).value().empty());
  CHECK_FALSE(read_tlvs(hex("80 01 07 AA")).has_value());
  CHECK_FALSE(read_tlvs(hex("80 01 07 00")).has_value());
}

TEST_CASE("TLV: templates nest") {
  const auto inner = make_tlv(0x86, hex("04AABB"));
  const auto octets = make_template(0x7F49, {inner, make_tlv(0x81, {})});
  CHECK(to_hex(octets) == "7F4907860304AABB8100");
  const auto outer = read_tlv(octets);
  REQUIRE(outer.has_value());
  CHECK(read_tlvs(outer->value)->size() == 2);
}

}  // namespace cardea::apdu
