#include <doctest/doctest.h>

#include <initializer_list>

#include "cardea/card/gp/domain_keys.h"
#include "cardea/card/gp/sequence_counters.h"
#include "cardea/card/stored_key.h"
#include "cardea/test/print.h"
#include "cardea/test/test_card.h"
#include "gp/factory.h"
#include "piv/key_record.h"

using namespace cardea;
using namespace cardea::card;
using namespace cardea::card::gp;
using test::World;

namespace {

const Profile& nist() {
  return *find_profile(test::kNist);
}

SecretBytes key(std::size_t size, std::uint8_t octet) {
  return SecretBytes{BytesView{Bytes(size, octet)}};
}

NewKeySet aes_set(World& world, std::uint8_t version) {
  NewKeySet out;
  out.version = version;
  out.make = [&world](std::uint8_t identifier, KeySlot slot) {
    return import_domain_key(world.keys, slot, Algorithm::aes128, key(16, identifier));
  };
  return out;
}

}  // namespace

TEST_CASE("a card is made with the keys that it is given, and without any when it is given none") {
  World world{1};
  REQUIRE(make_factory_card(nist(), {7}, world.ports()));
  CHECK(key_versions(world.store).value().empty());
  CHECK_FALSE(StoredKeySets(world.store, world.keys).find(0).value());

  World with{2};
  REQUIRE(make_factory_card(nist(), {7, well_known_keys(with.keys, Protocol::scp02, 0x55)}, with.ports()));
  CHECK(key_versions(with.store).value() == std::vector<std::uint8_t>{0xFF});
  const auto set = StoredKeySets(with.store, with.keys).find(0).value().value();
  CHECK(set.version == 0xFF);
  CHECK(set.protocol == Protocol::scp02);
  CHECK(set.options == 0x55);
  CHECK(set.encryption.algorithm == Algorithm::tdes);
  CHECK(set.encryption.slot.reference == 0xA0);
  CHECK(set.mac.slot.reference == 0xA1);
  CHECK(set.sensitive.slot.reference == 0xA2);
}

TEST_CASE("keys of a security domain stand where whoever wraps keys anew looks for them") {
  World world{1};
  REQUIRE(make_factory_card(nist(), {7, well_known_keys(world.keys)}, world.ports()));
  for (const std::uint32_t reference : {0xA0U, 0xA1U, 0xA2U}) {
    const auto record = world.store.get({RecordSpace::key, reference}).value().value();
    const auto stored = stored_key(record).value();
    CHECK(stored.slot.reference == reference);  // resident keys are found by their reference
    const auto wrapped = with_sealed(record, Bytes{1, 2, 3}).value();
    CHECK(stored_key(wrapped).value().sealed == Bytes{1, 2, 3});
    CHECK(piv::decode_key_record(record).value().factory_value);
    CHECK(piv::decode_key_record(record).value().pin_policy == piv::PinPolicy::never);
  }
}

TEST_CASE("keys that suit no protocol, versions that no set has: invalid, and nothing is made") {
  const auto refused = [](auto change) {
    World world{1};
    auto keys = well_known_keys(world.keys);
    change(world, keys);
    const auto made = make_factory_card(nist(), {7, std::move(keys)}, world.ports());
    return !made && made.error().code == Errc::invalid && world.store.snapshot().empty();
  };
  CHECK(refused([](World&, SecurityDomainKeys& keys) { keys.version = 0; }));
  CHECK(refused([](World&, SecurityDomainKeys& keys) { keys.version = 0x80; }));
  CHECK(refused([](World&, SecurityDomainKeys& keys) { keys.options = 0x40; }));
  CHECK(refused([](World&, SecurityDomainKeys& keys) { keys.protocol = Protocol::scp02; }));
  CHECK(refused([](World&, SecurityDomainKeys& keys) { keys.make = nullptr; }));
  CHECK(refused([](World& world, SecurityDomainKeys& keys) {
    keys = imported_keys(world.keys, Protocol::scp03, 0x70, key(16, 1), key(16, 1), key(24, 1));
  }));
  CHECK(refused([](World& world, SecurityDomainKeys& keys) {
    keys = imported_keys(world.keys, Protocol::scp03, 0x70, key(20, 1), key(20, 1), key(20, 1));
  }));
  CHECK(refused([](World& world, SecurityDomainKeys& keys) {
    keys = imported_keys(world.keys, Protocol::scp02, 0x15, key(24, 1), key(24, 1), key(24, 1));
  }));
}

