#include <doctest/doctest.h>

#include "cardea/cms/piv/card.h"
#include "scripted_channel.h"

using namespace cardea;
using namespace cardea::cms;
using namespace cardea::cms::piv;
using testing::ScriptedChannel;

namespace {

SecretBytes field(std::string_view pin) {
  return pin_field(as_bytes(pin)).value();
}

Error verify_error(const std::string& status_word) {
  ScriptedChannel channel{{{"0020008008313233343536FFFF", status_word}}};
  const auto error = make_piv_card(channel)->verify_pin(field("123456")).error();
  CHECK(channel.finished());  // tried once, whatever the answer
  return error;
}

}  // namespace

TEST_CASE("opening asks for tries, version and serial number, each of them optional") {
  ScriptedChannel yubico{{{"00A4040009A0000003080000100000", "61009000"},
                          {"00200080", "63C3"},
                          {"00FD000000", "0504039000"},
                          {"00F8000000", "00C0FFEE9000"}}};
  const auto facts = make_piv_card(yubico)->open();
  REQUIRE(facts);
  CHECK(facts->pin_tries == 3U);
  CHECK(facts->serial == 0x00C0FFEEU);
  CHECK(yubico.finished());

  ScriptedChannel nist{
      {{"00A4040009A0000003080000100000", "61009000"}, {"00200080", "6983"}, {"00FD000000", "6D00"}}};
  const auto plain = make_piv_card(nist)->open();
  REQUIRE(plain);
  CHECK(plain->pin_tries == 0U);
  CHECK_FALSE(plain->version);

  ScriptedChannel other{{{"00A4040009A0000003080000100000", "6A82"}}};
  CHECK(make_piv_card(other)->open().error() == Error{Errc::unsupported, "this card has no PIV application"});
}

TEST_CASE("a refused PIN is an error that says how many tries are left, and is never tried again") {
  CHECK(verify_error("63C2") ==
        Error{Errc::denied, "wrong PIN, 2 tries left; it was tried once and will not be tried again"});
  CHECK(verify_error("6983") ==
        Error{Errc::denied, "the PIN of the card is blocked; unblock it with the PUK first"});
  CHECK(verify_error("6A80").code == Errc::invalid);
}

TEST_CASE("a refused PUK is told from a refused PIN") {
  ScriptedChannel channel{{{"002400811031323334353637383837363534333231", "63C1"}}};
  const auto refused =
      make_piv_card(channel)->change_reference(kPukReference, field("12345678"), field("87654321"));
  CHECK(refused.error() ==
        Error{Errc::denied, "wrong PUK, 1 try left; it was tried once and will not be tried again"});
}

TEST_CASE("authentication tells a wrong algorithm from a wrong key") {
  ScriptedChannel algorithm{{{"0087039B047C02800000", "6A86"}}};
  const auto unknown = make_piv_card(algorithm)->authenticate(factory_admin_key());
  CHECK(unknown.error().code == Errc::denied);
  CHECK(unknown.error().what.find("does not take 3DES") != std::string::npos);

  ScriptedChannel malformed{{{"0087039B047C02800000",
                              "7C0480021122"
                              "9000"}}};
  CHECK(make_piv_card(malformed)->authenticate(factory_admin_key()).error().code == Errc::corrupt);
}

TEST_CASE("an object is read without its 53; absent and empty are the same") {
  ScriptedChannel there{{{"00CB3FFF055C035FC10200",
                          "53020102"
                          "9000"}}};
  CHECK(make_piv_card(there)->read_object(tag::kChuid).value() == Bytes{1, 2});
  ScriptedChannel absent{{{"00CB3FFF055C035FC10200", "6A82"}}};
  CHECK(make_piv_card(absent)->read_object(tag::kChuid).value() == std::nullopt);
  ScriptedChannel empty{{{"00CB3FFF055C035FC10200",
                          "5300"
                          "9000"}}};
  CHECK(make_piv_card(empty)->read_object(tag::kChuid).value() == std::nullopt);
  ScriptedChannel broken{{{"00CB3FFF055C035FC10200",
                           "530201"
                           "9000"}}};
  CHECK(make_piv_card(broken)->read_object(tag::kChuid).error().code == Errc::corrupt);
}

TEST_CASE("metadata is optional; what it says about factory values is understood") {
  ScriptedChannel without{{{"00F7008000", "6D00"}}};
  CHECK(make_piv_card(without)->metadata(kPinReference).value() == std::nullopt);
  ScriptedChannel with{{{"00F7008000", "0101FF050101060203039000"}}};
  const auto metadata = make_piv_card(with)->metadata(kPinReference).value();
  REQUIRE(metadata);
  CHECK(metadata->factory_value == true);
}

TEST_CASE("a card that is gone is unavailable, a full one exhausted, an unknown command unsupported") {
  ScriptedChannel gone{{{"00CB3FFF055C035FC10200", ""}}};
  CHECK(make_piv_card(gone)->read_object(tag::kChuid).error() ==
        Error{Errc::unavailable, "the card was removed"});
  ScriptedChannel full{{{"00DB3FFF085C035FC102530101", "6A84"}}};
  CHECK(make_piv_card(full)->write_object(tag::kChuid, Bytes{1}).error().code == Errc::exhausted);
  ScriptedChannel plain{{{"00FFFFFF1B039B18010203040506070801020304050607080102030405060708", "6D00"}}};
  CHECK(make_piv_card(plain)->set_management_key(factory_admin_key()).error().code == Errc::unsupported);
}
