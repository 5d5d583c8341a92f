// A whole PIV card is personalised through secure channels and then used as one: through a channel to PIV,
// and by STORE DATA through the card manager. And random sessions, which must find nothing that breaks a
// card.

#include <doctest/doctest.h>

#include <rapidcheck.h>

#include "cardea/apdu/tlv.h"
#include "cardea/card/factory_key.h"
#include "cardea/card/stored_key.h"
#include "cardea/test/host_crypto.h"
#include "gp_card.h"

namespace cardea::test {

namespace {

using card::Algorithm;
using cms::gp::SecurityLevel;

constexpr auto kPin = "393133373533FFFF";
constexpr auto kPuk = "3837363534333231";

struct SlotPlan {
  std::uint8_t reference;
  std::uint8_t algorithm;
  std::uint32_t certificate;
};
const SlotPlan kRsaSlot{0x9A, 0x07, 0x5FC105};
const SlotPlan kEcSlots[] = {{0x9C, 0x11, 0x5FC10A}, {0x9D, 0x14, 0x5FC10B}, {0x9E, 0x11, 0x5FC101}};

Bytes tag_list(std::uint32_t tag) {
  Bytes octets;
  append_be32(octets, tag);
  octets.erase(octets.begin());
  return apdu::make_tlv(0x5C, octets);
}

Bytes put_data(std::uint32_t tag, BytesView content) {
  return concat({tag_list(tag), apdu::make_tlv(0x53, content)});
}

apdu::Command command(std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, Bytes data) {
  const bool extended = data.size() > 200;
  return {0x80, ins, p1, p2, std::move(data), extended ? 65536U : 256U, extended};
}

Algorithm curve(std::uint8_t id) {
  return id == 0x14 ? Algorithm::p384 : Algorithm::p256;
}

/// Tag by tag, as PUT DATA of key elements has them.
std::vector<std::pair<std::uint8_t, Bytes>> elements(const SlotPlan& slot) {
  if (slot.algorithm != 0x07) return {{0x89, host_key(curve(slot.algorithm)).scalar}};
  const auto parts = rsa_parts(Algorithm::rsa2048, 1);
  const auto octets = [](const SecretBytes& part) { return to_bytes(part.expose()); };
  return {{0x83, octets(parts.p)},
          {0x84, octets(parts.q)},
          {0x85, octets(parts.dp)},
          {0x86, octets(parts.dq)},
          {0x87, octets(parts.qinv)}};
}

/// Certificates of no issuer, of a length that real ones have.
Bytes certificate(std::uint32_t tag) {
  return Bytes(1500 + tag % 1000, static_cast<std::uint8_t>(tag));
}

/// Used as its holder would, without any channel.
void check_issued(TestCard& card) {
  REQUIRE(card.send(kSelectPiv).sw == apdu::sw::kOk);
  CHECK(card.send("0020008008313233343536FFFF").sw == apdu::sw::tries_left(2));
  CHECK(card.send("0020008008" + std::string{kPin}).sw == apdu::sw::kOk);
  const std::string hash(64, '5');
  for (const auto& slot : kEcSlots) {
    CAPTURE(to_hex(Bytes{slot.reference}));
    CHECK(card.send("0020008008" + std::string{kPin}).sw == apdu::sw::kOk);
    const auto answer =
        card.send("0087" + to_hex(Bytes{slot.algorithm, slot.reference}) + "267C2482008120" + hash + "00");
    REQUIRE(answer.sw == apdu::sw::kOk);
    const auto outer = apdu::read_tlv(answer.data).value();
    const auto signature = apdu::read_tlv(outer.value).value();
    card::PublicKey key;
    key.algorithm = curve(slot.algorithm);
    key.point = host_key(key.algorithm).point;
    CHECK(ecdsa_verify_der(key, from_hex(hash).value(), to_bytes(signature.value)));
  }
  for (const auto tag :
       {kRsaSlot.certificate, kEcSlots[0].certificate, kEcSlots[1].certificate, kEcSlots[2].certificate}) {
    auto response = card.raw(apdu::encode({0x00, 0xCB, 0x3F, 0xFF, tag_list(tag), 65536, true}));
    CHECK(response.sw == apdu::sw::kOk);
    CHECK(response.data == apdu::make_tlv(0x53, certificate(tag)));
  }
  // RSA: the block comes back when it is raised to the public exponent.
  Bytes block(256, 0x01);
  block[0] = 0;
  const auto inner = concat({apdu::make_tlv(0x82, {}), apdu::make_tlv(0x81, block)});
  const auto answer =
      card.raw(apdu::encode({0x00, 0x87, 0x07, 0x9A, apdu::make_tlv(0x7C, inner), 65536, true}));
  REQUIRE(answer.sw == apdu::sw::kOk);
  const auto outer = apdu::read_tlv(answer.data).value();
  const auto result = apdu::read_tlv(outer.value).value();
  const auto record = card.world().store.get({card::RecordSpace::key, kRsaSlot.reference}).value().value();
  CHECK(rsa_raw_public(card::stored_key(record).value().public_key, result.value) == block);
  // The factory's management key is gone, the new one opens.
  CHECK(card.send("0087089B047C028100").sw == apdu::sw::kOk);
  CHECK(card.send("0087039B047C028100").sw == apdu::sw::kWrongP1P2);
  CHECK(card.send("002C008010" + std::string{kPuk} + "393133373535FFFF").sw == apdu::sw::kOk);
}

}  // namespace

TEST_CASE("a card is issued through a channel to PIV, at every level with encryption [A2]") {
  for (const auto level :
       {SecurityLevel::c_mac_c_enc, SecurityLevel::c_mac_c_enc_r_mac, SecurityLevel::all}) {
    CAPTURE(static_cast<int>(level));
    CardAndHost bench;
    REQUIRE(bench.card.send(kSelectPiv).sw == apdu::sw::kOk);
    auto channel = bench.open(level);
    const auto done = [&](const apdu::Command& c) {
      const auto answer = channel.send(c);
      REQUIRE_MESSAGE(answer.has_value(), (answer ? "" : answer.error().what));
      CHECK(answer->sw == apdu::sw::kOk);
    };
    done(command(0xDB, 0x3F, 0xFF, put_data(0x5FC102, Bytes(59, 0x30))));
    done(command(0xDB, 0x3F, 0xFF, put_data(0x5FC107, Bytes(51, 0xF0))));
    std::vector<SlotPlan> slots{kRsaSlot};
    slots.insert(slots.end(), std::begin(kEcSlots), std::end(kEcSlots));
    for (const auto& slot : slots) {
      for (const auto& [tag, value] : elements(slot)) {
        const auto element = apdu::make_tlv(0x30, apdu::make_tlv(tag, value));
        done(command(0x24, slot.algorithm, slot.reference, element));
      }
      done(command(0xDB, 0x3F, 0xFF, put_data(slot.certificate, certificate(slot.certificate))));
    }
    done(command(0x24, 0x08, 0x9B, apdu::make_tlv(0x30, apdu::make_tlv(0x80, Bytes(16, 0x5A)))));
    done(command(0x24, 0xFF, 0x81, from_hex(kPuk).value()));
    done(command(0x24, 0xFF, 0x80, from_hex(kPin).value()));
    CHECK(bench.card.world().audit.count<card::PinReplaced>() == 2);
    CHECK(bench.card.world().audit.count<card::KeyReplaced>() == 5);
    check_issued(bench.card);
    bench.card.check_invariants();
  }
}

TEST_CASE("a channel that loads the management key everybody knows does not make it the card's own") {
  CardAndHost bench;
  auto& store = bench.card.world().store;
  REQUIRE(bench.card.send(kSelectPiv).sw == apdu::sw::kOk);
  auto channel = bench.open(SecurityLevel::c_mac_c_enc);
  const auto load = [&](std::uint8_t algorithm, const Bytes& key) {
    const auto element = apdu::make_tlv(0x30, apdu::make_tlv(0x80, key));
    REQUIRE(channel.send(command(0x24, algorithm, 0x9B, element)).value().sw == apdu::sw::kOk);
    return card::factory_management_key(store).value();
  };
  const auto known = from_hex("010203040506070801020304050607080102030405060708").value();
  CHECK(card::factory_management_key(store).value());
  CHECK_FALSE(load(0x0C, Bytes(32, 0x5A)));
  CHECK(load(0x03, known));
  CHECK_FALSE(load(0x03, Bytes(24, 0x5A)));
  CHECK(load(0x0A, known));
  CHECK_FALSE(load(0x08, Bytes(16, 0x5A)));
}

TEST_CASE("a card whose application is deleted has no management key that anybody knows") {
  CardAndHost bench;
  auto& store = bench.card.world().store;
  REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
  auto channel = bench.open(SecurityLevel::c_mac_c_enc);
  REQUIRE(send(channel, "80E40080 0D 4F0B A000000308000010000100 00") == "009000");
  CHECK_FALSE(card::factory_management_key(store).value());
}

TEST_CASE("a card is issued by STORE DATA, keys and PINs enciphered once more [A2] [GP-2.3.1#11.11]") {
  for (const auto& setup : {DomainSetup{}, DomainSetup{card::gp::Protocol::scp03, 0x60, Algorithm::aes256},
                            DomainSetup{card::gp::Protocol::scp02, 0x15, Algorithm::tdes}}) {
    CardAndHost bench{kNist, setup};
    REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
    auto channel = bench.open(SecurityLevel::c_mac_c_enc);
    const auto instance = CardAndHost::from("A000000308000010000100");
    REQUIRE(channel.send(cms::gp::install_for_personalization(instance).value()).value().sw == apdu::sw::kOk);

    std::vector<cms::gp::DataGroup> groups;
    const auto add = [&](std::uint16_t dgi, Bytes value, bool encrypted) {
      if (encrypted) {
        value.push_back(0x80);
        value.resize((value.size() + 15) / 16 * 16);
      }
      groups.push_back({dgi, SecretBytes{value}, encrypted});
    };
    std::vector<SlotPlan> slots{kRsaSlot};
    slots.insert(slots.end(), std::begin(kEcSlots), std::end(kEcSlots));
    for (const auto& slot : slots) {
      Bytes inside;
      for (const auto& [tag, value] : elements(slot))
        apdu::append_tlv(inside, tag, value);
      add(static_cast<std::uint16_t>(0x0100 | slot.reference),
          concat({Bytes{slot.algorithm}, apdu::make_tlv(0x30, inside)}), true);
      add(0x0200, put_data(slot.certificate, certificate(slot.certificate)), false);
    }
    add(0x0200, concat({put_data(0x5FC102, Bytes(59, 0x30)), put_data(0x5FC107, Bytes(51, 0xF0))}), false);
    add(0x019B, concat({Bytes{0x08}, apdu::make_tlv(0x30, apdu::make_tlv(0x80, Bytes(16, 0x5A)))}), true);
    add(0x0081, from_hex(kPuk).value(), true);
    add(0x0080, from_hex(kPin).value(), true);
    const auto commands = cms::gp::store_data(channel, groups).value();
    CHECK(commands.size() > 20);
    for (const auto& one : commands)
      REQUIRE(channel.send(one).value().sw == apdu::sw::kOk);
    check_issued(bench.card);
    bench.card.check_invariants();
  }
}

TEST_CASE(
    "random sessions with card manager and PIV: answers check, refused is unchanged, cards stay cards") {
  CHECK(rc::check("random channels", [] {
    const auto seed = *rc::gen::inRange<std::uint64_t>(1, 1U << 30U);
    CardAndHost bench{kNist, {}, seed};
    const std::vector<SecurityLevel> levels{SecurityLevel::c_mac, SecurityLevel::c_mac_c_enc,
                                            SecurityLevel::c_mac_r_mac, SecurityLevel::c_mac_c_enc_r_mac,
                                            SecurityLevel::all};
    const std::vector<std::uint8_t> instructions{0xCA, 0xF2, 0xD8, 0xE2, 0xE6, 0xE4, 0xF0,
                                                 0x24, 0xDB, 0x47, 0xCB, 0x20, 0x87};
    const std::vector<std::uint8_t> parameters{0x00, 0x02, 0x08, 0x0C, 0x20, 0x3F, 0x40,
                                               0x80, 0x81, 0x88, 0x90, 0x9A, 0xFF, 0x11};
    const std::vector<std::string> bodies{
        "",
        "4F00",
        "420101",
        "5C035FC1025301AA",
        "4F0BA000000308000010000100",
        "00000BA000000308000010000100000000",
        "D201FF",
        "393133373533FFFF",
        "AC03800111",
        "302289200000000000000000000000000000000000000000000000000000000000000007"};
    for (int session = 0; session < 3; ++session) {
      (void)bench.card.send(bench.below(2) == 0 ? kSelectIssuer : kSelectPiv);
      auto channel = bench.try_open(levels[bench.below(levels.size())], bench.initial_keys());
      if (!channel) return;  // an earlier command has taken the keys or the card away
      for (int n = 0; n < 12 && channel->is_open(); ++n) {
        auto body = from_hex(bodies[bench.below(bodies.size())]).value();
        if (!body.empty() && bench.below(4) == 0) body[bench.below(body.size())] = bench.octets(1)[0];
        const apdu::Command one{static_cast<std::uint8_t>(bench.below(4) == 0 ? 0x00 : 0x80),
                                instructions[bench.below(instructions.size())],
                                parameters[bench.below(parameters.size())],
                                parameters[bench.below(parameters.size())],
                                body,
                                256,
                                false};
        const auto records = bench.card.world().store.snapshot();
        const auto answer = channel->send(one);
        RC_ASSERT(answer.has_value());
        const auto sw1 = answer->sw.sw1();
        if (sw1 != 0x90 && sw1 != 0x63) RC_ASSERT(bench.card.world().store.snapshot() == records);
      }
    }
    const auto plain = bench.card.send("80F28002024F0000");
    RC_ASSERT(plain.sw != apdu::sw::kOk);
    bench.card.power_cycle();
  }));
}

}  // namespace cardea::test