TEST_CASE("a card whose making was interrupted anywhere can be made again, keys included") {
  for (unsigned step = 1; step <= 2; ++step) {
    CAPTURE(step);
    World world{1};
    world.medium.fail_after(step, test::Failure::crashed);
    CHECK_FALSE(make_factory_card(nist(), {7, well_known_keys(world.keys)}, world.ports()));
    world.medium.revive();
    CHECK(make_factory_card(nist(), {7, well_known_keys(world.keys)}, world.ports()));
  }
}

TEST_CASE("the newest set is the default one; an erased one leaves nothing behind") {
  World world{1};
  StoredKeySets sets{world.store, world.keys};
  for (const std::uint8_t version : std::initializer_list<std::uint8_t>{5, 2, 9}) {
    const auto made =
        sets.make(aes_set(world, version), static_cast<std::uint8_t>(version % 8), 20U - version);
    REQUIRE(world.store.commit(made.value().changes));
  }
  CHECK(sets.find(0).value()->version == 2);
  CHECK(sets.find(9).value()->version == 9);
  CHECK_FALSE(sets.find(3).value());
  CHECK(key_versions(world.store).value() == std::vector<std::uint8_t>{2, 5, 9});

  REQUIRE(StoredSequenceCounters{world.store}.advance(2, 0));
  const auto erasure = sets.erasure(*sets.entry(2).value()).value();
  CHECK(erasure.handles.size() == 3);
  REQUIRE(world.store.commit(erasure.changes));
  CHECK(sets.find(0).value()->version == 5);
  CHECK(StoredSequenceCounters{world.store}.current(2).value() == 0);
  CHECK(world.store.list(RecordSpace::key).value().size() == 6);
  CHECK(world.store.list(RecordSpace::card).value().size() == 2);
}

TEST_CASE("keys that were swapped or damaged behind the card are not used: corrupt") {
  World world{1};
  StoredKeySets sets{world.store, world.keys};
  REQUIRE(world.store.commit(sets.make(aes_set(world, 1), 0, 1).value().changes));
  REQUIRE(world.store.commit(sets.make(aes_set(world, 2), 1, 2).value().changes));
  const RecordId first{RecordSpace::key, key_reference(0, 1)};
  const auto good = world.store.get(first).value();
  const auto put = [&](std::optional<Bytes> value) {
    const Change change{first, std::move(value)};
    REQUIRE(world.store.commit({&change, 1}));
  };
  put(world.store.get({RecordSpace::key, key_reference(1, 1)}).value());
  CHECK(sets.find(1).error().code == Errc::corrupt);
  put(std::nullopt);
  CHECK(sets.find(1).error().code == Errc::corrupt);
  put(Bytes{1, 2});
  CHECK(sets.find(1).error().code == Errc::corrupt);
  put(good);
  CHECK(sets.find(1).value());
}

TEST_CASE("a set of which one key cannot be made leaves none") {
  World world{1};
  StoredKeySets sets{world.store, world.keys};
  auto fresh = aes_set(world, 1);
  fresh.make = [&world](std::uint8_t identifier, KeySlot slot) -> Result<KeyHandle> {
    if (identifier == 3) return fail(Errc::unavailable, "no more");
    return import_domain_key(world.keys, slot, Algorithm::aes128, key(16, identifier));
  };
  CHECK(sets.make(fresh, 0, 1).error().code == Errc::unavailable);
  CHECK(world.store.snapshot().empty());
}
