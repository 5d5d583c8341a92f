#include "cardea/service/card_keys.h"

#include "fixture.h"

using namespace cardea;
using namespace cardea::test;
using card::Algorithm;
using card::gp::Protocol;
using service::CardKeySettings;
using vault::Diversification;

namespace {

SecretBytes key(const char* hex) {
  return SecretBytes{from_hex(hex).value()};
}

std::vector<SecretBytes> one(const char* hex) {
  std::vector<SecretBytes> out;
  out.push_back(key(hex));
  return out;
}

struct Fixture : Furnished {
  /// Lines about card keys, the oldest first.
  std::vector<std::string> told() {
    store::AuditQuery query;
    query.organisation = "org";
    std::vector<std::string> out;
    for (const auto& line : must(database->audit(query))) {
      if (line.action.find("card_keys") != std::string::npos)
        out.push_back(line.action.substr(std::string{"organisation.card_keys."}.size()) +
                      (line.success ? "" : " failed"));
    }
    return out;
  }
  service::CardKeys card_keys{world};
};

using Told = std::vector<std::string>;

constexpr const char* kAes128 = "404142434445464748494A4B4C4D4E4F";

}  // namespace

TEST_CASE("card keys: made, announced before and concluded after, one set at a time [A6][F3]") {
  Fixture f;
  CardKeySettings settings;
  settings.three = true;
  const auto row = f.card_keys.create("Trust", settings, "administrator").value();
  CHECK(row.organisation == "org");
  CHECK(row.number == 1);
  CHECK_FALSE(row.imported);
  CHECK(row.masters.size() == 3);
  CHECK(row.check_values.size() == 9);
  CHECK(f.told() == Told{"create.intent", "create"});
  CHECK(f.card_keys.create("org", settings, "a").error() ==
        Error{Errc::conflict, "the organisation has card keys in use: retire them first"});
  CHECK(f.card_keys.list("other").value().empty());
  CHECK(f.card_keys.list("nobody").error().code == Errc::not_found);

  const auto retired = f.card_keys.retire("org", "administrator").value();
  CHECK(retired.masters.empty());
  CHECK(retired.check_values == row.check_values);
  CHECK(f.card_keys.retire("org", "a").error() ==
        Error{Errc::not_found, "the organisation has no card keys in use"});
  CHECK(f.card_keys.create("org", {}, "administrator")->number == 2);
  CHECK(f.told() == Told{"create.intent", "create", "retire", "create.intent", "create"});
}

TEST_CASE("card keys: what fails leaves no set, and says so in the log [F3]") {
  Fixture f;
  f.vault.available = false;
  CHECK(f.card_keys.create("org", {}, "a").error().code == Errc::unavailable);
  CHECK(f.card_keys.list("org").value().empty());
  CHECK(f.told() == Told{"create.intent", "create failed"});
  CHECK(f.card_keys.create("nobody", {}, "a").error().code == Errc::not_found);
}

TEST_CASE("card keys: imported ones have the check values that are expected of them [A6]") {
  Fixture f;
  CardKeySettings settings;
  settings.algorithm = Algorithm::aes128;
  const auto expected = from_hex("504A77").value();
  CHECK(f.card_keys.import("org", settings, one(kAes128), from_hex("504A78").value(), "a").error() ==
        Error{Errc::denied, "these are other keys: their check values are 504A77"});
  CHECK(f.card_keys.list("org").value().empty());
  CHECK(f.card_keys.import("org", settings, one(kAes128), expected, "a")->check_values == expected);
  CHECK(f.told() == Told{"import.intent", "import failed", "import.intent", "import"});
  REQUIRE(f.card_keys.retire("org", "a").has_value());

  // Two parts go to the vault as three.
  settings = {Algorithm::tdes, 2, false, 1, Protocol::scp02, 0x15, Diversification::emv};
  CHECK(f.card_keys.import("org", settings, one(kAes128), from_hex("8BAF47").value(), "a").has_value());
  CHECK(to_hex(f.vault.masters.back().expose()) == "404142434445464748494A4B4C4D4E4F4041424344454647");
}

TEST_CASE("card keys: sizes and numbers of keys that do not fit are refused before anything is done") {
  Fixture f;
  CardKeySettings settings;
  const auto refused = [&](const CardKeySettings& with, std::vector<SecretBytes> keys, const Bytes& values) {
    const auto done = f.card_keys.import("org", with, keys, values, "a");
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().code == Errc::invalid);
    return done.error().what;
  };
  CHECK(refused(settings, one(kAes128), {}) == "a master key of this kind has 32 octets");
  settings.algorithm = Algorithm::aes128;
  CHECK(refused(settings, {}, {}) == "there is one master key, unless a set of three is asked for");
  CHECK(refused(settings, one(kAes128), Bytes(4)) ==
        "a check value has three octets, and each master key has one");
  settings.three = true;
  CHECK(refused(settings, one(kAes128), {}) == "a set has three master keys: ENC, MAC and DEK");
  CHECK(f.told().empty());
}

