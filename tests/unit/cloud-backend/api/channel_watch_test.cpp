// PIN commands whose class byte speaks of a secure channel: what a channel has made of them goes through,
// what only says so does not.
#include "cardea/api/channel_watch.h"

#include <doctest/doctest.h>

#include <string>

#include "cardea/api/pin_command.h"
#include "cardea/hex.h"

using namespace cardea;
using api::PinStripper;

namespace {

const std::string kPin = "313233343536FFFF";
const std::string kNewPin = "343832393133FFFF";
// What a MAC may look like, and a block of ciphertext.
const std::string kMac = "A1B2C3D4E5F60718";
const std::string kBlock = "00112233445566778899AABBCCDDEEFF";

std::string of_size(const std::string& field) {
  const auto octet = static_cast<std::uint8_t>(field.size() / 2);
  return to_hex(BytesView{&octet, 1}) + field;
}

/// One session of a card, as an application has it.
class Session {
 public:
  /// What the card gets; "" for nothing. `answer` is what it says then.
  std::string send(const std::string& command, const std::string& answer = "9000") {
    const auto out = stripper_.strip(from_hex(command).value());
    CHECK_FALSE(out.shown.has_value());
    local_ = out.answer ? to_hex(*out.answer) : "";
    if (out.answer) return "";
    stripper_.answered(from_hex(answer).value());
    return to_hex(out.apdu);
  }
  [[nodiscard]] const std::string& local() const { return local_; }

  bool passes(const std::string& command) { return send(command) == command; }
  /// The card gets the header, the length and zeroes.
  bool withheld(const std::string& header, const std::string& field) {
    return send(header + of_size(field)) == header + of_size(std::string(field.size(), '0'));
  }
  bool passes(const std::string& header, const std::string& field) { return passes(header + of_size(field)); }

  Session& open_scp(const char* protocol, const std::string& level) {
    // Key diversification data, key version, protocol, and what follows.
    const std::string about = "0001020304050607080930";
    send("8050000008000102030405060700", about + protocol + "70" + kBlock + "9000");
    send("8482" + level + "0010" + kBlock);
    return *this;
  }
  Session& open_messaging(const std::string& answer = "6100") {
    send("00872704047C02820000", answer);
    return *this;
  }
  void reset() { stripper_.reset(); }

 private:
  PinStripper stripper_;
  std::string local_;
};

/// Data objects of SP 800-73-4 Part 2, 4.2.
std::string cryptogram(const std::string& blocks) {
  return "87" + of_size("01" + blocks);
}
const std::string kChecksum = "8E08" + kMac;

}  // namespace

TEST_CASE("[C2] without a channel no class byte takes a PIN anywhere [ISO7816-4#5.4.1]") {
  for (const auto* cla : {"04", "08", "0C", "07", "0B", "0F", "14", "1C", "60", "6F", "70", "80",
                          "84", "88", "8C", "8F", "94", "9C", "A0", "C4", "E4", "FC", "FE", "FF"}) {
    CAPTURE(cla);
    const std::string c{cla};
    CHECK(Session{}.withheld(c + "200080", kPin));
    CHECK(Session{}.withheld(c + "240080", kPin + kNewPin));
    CHECK(Session{}.withheld(c + "2C0080", "3132333435363738" + kNewPin));
    CHECK(Session{}.withheld(c + "200080", "31323334"));
    CHECK(Session{}.send(c + "20008000000831323334353637380000") == c + "20008000000800000000000000000000");
  }
}

TEST_CASE(
    "[C2] the same commands with data objects, which no card here knows, and lengths that do not add up") {
  for (const auto* cla : {"00", "0C", "84", "80"}) {
    CAPTURE(cla);
    for (const auto* ins : {"21", "25", "2D"})
      CHECK(Session{}.withheld(std::string{cla} + ins + "0080", "5308" + kPin));
    CHECK(Session{}.send(std::string{cla} + "200080053132") == std::string{cla} + "200080000000");
  }
}

