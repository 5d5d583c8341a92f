#include "engine/pipeline.h"

#include <doctest/doctest.h>

#include "cardea/hex.h"
#include "cardea/test/print.h"

using namespace cardea;
using namespace cardea::card;

namespace {

/// Echoes the data field; INS 7F answers as many octets as P1-P2 say.
class Echo final : public Applet {
 public:
  Echo(std::string_view aid, std::uint8_t name)
      : aid_{*apdu::Aid::from(from_hex(aid).value())}, name_{name} {}

  [[nodiscard]] const apdu::Aid& aid() const override { return aid_; }
  Reply select() override { return {Bytes{name_}}; }
  void deselect() noexcept override { ++deselected; }
  void begin_command(const PinInput* /*pins*/) noexcept override { ++begun; }
  Step run(const Command& command) override {
    if (command.ins == 0x6D) return {refuse(sw::kInsNotSupported), Effect::pure, {}};
    if (command.ins != 0x7F) return {Reply{command.data}, Effect::effectful, "ECHO"};
    return {Reply{Bytes(static_cast<std::size_t>(command.p1 << 8U | command.p2), name_)}, Effect::pure,
            "FILL"};
  }
  void append_state(Bytes& out) const override { out.push_back(name_); }
  [[nodiscard]] bool has_security_status() const override { return secured; }

  int deselected = 0;
  int begun = 0;
  bool secured = false;

 private:
  apdu::Aid aid_;
  std::uint8_t name_;
};

struct Bench {
  Bench() {
    std::vector<std::unique_ptr<Applet>> applets;
    for (std::uint8_t i = 0; i < 3; ++i) {
      auto applet = std::make_unique<Echo>(kAids[i], static_cast<std::uint8_t>(0xA0 + i));
      echo[i] = applet.get();
      applets.push_back(std::move(applet));
    }
    pipeline.emplace(std::move(applets));
  }
  std::string send(std::string_view hex) {
    return to_hex(pipeline->transmit(from_hex(hex).value()).response);
  }
  Bytes state() const {
    Bytes out;
    pipeline->append_state(out);
    return out;
  }

  static constexpr std::string_view kAids[] = {"A00000030801", "A00000030802", "A0000005271122"};
  Echo* echo[3] = {};
  std::optional<Pipeline> pipeline;
};

}  // namespace

TEST_CASE("the class byte: 6E00, then 6882, then 6881 [ISO7816-4#5.4.1]") {
  Bench card;
  CHECK(card.send("FF100000") == "6E00");
  for (const auto* const cla : {"20", "3F", "A0", "C0", "E0", "FE"}) {
    CHECK(card.send(std::string{cla} + "100000") == "6E00");
  }
  for (const auto* const cla : {"04", "08", "0C", "0D", "1C", "84", "8C", "60"}) {
    CHECK(card.send(std::string{cla} + "100000") == "6882");
  }
  for (const auto* const cla : {"01", "02", "03", "11", "40", "4F", "50", "81"}) {
    CHECK(card.send(std::string{cla} + "100000") == "6881");
  }
  CHECK(card.send("80500000080102030405060708") == "6D00");
  CHECK(card.send("0010000001AA") == "AA9000");
}

TEST_CASE("what is not a command is 6700 and changes nothing [ISO7816-3#12.1]") {
  Bench card;
  CHECK(card.send("0010000005AABB") == "6700");
  CHECK(card.send("00") == "6700");
  CHECK(card.send("") == "6700");
  CHECK(card.send("001000") == "6700");
  CHECK(card.echo[0]->begun == 0);
}

TEST_CASE("response data without Le: 256 octets for short lengths, all for extended ones [ISO7816-3#12.1]") {
  Bench card;
  CHECK(card.send("007F0100").size() == (256 + 2) * 2);
  CHECK(card.send("007F010101AA").substr(512) == "6101");
  CHECK(card.send("007F0101000001AA").size() == (257 + 2) * 2);
  CHECK(card.send("007F1000000000").size() == (4096 + 2) * 2);
  CHECK(card.send("007F00100001") == "6700");
}

TEST_CASE("Le limits the answer and GET RESPONSE fetches the rest [ISO7816-4#5.3.4]") {
  Bench card;
  CHECK(card.send("007F000302") == "A0A06101");
  CHECK(card.send("00C0000000") == "A09000");
  CHECK(card.send("00C0000000") == "6985");
  CHECK(card.send("007F000302") == "A0A06101");
  CHECK(card.send("00C00000000000") == "A09000");
}

TEST_CASE("GET RESPONSE: P1-P2 other than 0000 is 6A86, data is 6700, and both discard what was pending") {
  Bench card;
  card.send("007F000302");
  CHECK(card.send("00C0000100") == "6A86");
  CHECK(card.send("00C0000000") == "6985");
  card.send("007F000302");
  CHECK(card.send("00C0000001AA") == "6700");
  CHECK(card.send("00C0000000") == "6985");
}

TEST_CASE(
    "any other command discards the remainder, a refused one and a part of a chain too [ISO7816-4#5.3.4]") {
  for (const auto* const other :
       {"0010000001AA", "006D0000", "01100000", "FF100000", "00A4040005A0000000FF", "10100000"}) {
    CAPTURE(other);
    Bench card;
    card.send("007F000302");
    card.send(other);
    CHECK(card.send("00C0000000") == "6985");
  }
}

