#include "cardea/apdu/class_byte.h"

#include <doctest/doctest.h>

namespace cardea::apdu {

TEST_CASE("class byte: first interindustry values [ISO7816-4#5.4.1]") {
  CHECK(parse_class_byte(0x00) == ClassByte{0x00, 0, false, true, SecureMessaging::none});
  CHECK(parse_class_byte(0x03) == ClassByte{0x03, 3, false, true, SecureMessaging::none});
  CHECK(parse_class_byte(0x04) == ClassByte{0x04, 0, false, true, SecureMessaging::proprietary});
  CHECK(parse_class_byte(0x08) == ClassByte{0x08, 0, false, true, SecureMessaging::header_not_processed});
  CHECK(parse_class_byte(0x0C) == ClassByte{0x0C, 0, false, true, SecureMessaging::header_authenticated});
  CHECK(parse_class_byte(0x10) == ClassByte{0x10, 0, true, true, SecureMessaging::none});
  CHECK(parse_class_byte(0x1F) == ClassByte{0x1F, 3, true, true, SecureMessaging::header_authenticated});
}

TEST_CASE("class byte: further interindustry values have channels 4 to 19") {
  CHECK(parse_class_byte(0x40) == ClassByte{0x40, 4, false, true, SecureMessaging::none});
  CHECK(parse_class_byte(0x4F) == ClassByte{0x4F, 19, false, true, SecureMessaging::none});
  CHECK(parse_class_byte(0x50) == ClassByte{0x50, 4, true, true, SecureMessaging::none});
  CHECK(parse_class_byte(0x60) == ClassByte{0x60, 4, false, true, SecureMessaging::header_not_processed});
  CHECK(parse_class_byte(0x7F) == ClassByte{0x7F, 19, true, true, SecureMessaging::header_not_processed});
}

TEST_CASE("class byte: proprietary values") {
  CHECK(parse_class_byte(0x80) == ClassByte{0x80, 0, false, false, SecureMessaging::none});
  CHECK(parse_class_byte(0x84) == ClassByte{0x84, 0, false, false, SecureMessaging::proprietary});
  CHECK(parse_class_byte(0x94) == ClassByte{0x94, 0, true, false, SecureMessaging::proprietary});
  CHECK(parse_class_byte(0xFE).has_value());
}

TEST_CASE("class byte: FF and 20 to 3F are none") {
  CHECK_FALSE(parse_class_byte(0xFF).has_value());
  for (unsigned cla = 0x20; cla < 0x40; ++cla)
    CHECK_FALSE(parse_class_byte(static_cast<std::uint8_t>(cla)).has_value());
}

TEST_CASE("class byte: all 256 keep their value; chaining is bit 10 and can be taken away") {
  for (unsigned cla = 0; cla < 256; ++cla) {
    const auto parsed = parse_class_byte(static_cast<std::uint8_t>(cla));
    if (!parsed) continue;
    CHECK(parsed->value == cla);
    CHECK(parsed->chaining == ((cla & 0x10U) != 0));
    CHECK(parsed->without_chaining() == (cla & 0xEFU));
    CHECK(parsed->channel < 20);
  }
}

}  // namespace cardea::apdu