TEST_CASE("[C2] without a channel what looks like one's work stays here too: the card would answer 6882") {
  Session session;
  CHECK(session.withheld("0C200080", cryptogram(kBlock) + kChecksum));
  CHECK(session.withheld("84200080", kBlock + kMac));
  CHECK(session.withheld("84200080", kMac));
}

TEST_CASE("[A6][C2] PIV's secure messaging: its data objects and nothing else [SP800-73-4/2#4.2.2]") {
  Session session;
  session.open_messaging();
  CHECK(session.passes("0C200080", cryptogram(kBlock) +
                                       "9701"
                                       "00" +
                                       kChecksum));
  CHECK(session.passes("0C200080", cryptogram(kBlock) + kChecksum));
  CHECK(session.passes("0C200080", "970100" + kChecksum));
  CHECK(session.passes("0C200080", kChecksum));
  CHECK(session.passes("0C240080", cryptogram(kBlock + kBlock) + kChecksum));
  CHECK(session.passes("0C200080000021" + cryptogram(kBlock) + "97020000" + kChecksum + "0000"));

  CHECK(session.withheld("0C200080", kPin));
  CHECK(session.withheld("0C240080", kPin + kNewPin));
  // A plain value (81), a cryptogram that is none, another padding, a MAC that is short or missing, a PIN
  // before or behind, another order.
  for (const auto& field : {"8108" + kPin + kChecksum,
                            "8709"
                            "01" +
                                kPin + kChecksum,
                            "871102" + kBlock + kChecksum, "8708" + kPin + kChecksum, cryptogram(kBlock),
                            cryptogram(kBlock) + "8E0431323334", kPin + kChecksum, kChecksum + kPin,
                            kChecksum + cryptogram(kBlock),
                            "97"
                            "08" +
                                kPin + kChecksum,
                            cryptogram(kBlock) + kPin}) {
    CAPTURE(field);
    CHECK(session.withheld("0C200080", field));
  }
  // Classes that announce something else.
  for (const auto* cla : {"08", "04", "84", "60"})
    CHECK(session.withheld(std::string{cla} + "200080", cryptogram(kBlock) + kChecksum));
}

TEST_CASE("[A6][C2] secure messaging begins with an agreement on keys that succeeds, and ends with a reset") {
  Session session;
  const auto wrapped = cryptogram(kBlock) + kChecksum;
  CHECK(session.open_messaging("6A86").withheld("0C200080", wrapped));
  session.send("00872704047C028200", "6A80");
  CHECK(session.withheld("0C200080", wrapped));
  session.send("0087079A047C028200");  // another key's: no agreement
  CHECK(session.withheld("0C200080", wrapped));
  CHECK(session.open_messaging("9000").passes("0C200080", wrapped));
  session.send("00A4040005A000000308");  // PIV's own SELECT leaves it as it is
  CHECK(session.passes("0C200080", wrapped));
  session.reset();
  CHECK(session.withheld("0C200080", wrapped));
}

TEST_CASE("[A6][C2] secure messaging in parts: each continues what was begun [SP800-73-4/2#4.2.6]") {
  const auto whole = cryptogram(kBlock + kBlock) + kChecksum;
  for (const std::size_t cut : {2U, 4U, 6U, 20U, 70U, 72U}) {
    CAPTURE(cut);
    Session session;
    session.open_messaging();
    CHECK(session.passes("1C240080", whole.substr(0, cut)));
    CHECK(session.passes("0C240080", whole.substr(cut)));
  }
  Session session;
  session.open_messaging();
  // A PIN as a part, at the beginning or later, and all that follows it.
  CHECK(session.withheld("1C200080", "313233"));
  CHECK(session.withheld("0C200080", whole));
  CHECK(session.passes("1C200080", cryptogram(kBlock)));
  CHECK(session.withheld("1C200080", kPin));
  CHECK(session.withheld("0C200080", kChecksum));
  // A last part that is not the end, and what begins anew.
  CHECK(session.passes("1C200080", cryptogram(kBlock)));
  CHECK(session.withheld("0C200080",
                         "8E08"
                         "A1B2"));
  CHECK(session.passes("1C200080", cryptogram(kBlock)));
  session.send("00CB3FFF035C017E");
  CHECK(session.withheld("0C200080", kPin));
  CHECK(session.passes("0C200080", whole));
  // What no PIN command is long enough for.
  CHECK(session.withheld("1C200080", "8782FFF101" + kBlock));
}