TEST_CASE(
    "GET RESPONSE and parts of a chain do not begin a command; everything else does [SP800-73-4/2#3.2.4]") {
  Bench card;
  card.send("007F000302");
  CHECK(card.echo[0]->begun == 1);
  card.send("00C0000000");
  card.send("00C0000000");
  card.send("1010000001AA");
  CHECK(card.echo[0]->begun == 1);
  card.send("0010000001BB");
  CHECK(card.echo[0]->begun == 2);
  card.send("01100000");
  CHECK(card.echo[0]->begun == 3);
  card.send("00A4040005A0000000FF");
  CHECK(card.echo[0]->begun == 4);
}

TEST_CASE("SELECT: prefixes, occurrences, unknown names [ISO7816-4#11.2.2]") {
  Bench card;
  CHECK(card.send("00A4040005A000000308") == "A09000");
  CHECK(card.send("00A4040205A000000308") == "A19000");
  CHECK(card.send("00A4040205A000000308") == "6A82");
  CHECK(card.send("00A4040305A000000308") == "A09000");
  CHECK(card.send("00A4040305A000000308") == "6A82");
  CHECK(card.send("00A4040105A000000308") == "A19000");
  CHECK(card.send("00A4040C06A00000030801") == "9000");
  CHECK(card.send("00A4040007A0000005271122") == "A29000");
  CHECK(card.send("00A4040205A000000308") ==
        "A09000");  // the selected one does not match: from the beginning
  CHECK(card.send("00A4040004A0000003") == "6A82");
  CHECK(card.send("00A404000AA0000003080100000000") == "6A82");
  CHECK(card.send("00A40400") == "6A82");
  CHECK(card.send("00A41400") == "6A86");
  CHECK(card.send("00A40410") == "6A86");
  CHECK(card.send("00A40000023F00") == "6A82");
  CHECK(card.send("00A4080C023F00") == "6A82");
}

TEST_CASE("only another application's selection ends security status [ISO7816-4#11.2.2]") {
  Bench card;
  card.send("00A4040006A00000030801");
  card.send("00A4040005A0000000FF");
  CHECK(card.echo[0]->deselected == 0);
  card.send("00A4040006A00000030802");
  CHECK(card.echo[0]->deselected == 1);
  CHECK(card.send("007F000100") == "A19000");
  card.pipeline->reset();
  CHECK(card.send("007F000100") == "A09000");
}

TEST_CASE("MANAGE CHANNEL is 6A81: there is the basic channel only [ISO7816-4#11.1.2]") {
  Bench card;
  CHECK(card.send("0070000001") == "6A81");
  CHECK(card.send("00708001") == "6A81");
  CHECK(card.send("00704000") == "6A86");
}

TEST_CASE("effects and names: parts of a chain are effectful, SELECT is pure") {
  Bench card;
  const auto outcome = [&card](std::string_view hex) {
    return card.pipeline->transmit(from_hex(hex).value());
  };
  CHECK(outcome("00A4040005A000000308").effect == Effect::pure);
  CHECK(outcome("00A4040005A000000308").command == "SELECT");
  CHECK(outcome("1010000001AA").effect == Effect::effectful);
  CHECK(outcome("0010000001AA").effect == Effect::effectful);
  CHECK(outcome("0010000001AA").command == "ECHO");
  CHECK(outcome("007F000302").effect == Effect::pure);
  CHECK(outcome("00C0000000").effect == Effect::pure);
  CHECK(outcome("00C0000000").command == "GET RESPONSE");
  CHECK(outcome("00").effect == Effect::pure);
}

TEST_CASE("GET RESPONSE has the effect of the command whose data it fetches [ISO7816-4#5.3.4]") {
  Bench card;
  const auto effect = [&card](std::string_view hex) {
    return card.pipeline->transmit(from_hex(hex).value()).effect;
  };
  CHECK(effect("00100000 04 AABBCCDD 01") == Effect::effectful);
  CHECK(effect("00C0000001") == Effect::effectful);
  CHECK(effect("00C0000000") == Effect::effectful);
  CHECK(effect("00C0000000") == Effect::pure);  // 6985: nothing was pending
  CHECK(effect("007F000302") == Effect::pure);
  CHECK(effect("00C0000000") == Effect::pure);
}

TEST_CASE("the same octets pending from a pure and from an effectful command are two states") {
  Bench card;
  card.send("007F000302");
  const auto pure = card.state();
  card.send("0010000003 A0A0A0 02");
  CHECK(card.state() != pure);
}

TEST_CASE("security status: the applet's, a part of a chain, data of an effectful command") {
  Bench card;
  const auto secured = [&card] { return card.pipeline->has_security_status(); };
  CHECK_FALSE(secured());
  card.send("007F000302");
  CHECK_FALSE(secured());
  card.send("0010000003 A0A0A0 02");
  CHECK(secured());
  card.send("00C0000000");
  CHECK_FALSE(secured());
  card.send("1010000001AA");
  CHECK(secured());
  card.send("006D0000");
  CHECK_FALSE(secured());
  card.echo[1]->secured = true;
  CHECK(secured());
}

TEST_CASE(
    "the state tells selected application, chain and pending response, and a reset takes all of it away") {
  Bench card;
  const auto fresh = card.state();
  card.send("00A4040006A00000030802");
  const auto other = card.state();
  CHECK(fresh != other);
  card.send("1010000001AA");
  CHECK(card.state() != other);
  card.send("007F000302");
  CHECK(card.state() != other);
  card.send("00C0000000");
  CHECK(card.state() == other);
  card.pipeline->reset();
  CHECK(card.state() == fresh);
}
