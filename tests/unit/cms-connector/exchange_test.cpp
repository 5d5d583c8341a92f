#include <doctest/doctest.h>

#include "cardea/cms/pcsc.h"
#include "scripted_channel.h"

using namespace cardea;
using namespace cardea::cms;
using testing::ScriptedChannel;

namespace {

apdu::Command command(std::uint8_t ins, Bytes data, std::optional<std::uint32_t> le) {
  apdu::Command out;
  out.ins = ins;
  out.data = std::move(data);
  out.le = le;
  return out;
}

std::string repeated(const std::string& octet, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i)
    out += octet;
  return out;
}

}  // namespace

TEST_CASE("61xx is followed by GET RESPONSE until the card is done [ISO7816-4#5.3.4]") {
  ScriptedChannel card{{{"00CB000000", "AABB6102"}, {"00C0000002", "CCDD6100"}, {"00C0000000", "EE9000"}}};
  const auto answer = exchange(card, command(0xCB, {}, 256));
  REQUIRE(answer);
  CHECK(to_hex(answer->data) == "AABBCCDDEE");
  CHECK(answer->sw == apdu::sw::kOk);
  CHECK(card.finished());
}

TEST_CASE("6Cxx is followed by the same command with the Le that the card wants") {
  ScriptedChannel card{{{"00CB000000", "6C03"}, {"00CB000003", "0102039000"}}};
  const auto answer = exchange(card, command(0xCB, {}, 256));
  REQUIRE(answer);
  CHECK(to_hex(answer->data) == "010203");
  CHECK(card.finished());
}

TEST_CASE("more than 255 octets go out as a command chain, Le in the last one only [ISO7816-4#5.3.3]") {
  ScriptedChannel card{{{"10DB0000FF" + repeated("5A", 255), "9000"}, {"00DB0000025A5A00", "9000"}}};
  CHECK(exchange(card, command(0xDB, Bytes(257, 0x5A), 256)).value().sw == apdu::sw::kOk);
  CHECK(card.finished());
}

TEST_CASE("255 octets are not chained, and a chain that is refused stops there") {
  ScriptedChannel whole{{{"00DB0000FF" + repeated("5A", 255), "9000"}}};
  CHECK(exchange(whole, command(0xDB, Bytes(255, 0x5A), {})).value().sw == apdu::sw::kOk);
  CHECK(whole.finished());

  ScriptedChannel refused{{{"10DB0000FF" + repeated("5A", 255), "6982"}}};
  CHECK(exchange(refused, command(0xDB, Bytes(300, 0x5A), {})).value().sw == apdu::sw::kSecurityNotSatisfied);
  CHECK(refused.finished());
}

TEST_CASE("an answer without a status word, or one that never ends, is corrupt") {
  ScriptedChannel shorter{{{"00CB000000", "90"}}};
  CHECK(exchange(shorter, command(0xCB, {}, 256)).error().code == Errc::corrupt);
  ScriptedChannel endless{{{"00CB000000", "6110"}, {"00C0000010", "6110"}}};
  CHECK(exchange(endless, command(0xCB, {}, 256)).error().code == Errc::corrupt);
}

TEST_CASE("a reader is picked by its exact name, or by a part that fits only one") {
  const std::vector<std::string> names{"Cardea 00 00", "Cardea 00 01", "Other 01 00"};
  CHECK(pick_reader(names, "Cardea 00 00").value() == "Cardea 00 00");
  CHECK(pick_reader(names, "other").value() == "Other 01 00");
  CHECK(pick_reader(names, "cardea").error().code == Errc::conflict);
  CHECK(pick_reader(names, "").error().code == Errc::conflict);
  CHECK(pick_reader(names, "absent").error() == Error{Errc::not_found, "no reader is named \"absent\""});
  CHECK(pick_reader({"Only 00 00"}, "").value() == "Only 00 00");
}

TEST_CASE(
    "a command that asks for extended length goes out whole, and GET RESPONSE in the class of the channel "
    "alone") {
  apdu::Command command;
  command.cla = 0x84;
  command.ins = 0xDB;
  command.data = Bytes(300, 0xAB);
  command.extended = true;
  const std::string sent = to_hex(apdu::encode(command));
  CHECK(sent.substr(0, 14) == "84DB000000012C");
  ScriptedChannel channel{{{sent, "AA6102"}, {"00C0000002", "BBCC9000"}}};
  const auto answer = exchange(channel, command).value();
  CHECK(answer.data == Bytes{0xAA, 0xBB, 0xCC});
  CHECK(channel.finished());
}
