#include <string>
#include <utility>

#include "sqlite_database.h"

namespace cardea::store {

namespace {

constexpr std::size_t kKeySize = 32;   // Ed25519
constexpr std::size_t kHashSize = 32;  // SHA-256

#define CARDEA_DEVICE_COLUMNS \
  "SELECT id, organisation, person, role, name, public_key, created_at, revoked_at FROM devices "
constexpr const char* kById = CARDEA_DEVICE_COLUMNS "WHERE id = ?";
constexpr const char* kByOrganisation =
    CARDEA_DEVICE_COLUMNS "WHERE organisation = ? ORDER BY created_at, id";
#undef CARDEA_DEVICE_COLUMNS

Device device_of(const Query& row) {
  Device device;
  device.id = row.text(0);
  device.organisation = row.text(1);
  device.person = row.optional_text(2);
  device.role = static_cast<DeviceRole>(row.integer(3));
  device.name = row.text(4);
  device.public_key = row.blob(5);
  device.created_at = row.time(6);
  device.revoked_at = row.optional_time(7);
  return device;
}

std::int64_t number(DeviceRole role) {
  return static_cast<std::int64_t>(role);
}

Result<void> valid(DeviceRole role) {
  if (role == DeviceRole::user || role == DeviceRole::registrar) return {};
  return fail(Errc::invalid, "a device is a user's or a registrar's");
}

Result<void> valid_identity(const Device& device) {
  CARDEA_CHECK(rule::not_empty(device.id, "the device's id"));
  if (device.public_key.size() == kKeySize) return {};
  return fail(Errc::invalid, "the device's public key is not 32 octets long");
}

Result<void> insert(Connection& db, const Device& row) {
  CARDEA_CHECK(rule::organisation_exists(db, row.organisation));
  CARDEA_CHECK(rule::person_exists(db, row.organisation, row.person));
  if (db.exists("SELECT 1 FROM devices WHERE id = ?", row.id)) {
    return fail(Errc::conflict, "a device with the id " + row.id + " exists already");
  }
  db.run(
      "INSERT INTO devices (id, organisation, person, role, name, public_key, created_at, revoked_at) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      row.id, row.organisation, row.person, number(row.role), row.name, BytesView{row.public_key},
      row.created_at, row.revoked_at);
  return {};
}

}  // namespace

Result<void> SqliteDatabase::add(const Device& row) {
  CARDEA_CHECK(valid_identity(row));
  CARDEA_CHECK(valid(row.role));
  return write([&row](Connection& db) { return insert(db, row); });
}

Result<Device> read_device(Connection& db, const std::string& id) {
  auto row = db.query(kById, id);
  if (!row.step()) return fail(Errc::not_found, "there is no device " + id);
  return device_of(row);
}

Result<Device> SqliteDatabase::device(const std::string& id) {
  return read([&id](Connection& db) { return read_device(db, id); });
}

Result<std::vector<Device>> SqliteDatabase::devices(const std::string& organisation) {
  return read([&organisation](Connection& db) -> Result<std::vector<Device>> {
    std::vector<Device> all;
    auto rows = db.query(kByOrganisation, organisation);
    while (rows.step())
      all.push_back(device_of(rows));
    return all;
  });
}

Result<void> SqliteDatabase::revoke_device(const std::string& id, Time at) {
  return write([&](Connection& db) -> Result<void> {
    // The first revocation counts.
    if (db.run("UPDATE devices SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?", at, id) == 0) {
      return fail(Errc::not_found, "there is no device " + id);
    }
    return {};
  });
}

Result<void> SqliteDatabase::add(const EnrolmentCode& row) {
  CARDEA_CHECK(valid(row.role));
  if (row.hash.size() != kHashSize)
    return fail(Errc::invalid, "an enrolment code's hash is not 32 octets long");
  return write([&row](Connection& db) -> Result<void> {
    CARDEA_CHECK(rule::organisation_exists(db, row.organisation));
    CARDEA_CHECK(rule::person_exists(db, row.organisation, row.person));
    db.run("DELETE FROM enrolment_codes WHERE expires_at <= ?", row.created_at);
    if (db.exists("SELECT 1 FROM enrolment_codes WHERE hash = ?", BytesView{row.hash})) {
      return fail(Errc::conflict, "this enrolment code exists already");
    }
    db.run(
        "INSERT INTO enrolment_codes (hash, organisation, person, role, created_at, expires_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        BytesView{row.hash}, row.organisation, row.person, number(row.role), row.created_at, row.expires_at);
    return {};
  });
}

Result<EnrolmentCode> SqliteDatabase::enrolment_code(const Bytes& hash) {
  return read([&hash](Connection& db) -> Result<EnrolmentCode> {
    auto row = db.query(
        "SELECT organisation, person, role, created_at, expires_at FROM enrolment_codes WHERE hash = ?",
        BytesView{hash});
    if (!row.step()) return fail(Errc::not_found, "there is no such enrolment code");
    return EnrolmentCode{
        hash,        row.text(0), row.optional_text(1), static_cast<DeviceRole>(row.integer(2)),
        row.time(3), row.time(4)};
  });
}

Result<Device> SqliteDatabase::redeem(const Bytes& code_hash, Device device, Time now) {
  CARDEA_CHECK(valid_identity(device));
  bool expired = false;
  CARDEA_CHECK(write([&](Connection& db) -> Result<void> {
    {
      auto code = db.query(
          "DELETE FROM enrolment_codes WHERE hash = ? RETURNING organisation, person, role, expires_at",
          BytesView{code_hash});
      if (!code.step()) return fail(Errc::not_found, "the enrolment code is unknown or was used already");
      device.organisation = code.text(0);
      device.person = code.optional_text(1);
      device.role = static_cast<DeviceRole>(code.integer(2));
      expired = code.time(3) <= now;
    }
    // An error here would bring the expired code back, so the refusal comes after the commit.
    if (expired) return {};
    return insert(db, device);
  }));
  if (expired) return fail(Errc::denied, "the enrolment code has expired");
  return device;
}

}  // namespace cardea::store