TEST_CASE(
    "[A6][C2] a channel of GlobalPlatform that encrypts: whole blocks and a MAC [GP-AMENDMENT-D#6.2.6]") {
  for (const auto* level : {"03", "13", "33"}) {
    CAPTURE(level);
    Session session;
    session.open_scp("03", level);
    for (const auto* cla : {"84", "04"}) {
      const std::string verify = std::string{cla} + "200080";
      CHECK(session.passes(verify, kMac));
      CHECK(session.passes(verify, kBlock + kMac));
      CHECK(session.passes("8424FF80", kBlock + kBlock + kMac));
      CHECK(session.withheld(verify, kPin));
      CHECK(session.withheld(verify, kPin + kNewPin));
      CHECK(session.withheld(verify, kPin + kMac));
      CHECK(session.withheld(verify, kPin + kNewPin + kMac));
      CHECK(session.withheld(verify, kBlock + kPin));
      CHECK(session.withheld(verify, "31323334"));
    }
    CHECK(session.withheld("80200080", kPin));
    CHECK(session.withheld("0C200080", kBlock + kMac));
    // Keys in parts, each wrapped by itself, and longer than any PIN.
    std::string long_part;
    for (int i = 0; i < 14; ++i)
      long_part += kBlock;
    for (int i = 0; i < 3; ++i)
      CHECK(session.passes("9424079A", long_part + kMac));
    CHECK(session.passes("8424079A", kBlock + kMac));
  }
  Session scp02;
  scp02.open_scp("02", "03");
  CHECK(scp02.passes("84200080", "0011223344556677" + kMac));
  CHECK(scp02.withheld("84200080", kPin + kMac));
  CHECK(scp02.withheld("84240080", kPin + kNewPin));
  CHECK(scp02.withheld("84200080", "00112233" + kMac));
}

TEST_CASE("[A6][C2] a channel of MACs hides nothing, but a PIN without one is no command of it") {
  Session session;
  session.open_scp("03", "01");
  CHECK(session.passes("84200080", kMac));
  CHECK(session.withheld("84200080", kPin));
  CHECK(session.withheld("84240080", kPin + kNewPin));
  CHECK(session.withheld("84200080", "31323334"));
}

TEST_CASE(
    "[A6][C2] in a channel that protects nothing zeroes could be compared: the answer comes from here") {
  Session session;
  session.open_scp("03", "00");
  CHECK(session.send("80200080" + of_size(kPin)).empty());
  CHECK(session.local() == "6982");
  CHECK(session.send("8024FF80" + of_size(kPin)).empty());
  CHECK(session.local() == "6982");
  CHECK(session.send("8020008000") == "8020008000");
  CHECK(session.withheld("84200080", kBlock + kMac));
}

TEST_CASE(
    "[A6][C2] a channel of GlobalPlatform: opened by what succeeds, ended by SELECT, reset and another one") {
  const auto wrapped = kBlock + kMac;
  Session session;
  session.open_scp("03", "33");
  REQUIRE(session.passes("84200080", wrapped));
  SUBCASE("INITIALIZE UPDATE") {
    session.send("8050000008000102030405060700", "6A88");
  }
  SUBCASE("EXTERNAL AUTHENTICATE that fails") {
    session.send("8482330010" + kBlock, "6300");
  }
  SUBCASE("SELECT") {
    session.send("00A4040005A000000308", "6110");
  }
  SUBCASE("reset") {
    session.reset();
  }
  CHECK(session.withheld("84200080", wrapped));
  session.send("8482330010" + kBlock, "6985");
  CHECK(session.withheld("84200080", wrapped));
  // Not by commands of another class, nor by a SELECT that fails.
  session.send("0082330010" + kBlock);
  CHECK(session.withheld("84200080", wrapped));
  session.open_scp("03", "33");
  session.send("00A4040005A000000309", "6A82");
  CHECK(session.passes("84200080", wrapped));
}
