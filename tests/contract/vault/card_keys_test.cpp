// Master keys of an organisation and the keys that are made of them for its cards, over SoftHSM and over the
// software token.

#include <doctest/doctest.h>

#include <optional>

#include "cardea/hex.h"
#include "cardea/vault/sealed_key.h"
#include "token_bench.h"

namespace cardea::test {

namespace {

using card::Algorithm;
using card::KeyHandle;
using card::KeySlot;
using vault::Derivation;
using vault::Diversification;

constexpr KeySlot kMaster{1, 77};
constexpr KeySlot kCardKey{0xA0, 3, false};
constexpr std::array<std::uint8_t, 10> kData{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

/// One of the two kinds of token, with the keys of "acme" and of "other".
struct Bench {
  explicit Bench(bool software) {
    vault::Options options;
    if (software) {
      auto token = vault::init_software(scratch.path() / "software").value();
      options.module = token.module;
      options.token_label = token.token_label;
      options.so_pin = token.root_key.clone();
      options.user_pin = std::move(token.root_key);
    } else {
      softhsm.emplace();
      options = softhsm->options();
    }
    vault = vault::Vault::open(std::move(options)).value();
    REQUIRE(vault->ensure_tenant("acme").has_value());
    REQUIRE(vault->ensure_tenant("other").has_value());
  }

  KeyHandle import(Algorithm algorithm, std::string_view hex) {
    return vault->import_master("acme", kMaster, algorithm, SecretBytes{from_hex(hex).value()}).value();
  }
  /// The check values of the three keys of card "card-1".
  std::string check_values(const KeyHandle& master, Algorithm algorithm, Diversification scheme) {
    const auto keys = vault->keys_of("acme", "card-1");
    const bool des = algorithm == Algorithm::tdes;
    std::string out;
    for (const std::uint8_t identifier : {std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{3}}) {
      const auto key =
          vault->derive("acme", "card-1", kCardKey, algorithm, master, {scheme, identifier, kData}).value();
      CHECK(key.algorithm == algorithm);
      CHECK(key.slot == kCardKey);
      const Bytes block(card::block_size(algorithm), des ? std::uint8_t{0} : std::uint8_t{1});
      out += to_hex(keys->encrypt_block(key, block).value().expose().first(3));
    }
    return out;
  }

  ScratchDirectory scratch;
  std::optional<TestToken> softhsm;
  std::unique_ptr<vault::Vault> vault;
};

constexpr const char* kTwoKeyDes = "404142434445464748494A4B4C4D4E4F4041424344454647";
constexpr const char* kAes = "404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F";

void known_answers(Bench& bench) {
  // martinpaljak/GlobalPlatformPro, TestPlaintextKeys: master keys 40 41 42 …, data 00 to 09.
  const auto aes = [&](Algorithm algorithm) {
    const auto master =
        bench.import(algorithm, std::string_view{kAes}.substr(0, 2 * card::key_size(algorithm)));
    return bench.check_values(master, algorithm, Diversification::kdf3);
  };
  CHECK(aes(Algorithm::aes128) == "E79C05D1BD773FDE8C");
  CHECK(aes(Algorithm::aes192) == "1DE8EA47C00CC04D76");
  CHECK(aes(Algorithm::aes256) == "2972D2036F945D57B8");
  const auto des = bench.import(Algorithm::tdes, kTwoKeyDes);
  CHECK(bench.check_values(des, Algorithm::tdes, Diversification::emv) == "C330136F4CA6BB8179");
  CHECK(bench.check_values(des, Algorithm::tdes, Diversification::visa2) == "2BE59858DA383C328E");

  // The same, TestSCP03.testKDF3: a whole key, by what it makes of a block.
  const auto master =
      bench.import(Algorithm::aes256, "8C72C72CF908411653018807950D82FBAD947562F0828A0B10B8B9606ABF3BCD");
  Derivation how{Diversification::kdf3, 1, {}};
  std::ranges::copy(from_hex("D9B1DE5D0362DEDCE4FB").value(), how.data.begin());
  const auto key = bench.vault->derive("acme", "card-1", kCardKey, Algorithm::aes256, master, how).value();
  const auto expected = from_hex("9AAC5D0B3601F89438A0D9D0B6B256CFB47E6462DFA5228D3420C4AC7C224781").value();
  const auto keys = bench.vault->keys_of("acme", "card-1");
  CHECK(to_bytes(keys->encrypt_block(key, Bytes(16, 0x3C)).value().expose()) ==
        ecb_encrypt(Algorithm::aes256, expected, Bytes(16, 0x3C)));

  // GP Card Specification 2.3.1, B.5, and Amendment D, 4.1.4, over the well-known test key.
  const auto value = [&](const KeyHandle& handle) {
    return to_hex(bench.vault->check_value("acme", handle).value());
  };
  CHECK(value(des) == "8BAF47");
  CHECK(value(bench.import(Algorithm::aes128, std::string_view{kAes}.substr(0, 32))) == "504A77");
  CHECK(value(bench.import(Algorithm::aes192, std::string_view{kAes}.substr(0, 48))) == "FFCD73");
  CHECK(value(bench.import(Algorithm::aes256, kAes)) == "ECDCD8");
}

void made_in_the_token(Bench& bench) {
  for (const auto algorithm : {Algorithm::aes128, Algorithm::aes192, Algorithm::aes256}) {
    CAPTURE(std::string{card::name(algorithm)});
    const auto one = bench.vault->make_master("acme", kMaster, algorithm, 0).value();
    const auto another = bench.vault->make_master("acme", kMaster, algorithm, 0).value();
    CHECK(bench.vault->check_value("acme", one).value() != bench.vault->check_value("acme", another).value());
    CHECK(bench.check_values(one, algorithm, Diversification::kdf3).size() == 18);
  }
  for (const unsigned parts : {2U, 3U}) {
    CAPTURE(parts);
    const auto master = bench.vault->make_master("acme", kMaster, Algorithm::tdes, parts).value();
    CHECK(bench.check_values(master, Algorithm::tdes, Diversification::visa2).size() == 18);
    CHECK(bench.check_values(master, Algorithm::aes128, Diversification::emv).size() == 18);
  }
  CHECK(bench.vault->make_master("acme", kMaster, Algorithm::tdes, 1).error().code == Errc::invalid);
  CHECK(bench.vault->make_master("acme", kMaster, Algorithm::p256, 0).error().code == Errc::invalid);
  CHECK(bench.vault->import_master("acme", kMaster, Algorithm::aes128, SecretBytes{15}).error().code ==
        Errc::invalid);
}

void what_a_master_key_does_not_do(Bench& bench) {
  auto& vault = *bench.vault;
  const auto master = bench.import(Algorithm::aes128, std::string_view{kAes}.substr(0, 32));
  const auto keys = vault.keys_of("acme", vault::kMasterCard);
  CHECK(keys->encrypt_block(master, Bytes(16)).error().code == Errc::denied);
  CHECK(keys->decrypt_block(master, Bytes(16)).error().code == Errc::denied);
  CHECK(vault.keys_of("acme", "card-1")->encrypt_block(master, Bytes(16)).error().code == Errc::corrupt);

  const Derivation how{Diversification::kdf3, 1, kData};
  const auto refusal = [&](const std::string& organisation, const std::string& card, Algorithm algorithm,
                           const KeyHandle& from, const Derivation& by) {
    const auto key = vault.derive(organisation, card, kCardKey, algorithm, from, by);
    return key ? Errc::unsupported : key.error().code;
  };
  CHECK(refusal("other", "card-1", Algorithm::aes128, master, how) == Errc::corrupt);
  CHECK(refusal("acme", vault::kMasterCard, Algorithm::aes128, master, how) == Errc::invalid);
  CHECK(refusal("acme", "card-1", Algorithm::aes256, master, how) == Errc::invalid);
  CHECK(refusal("acme", "card-1", Algorithm::tdes, master, {Diversification::visa2, 1, kData}) ==
        Errc::invalid);
  CHECK(refusal("acme", "card-1", Algorithm::aes128, master, {Diversification::kdf3, 4, kData}) ==
        Errc::invalid);
  CHECK(refusal("acme", "card-1", Algorithm::aes128, master, {Diversification::kdf3, 0, kData}) ==
        Errc::invalid);
  auto moved = master;
  moved.slot.reference = 2;
  CHECK(refusal("acme", "card-1", Algorithm::aes128, moved, how) == Errc::corrupt);
  auto damaged = master;
  damaged.sealed[damaged.sealed.size() / 2] ^= 1U;
  CHECK(refusal("acme", "card-1", Algorithm::aes128, damaged, how) == Errc::corrupt);

  // A card's key makes no others, and is that card's alone.
  const auto key = vault.derive("acme", "card-1", kCardKey, Algorithm::aes128, master, how).value();
  CHECK(refusal("acme", "card-1", Algorithm::aes128, key, how) == Errc::corrupt);
  CHECK(vault.keys_of("acme", "card-2")->encrypt_block(key, Bytes(16)).error().code == Errc::corrupt);
  CHECK(vault.keys_of("acme", "card-1")->decrypt_block(key, Bytes(16)).has_value());
}

void wrapped_anew(Bench& bench) {
  auto& vault = *bench.vault;
  const auto master = bench.import(Algorithm::aes256, kAes);
  REQUIRE(vault.make_version("acme", 2).has_value());
  vault.use_versions("acme", {2, 1});
  auto moved = master;
  moved.sealed = vault.rewrap("acme", vault::kMasterCard, master).value();
  CHECK(vault::SealedKey::parse(moved.sealed).value().kek_version == 2);
  CHECK(bench.check_values(moved, Algorithm::aes256, Diversification::kdf3) == "2972D2036F945D57B8");
  const auto key =
      vault.derive("acme", "card-1", kCardKey, Algorithm::aes256, moved, {Diversification::kdf3, 1, kData})
          .value();
  CHECK(vault::SealedKey::parse(key.sealed).value().kek_version == 2);
  CHECK(vault.check().has_value());
}

}  // namespace

TEST_CASE("keys of cards are those that others make of the same master keys [A6]") {
  for (const bool software : {false, true}) {
    CAPTURE(software);
    Bench bench{software};
    known_answers(bench);
  }
}

TEST_CASE("master keys are made in the token, of every kind [A6][B3]") {
  for (const bool software : {false, true}) {
    CAPTURE(software);
    Bench bench{software};
    made_in_the_token(bench);
  }
}

TEST_CASE("a master key makes keys of its organisation's cards and does nothing else [A6][B3]") {
  for (const bool software : {false, true}) {
    CAPTURE(software);
    Bench bench{software};
    what_a_master_key_does_not_do(bench);
  }
}

TEST_CASE("master keys follow the versions of the tenant's keys [B10]") {
  for (const bool software : {false, true}) {
    CAPTURE(software);
    Bench bench{software};
    wrapped_anew(bench);
  }
}

}  // namespace cardea::test