TEST_CASE("card keys: which keys cards get of which master keys") {
  const auto on_cards = [](Algorithm algorithm, unsigned parts, Protocol protocol, std::uint8_t options,
                           Diversification scheme, std::uint8_t version = 1) {
    return service::card_key_algorithm({algorithm, parts, false, version, protocol, options, scheme});
  };
  using enum Algorithm;
  using enum Diversification;
  CHECK(on_cards(aes128, 0, Protocol::scp03, 0x70, kdf3).value() == aes128);
  CHECK(on_cards(aes256, 0, Protocol::scp03, 0x00, kdf3).value() == aes256);
  CHECK(on_cards(tdes, 2, Protocol::scp03, 0x60, visa2).value() == aes128);
  CHECK(on_cards(tdes, 3, Protocol::scp02, 0x55, emv).value() == tdes);
  const auto code = [](const Result<Algorithm>& result) {
    return result ? Errc::conflict : result.error().code;
  };
  CHECK(code(on_cards(aes128, 0, Protocol::scp02, 0x55, kdf3)) == Errc::invalid);
  CHECK(code(on_cards(aes128, 0, Protocol::scp03, 0x70, visa2)) == Errc::invalid);
  CHECK(code(on_cards(tdes, 2, Protocol::scp03, 0x70, kdf3)) == Errc::invalid);
  CHECK(code(on_cards(tdes, 0, Protocol::scp02, 0x55, emv)) == Errc::invalid);
  CHECK(code(on_cards(aes128, 2, Protocol::scp03, 0x70, kdf3)) == Errc::invalid);
  CHECK(code(on_cards(p256, 0, Protocol::scp03, 0x70, kdf3)) == Errc::invalid);
  CHECK(code(on_cards(aes128, 0, Protocol::scp03, 0x55, kdf3)) == Errc::invalid);
  CHECK(code(on_cards(tdes, 2, Protocol::scp02, 0x70, emv)) == Errc::invalid);
  CHECK(code(on_cards(aes128, 0, Protocol::scp03, 0x70, kdf3, 0)) == Errc::invalid);
  CHECK(code(on_cards(aes128, 0, Protocol::scp03, 0x70, kdf3, 0xFF)) == Errc::invalid);
}

TEST_CASE("card keys: a card that is made gets its own, under the organisation's key version [A6]") {
  Fixture f;
  const auto bare = f.issue();
  CHECK(f.cards.show(bare.id)->key_versions == std::vector<std::uint8_t>{});
  CHECK(f.vault.derived.empty());

  CardKeySettings settings;
  settings.three = true;
  settings.key_version = 0x30;
  REQUIRE(f.card_keys.create("org", settings, "a").has_value());
  const auto card = f.issue();
  CHECK(f.cards.show(card.id)->key_versions == std::vector<std::uint8_t>{0x30});
  REQUIRE(f.vault.derived.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CAPTURE(i);
    const auto& one = f.vault.derived[i];
    CHECK(one.algorithm == Algorithm::aes256);
    CHECK(one.master.slot.reference == i + 1);
    CHECK(one.how.identifier == i + 1);
    CHECK(one.how.scheme == Diversification::kdf3);
    CHECK(BytesView{one.how.data}.first(4).back() == 0);
    CHECK(read_be(BytesView{one.how.data}.subspan(4, 4)) == card.serial);
  }
  CHECK(f.cards.show(bare.id)->key_versions->empty());

  REQUIRE(f.card_keys.retire("org", "a").has_value());
  CHECK(f.cards.show(f.issue().id)->key_versions->empty());
  CHECK(f.cards.show(card.id)->key_versions == std::vector<std::uint8_t>{0x30});
}

TEST_CASE("card keys: one master key makes all three; triple DES masters make what the protocol takes") {
  Fixture f;
  REQUIRE(f.card_keys
              .create("org", {Algorithm::tdes, 3, false, 1, Protocol::scp02, 0x55, Diversification::emv}, "a")
              .has_value());
  f.issue();
  REQUIRE(f.vault.derived.size() == 3);
  for (const auto& one : f.vault.derived) {
    CHECK(one.algorithm == Algorithm::tdes);
    CHECK(one.master.slot.reference == 1);
    CHECK(one.how.scheme == Diversification::emv);
  }
}

TEST_CASE("card keys: without the HSM no card is made, and none is left half made [A6]") {
  Fixture f;
  REQUIRE(f.card_keys.create("org", {}, "a").has_value());
  f.vault.available = false;
  CHECK(f.cards.issue({"org", {}, "piv-nist", ""}, "a").error().code == Errc::unavailable);
  CHECK(f.database->cards("org").value().empty());
}
