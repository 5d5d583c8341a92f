#include "cardea/identity/device_directory.h"

#include <SQLiteCpp/Database.h>

#include "fixture.h"

namespace cardea::identity {
namespace {

using test::must;
using test::World;

std::vector<std::string> ids(std::vector<store::CardRow> cards) {
  std::vector<std::string> out;
  for (const auto& card : cards)
    out.push_back(card.id);
  std::sort(out.begin(), out.end());
  return out;
}

Principal ann() {
  return {"d", "acme", "ann", store::DeviceRole::user};
}
Principal registrar() {
  return {"d", "acme", "rob", store::DeviceRole::registrar};
}
Principal nobody() {
  return {"d", "acme", std::nullopt, store::DeviceRole::user};
}

TEST_CASE("devices: known, unknown, revoked") {
  World world;
  const auto id = api::thumbprint(world.laptop.public_key);
  CHECK(must(world.devices.find(id)).person == "ann");
  CHECK_FAILS(world.devices.find("x"), Errc::denied, "the device is not known here");
  must(world.db->revoke_device(id, world.clock.now()));
  world.devices.revoked(id);
  CHECK_FAILS(world.devices.find(id), Errc::denied, "the device has been revoked");
}

TEST_CASE("devices: an unknown one is looked up again, so that enrolling it is enough") {
  World world;
  const auto key = api::generate_signing_key();
  const auto id = api::thumbprint(key.public_key);
  CHECK_FALSE(world.devices.find(id).has_value());
  world.add(key, "other", std::nullopt, store::DeviceRole::user);
  CHECK(world.devices.find(id).has_value());
}

TEST_CASE("devices: a row that somebody else changed is not kept [B8]") {
  World world;
  const auto id = api::thumbprint(world.laptop.public_key);
  const auto role = [&world](const char* number) {
    SQLite::Database file{(world.directory / "cardea.db").string(), SQLite::OPEN_READWRITE};
    file.exec(std::string{"UPDATE devices SET role = "} + number + " WHERE person = 'ann'");
  };
  const SecretBytes key{BytesView{Bytes(32, 0x5A)}};
  must(world.db->changes().protect(key));
  role("2");
  CHECK_FAILS(world.devices.find(id), Errc::corrupt,
              "table devices, row id=" + id + " was changed, and not by the server");
  role("1");
  CHECK(must(world.devices.find(id)).role == store::DeviceRole::user);
  role("2");
  CHECK(must(world.devices.find(id)).role == store::DeviceRole::user);

  // What was looked up before there was anything to compare it with is looked up again.
  world.db.reset();
  world.db = must(store::Database::open({world.directory / "cardea.db"}));
  DeviceDirectory again{*world.db};
  CHECK(must(again.find(id)).role == store::DeviceRole::registrar);
  role("1");
  must(world.db->changes().protect(key));
  CHECK(must(again.find(id)).role == store::DeviceRole::user);
}

TEST_CASE("cards: a user's own, a registrar's whole organisation, nobody's none [D3]") {
  World world;
  CHECK(ids(must(world.devices.cards(ann()))) == std::vector<std::string>{"anns"});
  CHECK(ids(must(world.devices.cards(registrar()))) == std::vector<std::string>{"anns", "nobodys", "robs"});
  CHECK(must(world.devices.cards(nobody())).empty());
}

TEST_CASE("cards: one that may not be opened looks like one that does not exist [D3]") {
  World world;
  constexpr auto kNone = "there is no such card for this device";
  CHECK(must(world.devices.card(ann(), "anns")).id == "anns");
  for (const char* card : {"robs", "nobodys", "foreign", "nothing", ""}) {
    CAPTURE(card);
    CHECK_FAILS(world.devices.card(ann(), card), Errc::not_found, kNone);
    CHECK_FAILS(world.devices.card(nobody(), card), Errc::not_found, kNone);
  }
  CHECK(must(world.devices.card(registrar(), "nobodys")).id == "nobodys");
  CHECK(must(world.devices.card(registrar(), "anns")).id == "anns");
  CHECK_FAILS(world.devices.card(registrar(), "foreign"), Errc::not_found, kNone);
}

}  // namespace
}  // namespace cardea::identity
