#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>

#include "../fake_card.h"
#include "../folder.h"
#include "cardea/cms/perso/inspect.h"
#include "cardea/cms/scp/channel_card.h"
#include "cardea/cms/scp/issuer_domain.h"
#include "cardea/cms/scp/key_file.h"
#include "cardea/test/test_card.h"

using namespace cardea;
using namespace cardea::cms;
using cms::testing::CountingAuthority;
using cms::testing::Folder;
using cms::testing::MemoryStates;
using cms::testing::NoProgress;

namespace {

/// The whole card in memory: the card's half of the channel is what ships.
class CardInMemory final : public Channel {
 public:
  explicit CardInMemory(std::string_view profile,
                        std::optional<test::DomainSetup> domain = test::DomainSetup{})
      : card_{profile, 1, domain} {}
  Result<Bytes> transmit(BytesView command) override {
    commands.push_back(to_hex(command));
    return apdu::encode(card_.raw(command));
  }
  Result<void> begin() override { return {}; }
  void end() noexcept override {}
  void reset() { card_.power_cycle(); }
  std::vector<std::string> commands;

 private:
  test::TestCard card_;
};

SecretBytes well_known(std::size_t size = 16) {
  SecretBytes out{size};
  for (std::size_t i = 0; i < size; ++i)
    out.expose()[i] = static_cast<std::uint8_t>(0x40 + i);
  return out;
}

gp::Keyset test_keys() {
  return gp::Keyset::same(gp::KeyType::aes, well_known());
}

constexpr std::string_view kPlan = R"({
  "name": "scp", "objects": {"chuid": true, "ccc": true, "key_history": true},
  "slots": [{"slot": "9A", "algorithm": "rsa2048", "certificate": {"key_usage": ["digitalSignature"]}},
            {"slot": "9D", "algorithm": "p256", "import": "key", "certificate": {"key_usage": ["keyAgreement"]}},
            {"slot": "9E", "algorithm": "p256", "certificate": {"key_usage": ["digitalSignature"]}}],
  "management_key": {"algorithm": "aes256"},
  "channel": {"protocol": "scp03", "level": "33", "kvn": "FF"}
})";

class Keys final : public perso::KeySource {
 public:
  Result<ca::ImportedKey> key_for(const perso::SlotPlan& slot, const piv::Guid&) override {
    return ca::make_private_key(slot.algorithm);
  }
};

}  // namespace

