#include "fixture.h"

namespace cardea::store::test {

namespace {

Device a_device(std::string id) {
  return {std::move(id), "org", "ann", DeviceRole::user, "laptop", Bytes(32, 0xAB), at(10), std::nullopt};
}

EnrolmentCode a_code(std::uint8_t fill, Time expires) {
  return {Bytes(32, fill), "org", "ann", DeviceRole::registrar, at(1), expires};
}

}  // namespace

TEST_CASE("devices: added, listed, revoked once") {
  Furnished it;
  must(it.db->add(a_device("d1")));
  const auto found = must(it.db->device("d1"));
  CHECK(found.organisation == "org");
  CHECK(found.person == "ann");
  CHECK(found.role == DeviceRole::user);
  CHECK(found.name == "laptop");
  CHECK(found.public_key == Bytes(32, 0xAB));
  CHECK(found.created_at == at(10));
  CHECK_FALSE(found.revoked_at.has_value());

  must(it.db->revoke_device("d1", at(50)));
  must(it.db->revoke_device("d1", at(60)));
  CHECK(must(it.db->device("d1")).revoked_at == at(50));
  CHECK(must(it.db->devices("org")).size() == 1);

  CHECK_FAILS(it.db->add(a_device("d1")), Errc::conflict, "a device with the id d1 exists already");
  CHECK_FAILS(it.db->device("d2"), Errc::not_found, "there is no device d2");
  CHECK_FAILS(it.db->revoke_device("d2", at(1)), Errc::not_found, "there is no device d2");
  auto odd = a_device("d3");
  odd.public_key.pop_back();
  CHECK_FAILS(it.db->add(odd), Errc::invalid, "the device's public key is not 32 octets long");
}

TEST_CASE("an enrolment code is redeemed once and decides organisation, person and role") {
  Furnished it;
  must(it.db->add(a_code(1, at(1000))));
  auto claimed = a_device("d1");
  claimed.organisation = "other";
  claimed.person = "somebody";
  const auto device = must(it.db->redeem(Bytes(32, 1), claimed, at(999)));
  CHECK(device.organisation == "org");
  CHECK(device.person == "ann");
  CHECK(device.role == DeviceRole::registrar);
  CHECK(must(it.db->device("d1")).role == DeviceRole::registrar);
  CHECK_FAILS(it.db->redeem(Bytes(32, 1), a_device("d2"), at(999)), Errc::not_found,
              "the enrolment code is unknown or was used already");
}

TEST_CASE("an enrolment code is looked at without being used up") {
  Furnished it;
  must(it.db->add(a_code(1, at(1000))));
  const auto code = must(it.db->enrolment_code(Bytes(32, 1)));
  CHECK(code.organisation == "org");
  CHECK(code.person == "ann");
  CHECK(code.role == DeviceRole::registrar);
  CHECK(code.created_at == at(1));
  CHECK(code.expires_at == at(1000));
  CHECK_FAILS(it.db->enrolment_code(Bytes(32, 2)), Errc::not_found, "there is no such enrolment code");
  CHECK(it.db->redeem(Bytes(32, 1), a_device("d1"), at(5)).has_value());
  CHECK_FAILS(it.db->enrolment_code(Bytes(32, 1)), Errc::not_found, "there is no such enrolment code");
}

TEST_CASE("an expired code is refused and removed") {
  Furnished it;
  must(it.db->add(a_code(1, at(1000))));
  CHECK_FAILS(it.db->redeem(Bytes(32, 1), a_device("d1"), at(1000)), Errc::denied,
              "the enrolment code has expired");
  CHECK_FAILS(it.db->redeem(Bytes(32, 1), a_device("d1"), at(1)), Errc::not_found,
              "the enrolment code is unknown or was used already");
  CHECK_FAILS(it.db->device("d1"), Errc::not_found, "there is no device d1");
}

TEST_CASE("a new code sweeps away the expired ones, unless it is refused itself") {
  Furnished it;
  must(it.db->add(a_code(1, at(1000))));
  must(it.db->add(a_code(2, at(2000))));
  auto later = a_code(3, at(3000));
  later.created_at = at(1000);
  later.person = "nobody";
  CHECK_FALSE(it.db->add(later).has_value());
  CHECK_FAILS(it.db->redeem(Bytes(32, 1), a_device("d1"), at(1000)), Errc::denied,
              "the enrolment code has expired");
  must(it.db->add(a_code(1, at(1000))));
  later.person = "ann";
  must(it.db->add(later));
  CHECK_FAILS(it.db->redeem(Bytes(32, 1), a_device("d1"), at(1)), Errc::not_found,
              "the enrolment code is unknown or was used already");
  must(it.db->redeem(Bytes(32, 2), a_device("d2"), at(1500)));
  must(it.db->redeem(Bytes(32, 3), a_device("d3"), at(1500)));
}

TEST_CASE("a code survives a redemption that fails") {
  Furnished it;
  must(it.db->add(a_device("d1")));
  must(it.db->add(a_code(1, at(1000))));
  CHECK_FAILS(it.db->redeem(Bytes(32, 1), a_device("d1"), at(5)), Errc::conflict,
              "a device with the id d1 exists already");
  must(it.db->redeem(Bytes(32, 1), a_device("d2"), at(5)));
}

TEST_CASE("enrolment codes: what makes no sense is refused") {
  Furnished it;
  must(it.db->add(a_code(1, at(1000))));
  CHECK_FAILS(it.db->add(a_code(1, at(1000))), Errc::conflict, "this enrolment code exists already");
  auto odd = a_code(2, at(1000));
  odd.hash.pop_back();
  CHECK_FAILS(it.db->add(odd), Errc::invalid, "an enrolment code's hash is not 32 octets long");
  odd = a_code(2, at(1000));
  odd.person = "nobody";
  CHECK_FAILS(it.db->add(odd), Errc::not_found, "there is no person nobody in this organisation");
}

}  // namespace cardea::store::test
