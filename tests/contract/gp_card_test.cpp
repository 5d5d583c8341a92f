// The card manager of a whole card, driven by the host half of GlobalPlatform: what a card management system
// does with a card before PIV is used, and what is left of it when something fails.

#include <doctest/doctest.h>

#include <functional>

#include "cardea/card/gp/domain_keys.h"
#include "cardea/card/stored_key.h"
#include "cardea/cms/gp/card_data.h"
#include "gp_card.h"

namespace cardea::test {

namespace {

using card::Algorithm;
using card::gp::Protocol;
using cms::gp::Keyset;
using cms::gp::KeyType;
using cms::gp::SecurityLevel;

struct Kind {
  DomainSetup setup;
  std::vector<SecurityLevel> levels;
};
const std::vector<SecurityLevel> kCommandsOnly{SecurityLevel::c_mac, SecurityLevel::c_mac_c_enc};
const std::vector<SecurityLevel> kAll{SecurityLevel::c_mac, SecurityLevel::c_mac_c_enc,
                                      SecurityLevel::c_mac_r_mac, SecurityLevel::c_mac_c_enc_r_mac,
                                      SecurityLevel::all};
const std::vector<Kind> kKinds{
    {{Protocol::scp02, 0x15, Algorithm::tdes}, kCommandsOnly},
    {{Protocol::scp02, 0x55, Algorithm::tdes}, kCommandsOnly},
    {{Protocol::scp03, 0x00, Algorithm::aes128}, kCommandsOnly},
    {{Protocol::scp03, 0x60, Algorithm::aes128}, kAll},
    {{Protocol::scp03, 0x70, Algorithm::aes192}, kAll},
    {{Protocol::scp03, 0x70, Algorithm::aes256}, kAll},
};

Keyset keyset(KeyType type, std::size_t size, std::uint8_t version, std::uint8_t first) {
  const auto key = [&](std::uint8_t use) {
    return SecretBytes{BytesView{Bytes(size, static_cast<std::uint8_t>(first + use))}};
  };
  return {type, version, key(1), key(2), key(3)};
}

std::string name(const Kind& kind) {
  return std::string{card::name(kind.setup.algorithm)} + ", i=" + to_hex(Bytes{kind.setup.options});
}

}  // namespace

TEST_CASE("every protocol, key size and level: discovery, registry, card data [A2] [GP-2.3.1#E.5.2]") {
  for (const auto& kind : kKinds) {
    CAPTURE(name(kind));
    for (const auto profile : {kNist, kYubikey5}) {
      CardAndHost bench{profile, kind.setup};
      for (const auto level : kind.levels) {
        REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
        auto channel = bench.open(level);
        const auto issuer = cms::gp::read_registry(channel, cms::gp::Scope::issuer_domain).value();
        REQUIRE(issuer.size() == 1);
        CHECK(to_hex(issuer[0].aid) == "A000000151000000");
        CHECK(issuer[0].life_cycle == 0x01);
        const auto applications = cms::gp::read_registry(channel, cms::gp::Scope::applications).value();
        REQUIRE(applications.size() == 1);
        CHECK(to_hex(applications[0].aid) == "A000000308000010000100");
        CHECK(to_hex(applications[0].load_file) == "A0000003080000");
        CHECK(to_hex(applications[0].domain) == "A000000151000000");
        const auto files = cms::gp::read_registry(channel, cms::gp::Scope::load_files_and_modules).value();
        REQUIRE(files.size() == 1);
        CHECK(to_hex(files[0].modules.at(0)) == "A000000308000010");

        const auto data = channel.send(cms::gp::get_data(0x66)).value();
        const auto protocols = cms::gp::parse_card_data(data.data).value();
        REQUIRE(protocols.size() == 1);
        CHECK(protocols[0] ==
              cms::gp::Protocol{static_cast<std::uint8_t>(kind.setup.protocol), kind.setup.options});
        const auto keys =
            cms::gp::parse_key_information(channel.send(cms::gp::get_data(0xE0)).value().data).value();
        CHECK(keys.size() == 3);
        CHECK(to_hex(channel.card().kdd) == "00010203040506070809");
      }
    }
  }
}

TEST_CASE(
    "PUT KEY: from every protocol to keys of every kind, replaced, and found by whoever wraps keys anew") {
  struct Fresh {
    KeyType type;
    std::size_t size;
  };
  for (const auto& kind : kKinds) {
    for (const auto& fresh : {Fresh{KeyType::tdes, 16}, Fresh{KeyType::aes, 16}, Fresh{KeyType::aes, 24},
                              Fresh{KeyType::aes, 32}}) {
      CAPTURE(name(kind));
      CAPTURE(fresh.size);
      CardAndHost bench{kNist, kind.setup};
      REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
      auto channel = bench.open(SecurityLevel::c_mac_c_enc);
      const auto first = keyset(fresh.type, fresh.size, 0x21, 0x10);
      const auto answer = channel.send(cms::gp::put_key(channel, first, 0).value()).value();
      REQUIRE(answer.sw == apdu::sw::kOk);
      CHECK(cms::gp::check_put_key_answer(first, answer.data));
      CHECK(card::gp::key_versions(bench.card.world().store).value() == std::vector<std::uint8_t>{0x21});

      // A type of its own may speak another protocol than the card came with.
      if (fresh.type == KeyType::tdes && kind.setup.protocol == Protocol::scp03) bench.setup.options = 0x15;
      REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
      // The first keys: other keys, or no keys for the protocol that the card speaks now.
      const bool same_type = (fresh.type == KeyType::tdes) == (kind.setup.protocol == Protocol::scp02);
      CHECK(bench.try_open(SecurityLevel::c_mac, bench.initial_keys()).error().code ==
            (same_type ? Errc::denied : Errc::unsupported));
      auto again = bench.open(SecurityLevel::c_mac_c_enc, first);
      const auto second = keyset(fresh.type, fresh.size, 0x21, 0x30);
      const auto replaced = again.send(cms::gp::put_key(again, second, 0x21).value()).value();
      REQUIRE(replaced.sw == apdu::sw::kOk);
      CHECK(cms::gp::check_put_key_answer(second, replaced.data));
      REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
      CHECK(bench.try_open(SecurityLevel::c_mac, first).error().code == Errc::denied);
      auto last = bench.open(SecurityLevel::c_mac_c_enc, second);
      CHECK(send(last, "80CA00CF00").ends_with("9000"));

      const auto ids = bench.card.world().store.list(card::RecordSpace::key).value();
      for (const auto id : ids) {
        const auto record = bench.card.world().store.get({card::RecordSpace::key, id}).value().value();
        const auto key = card::stored_key(record).value();
        CHECK(key.slot.reference == id);
        CHECK(card::stored_key(card::with_sealed(record, Bytes{7}).value()).value().sealed == Bytes{7});
      }
    }
  }
}

TEST_CASE("eight key sets, and no ninth; replacing goes on when all places are taken") {
  CardAndHost bench;
  REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
  auto channel = bench.open(SecurityLevel::all);
  for (std::uint8_t version = 1; version <= 8; ++version) {
    const auto fresh = keyset(KeyType::aes, 16, version, 0x10);
    CHECK(channel.send(cms::gp::put_key(channel, fresh, 0).value()).value().sw == apdu::sw::kOk);
  }
  const auto ninth = keyset(KeyType::aes, 16, 9, 0x10);
  CHECK(channel.send(cms::gp::put_key(channel, ninth, 0).value()).value().sw == apdu::sw::kNoMemory);
  CHECK(channel.send(cms::gp::put_key(channel, ninth, 3).value()).value().sw == apdu::sw::kOk);
  CHECK(channel.send(cms::gp::put_key(channel, keyset(KeyType::aes, 16, 9, 0x40), 9).value()).value().sw ==
        apdu::sw::kOk);
  CHECK(card::gp::key_versions(bench.card.world().store).value() ==
        std::vector<std::uint8_t>{1, 2, 4, 5, 6, 7, 8, 9});
  CHECK(channel.send(cms::gp::delete_key(4, std::nullopt)).value().sw == apdu::sw::kOk);
  CHECK(channel.send(cms::gp::put_key(channel, keyset(KeyType::aes, 32, 0x7F, 0x40), 0).value()).value().sw ==
        apdu::sw::kOk);
  CHECK(bench.card.world().store.list(card::RecordSpace::key).value().size() == 1 + 3 * 8);
}

TEST_CASE(
    "nobody without the keys can lock them: failures are for the audit log, and nothing of them is kept") {
  CardAndHost bench;
  REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
  const auto before = bench.card.world().store.snapshot();
  for (int i = 0; i < 300; ++i) {
    REQUIRE(bench.card.send("8050000008000102030405060700").sw == apdu::sw::kOk);
    REQUIRE(bench.card.send("848201001000000000000000000000000000000000").sw ==
            apdu::sw::kSecurityNotSatisfied);
  }
  CHECK(bench.card.world().audit.count<card::ChannelTried>() == 300);
  CHECK(bench.card.world().store.snapshot() == before);
  (void)bench.open(SecurityLevel::c_mac);
}

TEST_CASE("DELETE of a key set changes the registry: what was read before is no condition to write under") {
  CardAndHost bench;
  REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
  auto channel = bench.open(SecurityLevel::all);
  for (const std::uint8_t version : std::initializer_list<std::uint8_t>{1, 2}) {
    REQUIRE(channel.send(cms::gp::put_key(channel, keyset(KeyType::aes, 16, version, 0x10), 0).value())
                .value()
                .sw == apdu::sw::kOk);
  }
  auto& store = bench.card.world().store;
  constexpr card::RecordId kRegistry{card::RecordSpace::card, 0x47520000};
  const auto before = store.get(kRegistry).value();
  REQUIRE(channel.send(cms::gp::delete_key(2, std::nullopt)).value().sw == apdu::sw::kOk);
  const card::Condition unchanged{kRegistry, before};
  CHECK(store.commit_if({&unchanged, 1}, {}).error().code == Errc::conflict);
}

TEST_CASE("what the audit log hears; what it cannot hear does not open") {
  CardAndHost bench;
  auto& audit = bench.card.world().audit;
  REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
  auto channel = bench.open(SecurityLevel::c_mac_c_enc);
  const auto last = [&]<class Event>(const Event*) {
    REQUIRE_FALSE(audit.events().empty());
    REQUIRE(std::holds_alternative<Event>(audit.events().back()));
    return std::get<Event>(audit.events().back());
  };
  const auto tried = last(static_cast<card::ChannelTried*>(nullptr));
  CHECK(tried.match);
  CHECK(tried.key_version == 0xFF);
  CHECK(tried.level == 0x03);
  (void)channel.send(cms::gp::put_key(channel, keyset(KeyType::aes, 24, 1, 0x10), 0).value());
  const auto replaced = last(static_cast<card::KeySetReplaced*>(nullptr));
  CHECK(replaced.version == 1);
  CHECK(replaced.replaced == 0xFF);
  CHECK(replaced.algorithm == Algorithm::aes192);
  (void)channel.send(cms::gp::put_key(channel, keyset(KeyType::aes, 16, 2, 0x10), 0).value());
  (void)channel.send(cms::gp::delete_key(2, std::nullopt));
  CHECK(last(static_cast<card::KeySetDeleted*>(nullptr)).version == 2);
  (void)channel.send(cms::gp::set_card_state(cms::gp::CardState::secured));
  const auto state = last(static_cast<card::CardStateChanged*>(nullptr));
  CHECK(state.from == 0x01);
  CHECK(state.to == 0x0F);
  (void)channel.send(cms::gp::lock_application(CardAndHost::from("A000000308000010000100"), true));
  CHECK(last(static_cast<card::ApplicationStateChanged*>(nullptr)).to == 0x87);
  (void)send(channel, "80E29000054203112233");
  CHECK(last(static_cast<card::DomainDataWritten*>(nullptr)).size == 3);

  REQUIRE(bench.card.send("8050000008000102030405060700").sw == apdu::sw::kOk);
  CHECK(bench.card.send("848203001000000000000000000000000000000000").sw == apdu::sw::kSecurityNotSatisfied);
  CHECK_FALSE(last(static_cast<card::ChannelTried*>(nullptr)).match);

  audit.set_failing(true);
  CHECK_FALSE(bench.try_open(SecurityLevel::c_mac, keyset(KeyType::aes, 24, 1, 0x10)));
  audit.set_failing(false);
  CHECK(bench.card.send("80F28002024F0000").sw == apdu::sw::kSecurityNotSatisfied);
}

TEST_CASE(
    "a channel is security status from INITIALIZE UPDATE on, and nothing in it is answered from memory") {
  CardAndHost bench;
  REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
  CHECK_FALSE(bench.card.card().has_security_status());
  const auto fresh = bench.card.card().state_digest();
  REQUIRE(bench.card.send("8050000008000102030405060700").sw == apdu::sw::kOk);
  CHECK(bench.card.card().has_security_status());
  CHECK(bench.card.card().state_digest() != fresh);
  CHECK(bench.card.transmit(CardAndHost::from("80CA00CF00")).effect == card::Effect::effectful);
  auto channel = bench.open(SecurityLevel::all);
  auto before = bench.card.card().state_digest();
  for (int i = 0; i < 5; ++i) {
    CHECK(send(channel, "80CA00CF00").ends_with("9000"));
    CHECK(bench.card.card().state_digest() != before);
    before = bench.card.card().state_digest();
  }
  const auto wrapped = apdu::encode(channel.wrap(cms::gp::get_data(0xCF)).value());
  CHECK(bench.card.transmit(wrapped).effect == card::Effect::effectful);
  CHECK(bench.card.transmit(CardAndHost::from(kSelectIssuer)).effect == card::Effect::effectful);
  CHECK_FALSE(bench.card.card().has_security_status());
  CHECK(bench.card.card().state_digest() == fresh);
  CHECK(bench.card.transmit(CardAndHost::from("80CA00CF00")).effect == card::Effect::pure);
  CHECK(bench.card.card().state_digest() == fresh);
}

TEST_CASE("commands that come in another order than they were made in: 6982, and the end") {
  for (const auto level : kAll) {
    CardAndHost bench;
    REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
    auto channel = bench.open(level);
    const auto first = apdu::encode(channel.wrap(cms::gp::get_data(0xCF)).value());
    (void)channel.unwrap({{}, apdu::StatusWord{0x6A88}});  // as if it had been answered
    const auto second = apdu::encode(channel.wrap(cms::gp::get_data(0x66)).value());
    CHECK(bench.card.raw(second).sw == apdu::sw::kSecurityNotSatisfied);
    CHECK(bench.card.raw(first).sw == apdu::sw::kSecurityNotSatisfied);
    CHECK(bench.card.send("80F28002024F0000").sw == apdu::sw::kSecurityNotSatisfied);
  }
}

TEST_CASE(
    "whatever fails when, a key set, the registry and the application are the old ones or the new ones") {
  struct Change {
    const char* name;
    std::function<apdu::StatusWord(cms::gp::SecureChannel&)> run;
  };
  const auto instance = CardAndHost::from("A000000308000010000100");
  const std::vector<Change> changes{
      {"PUT KEY",
       [](auto& c) {
         return c.send(cms::gp::put_key(c, keyset(KeyType::aes, 16, 1, 0x10), 0).value()).value().sw;
       }},
      {"SET STATUS",
       [](auto& c) { return c.send(cms::gp::set_card_state(cms::gp::CardState::secured)).value().sw; }},
      {"lock", [&](auto& c) { return c.send(cms::gp::lock_application(instance, true)).value().sw; }},
      {"DELETE", [&](auto& c) { return c.send(cms::gp::delete_object(instance, false)).value().sw; }},
      {"STORE DATA",
       [](auto& c) {
         return c.send(apdu::parse_command(CardAndHost::from("80E29000084201AA4503010203")).value())
             .value()
             .sw;
       }},
  };
  for (const auto& change : changes) {
    for (unsigned step = 1; step <= 2; ++step) {
      CAPTURE(change.name);
      CAPTURE(step);
      CardAndHost bench;
      REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
      auto channel = bench.open(SecurityLevel::c_mac_c_enc);
      const auto before = bench.card.world().store.snapshot();
      bench.card.world().medium.fail_after(step);
      const auto word = change.run(channel);
      bench.card.world().medium.revive();
      if (step == 1) {
        CHECK(word == apdu::sw::kUnspecified);
        CHECK(bench.card.world().store.snapshot() == before);
        CHECK(change.run(channel) == apdu::sw::kOk);
      } else {
        CHECK(word == apdu::sw::kOk);  // there was one step
      }
      CHECK(bench.card.world().store.snapshot() != before);
    }
  }
}

TEST_CASE("INSTALL that fails leaves no application; given again it makes a whole one") {
  const auto instance = CardAndHost::from("A000000308000010000100");
  const cms::gp::Installation what{
      CardAndHost::from("A0000003080000"), CardAndHost::from("A000000308000010"), instance, {0x00}, {}, {}};
  for (unsigned step = 1; step <= 3; ++step) {
    CAPTURE(step);
    CardAndHost bench;
    REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
    auto channel = bench.open(SecurityLevel::all);
    REQUIRE(channel.send(cms::gp::delete_object(instance, false)).value().sw == apdu::sw::kOk);
    bench.card.world().medium.fail_after(step);
    CHECK(channel.send(cms::gp::install(what).value()).value().sw == apdu::sw::kUnspecified);
    bench.card.world().medium.revive();
    CHECK(cms::gp::read_registry(channel, cms::gp::Scope::applications).value().empty());
    CHECK(channel.send(cms::gp::install(what).value()).value().sw == apdu::sw::kOk);
    REQUIRE(bench.card.send(kSelectPiv).sw == apdu::sw::kOk);
    CHECK(bench.card.send("0020008008313233343536FFFF").sw == apdu::sw::kOk);
  }
}

TEST_CASE("INSTALL erases what a session still wrote when the application was deleted") {
  const auto instance = CardAndHost::from("A000000308000010000100");
  const cms::gp::Installation what{
      CardAndHost::from("A0000003080000"), CardAndHost::from("A000000308000010"), instance, {0x00}, {}, {}};
  CardAndHost bench;
  auto& store = bench.card.world().store;
  const auto management_key = store.get({card::RecordSpace::key, 0x9B}).value();
  REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
  auto channel = bench.open(SecurityLevel::all);
  REQUIRE(channel.send(cms::gp::delete_object(instance, false)).value().sw == apdu::sw::kOk);
  const card::Change late[] = {{{card::RecordSpace::object, 0x5FC102}, Bytes{1, 2, 3}},
                               {{card::RecordSpace::key, 0x9C}, management_key}};
  REQUIRE(store.commit(late));
  REQUIRE(channel.send(cms::gp::install(what).value()).value().sw == apdu::sw::kOk);
  CHECK(store.list(card::RecordSpace::object).value() == std::vector<std::uint32_t>{0x7E});
  CHECK(store.list(card::RecordSpace::key).value() == std::vector<std::uint32_t>{0x9B, 0xA0, 0xA1, 0xA2});
}

TEST_CASE("two sessions change the registry at once: one of them is told") {
  CardAndHost bench;
  auto second = bench.card.second_session();
  REQUIRE(bench.card.send(kSelectIssuer).sw == apdu::sw::kOk);
  auto channel = bench.open(SecurityLevel::c_mac);
  REQUIRE(channel.send(cms::gp::set_card_state(cms::gp::CardState::initialized)).value().sw == apdu::sw::kOk);
  REQUIRE(second.send(kSelectIssuer).sw == apdu::sw::kOk);
  CHECK(second.send("80CA00CF00").sw == apdu::sw::kOk);
  REQUIRE(channel.send(cms::gp::set_card_state(cms::gp::CardState::terminated)).value().sw == apdu::sw::kOk);
  CHECK(second.send("8050000008000102030405060700").sw == apdu::sw::kConditionsNotSatisfied);
  CHECK(second.send(kSelectPiv).sw == apdu::sw::kNotFound);
}

}  // namespace cardea::test