TEST_CASE(
    "a card is issued through SCP03 alone: objects, keys, an imported one, PIN, PUK and 9B [A2] "
    "[OPENFIPS201#24]") {
  CardInMemory channel{test::kNist};
  const auto plan = perso::parse_plan(kPlan).value();
  const auto card = scp::make_channel_card(channel, test_keys(), scp::channel_options(*plan.channel));
  perso::Credentials current = perso::factory_credentials();
  perso::NewCredentials fresh;
  fresh.pin = piv::pin_field(as_bytes("471147")).value();
  fresh.puk = piv::pin_field(as_bytes("31415926")).value();
  fresh.management_key = piv::AdminKey{piv::AdminAlgorithm::aes256, SecretBytes{32}};
  for (std::size_t i = 0; i < 32; ++i)
    fresh.management_key->value.expose()[i] = static_cast<std::uint8_t>(i);
  auto state = perso::new_state(plan, {"CN=Ada", "", ""}, {true, true, true}, 1'800'000'000).value();
  state.reader = "memory";
  CountingAuthority authority;
  MemoryStates states;
  NoProgress progress;
  Keys keys;
  perso::Desk desk{*card, authority, states, progress, {}};
  const auto done = perso::issue({plan, current, fresh, false, &keys}, state, desk);
  if (!done) FAIL(done.error().what);

  // After SELECT and the questions before the channel, nothing went in the clear but GET RESPONSE.
  bool opened = false;
  for (const auto& command : channel.commands) {
    if (opened && command.substr(2, 2) != "C0") CHECK((command.substr(0, 2) == "84"));
    opened = opened || command.substr(0, 4) == "8482";
  }
  CHECK(opened);
  // And from now on the card opens with what was set.
  channel.reset();
  const auto plain = piv::make_piv_card(channel);
  REQUIRE(plain->open());
  CHECK(plain->verify_pin(*fresh.pin));
  CHECK(plain->authenticate(*fresh.management_key));
  CHECK(perso::inspect(*plain, &plan).value().problems.empty());
  CHECK(plain->change_reference(piv::kPukReference, *fresh.puk, *fresh.puk));
}

TEST_CASE(
    "the wrong keys cost the card no try, and the sentence says so; other protocols and versions are refused "
    "[A2]") {
  CardInMemory channel{test::kNist};
  const auto open = [&](const gp::Keyset& keys, const gp::Options& options) {
    const auto card = scp::make_channel_card(channel, keys.clone(), options);
    REQUIRE(card->open());
    return card->authenticate(piv::factory_admin_key());
  };
  gp::Options options;
  options.protocol = 3;
  options.level = gp::SecurityLevel::all;
  CHECK(open(gp::Keyset::same(gp::KeyType::aes, SecretBytes{16}), options).error().code == Errc::denied);
  CHECK(channel.commands.back().substr(0, 4) == "8050");
  CHECK(open(gp::Keyset::same(gp::KeyType::aes, well_known(), 0x30), options).error().code ==
        Errc::not_found);
  options.protocol = 2;
  CHECK(open(test_keys(), options).error().code == Errc::unsupported);
  options.protocol = 3;
  CHECK(open(test_keys(), options));
}

TEST_CASE(
    "a channel that breaks off is reported as a loss of the card, and selecting anew opens another [A2]") {
  CardInMemory channel{test::kNist};
  gp::Options options;
  options.level = gp::SecurityLevel::all;
  const auto card = scp::make_channel_card(channel, test_keys(), options);
  REQUIRE(card->open());
  REQUIRE(card->authenticate(piv::factory_admin_key()));
  channel.reset();
  CHECK_FALSE(card->read_object(piv::tag::kChuid));
  REQUIRE(card->open());
  REQUIRE(card->authenticate(piv::factory_admin_key()));
  CHECK(card->write_object(piv::tag::kCcc, Bytes(600, 0x00)));
  CHECK(card->read_object(piv::tag::kCcc).value() == Bytes(600, 0x00));
}

TEST_CASE("the card manager: facts without keys, keys put and checked, data stored [GP-2.3.1#11]") {
  CardInMemory channel{test::kNist};
  const auto facts = scp::read_domain(channel, {}).value();
  CHECK(facts.aid == *from_hex("A000000151000000"));
  REQUIRE_FALSE(facts.keys.empty());
  CHECK(facts.keys.front().version == 0xFF);
  CHECK(facts.production.size() == 42);

  gp::Options options;
  options.protocol = 3;
  options.level = gp::SecurityLevel::all;
  auto secure = scp::open_domain(channel, test_keys(), options).value();
  const auto fresh = gp::diversify(gp::Keyset::same(gp::KeyType::aes, SecretBytes{16}, 0x30),
                                   secure.card().kdd, gp::Diversification::kdf3, gp::KeyType::aes)
                         .value();
  const auto answer = scp::ask(secure, gp::put_key(secure, fresh, 0).value(), "putting the keys");
  REQUIRE(answer);
  CHECK(gp::check_put_key_answer(fresh, *answer));
  // The initial keys are gone, and the master key opens the card by its diversification data.
  REQUIRE(scp::select_domain(channel, {}));
  CHECK_FALSE(scp::open_domain(channel, gp::Keyset::same(gp::KeyType::aes, well_known(), 0xFF), options));
  options.diversification = gp::Diversification::kdf3;
  auto again = scp::open_domain(channel, gp::Keyset::same(gp::KeyType::aes, SecretBytes{16}, 0x30), options);
  REQUIRE(again);
  const auto blocks = gp::store_tlvs(*again, *from_hex("4203010203")).value();
  for (const auto& command : blocks)
    CHECK(scp::ask(*again, command, "storing"));
  CHECK(scp::read_domain(channel, {}).value().issuer == *from_hex("010203"));
  CHECK(scp::select_domain(channel, *from_hex("A0000000990000")).error().code == Errc::unsupported);
}

TEST_CASE("key files: three lines or one, for their owner only [B9]") {
  const Folder folder;
  const auto file = [&](const std::string& text, mode_t mode = 0600) {
    const auto path = folder / "keys";
    std::ofstream{path} << text;
    ::chmod(path.c_str(), mode);
    return path.string();
  };
  const auto read = [&](const std::string& path, gp::KeyType type = gp::KeyType::aes) {
    return scp::read_key_file(path, type, 0x30);
  };
  const std::string key = "404142434445464748494A4B4C4D4E4F";
  const auto same = read(file("key: " + key + "\n")).value();
  CHECK(same.version == 0x30);
  CHECK(same_secret(same.dek, well_known()));
  CHECK(read(file("enc: " + key + "\nmac: " + key + "\ndek: " + key + "\n")));
  CHECK(read(file("enc: " + key + "\n")).error().what.find("neither a line") != std::string::npos);
  CHECK(read(file("key: xyz\n")).error().what.find("is not hexadecimal") != std::string::npos);
  CHECK(read(file("key: 4041\n")).error().code == Errc::invalid);
  CHECK(read(file("key: " + key + key + "\n"), gp::KeyType::tdes).error().code == Errc::invalid);
  const auto open_to_all = read(file("key: " + key + "\n", 0644));
  REQUIRE_FALSE(open_to_all);
  CHECK(open_to_all.error().code == Errc::denied);
  CHECK(open_to_all.error().what.find(key) == std::string::npos);
  CHECK(read((folder / "none").string()).error().code == Errc::not_found);
}

TEST_CASE("plans: what a channel may be [A2]") {
  const auto channel = [](const std::string& text) {
    return perso::parse_plan(
        R"({"name": "x", "slots": [{"slot": "9E", "algorithm": "p256", "certificate": {"key_usage": ["digitalSignature"]}}], "channel": )" +
        text + "}");
  };
  const auto made =
      channel(R"({"kvn": "30", "diversification": "kdf3", "keys": "k"})").value().channel.value();
  CHECK(made.protocol == 3);
  CHECK(made.level == gp::SecurityLevel::all);
  CHECK(made.key_version == 0x30);
  CHECK(channel(R"({"protocol": "scp02"})").value().channel->level == gp::SecurityLevel::c_mac_c_enc);
  for (const auto* bad : {R"({"protocol": "scp01"})", R"({"level": "01"})", R"({"level": "00"})",
                          R"({"protocol": "scp02", "level": "33"})", R"({"kvn": "3"})",
                          R"({"diversification": "own"})", R"({"keyfile": "x"})"}) {
    CAPTURE(bad);
    CHECK_FALSE(channel(bad));
  }
}
