#include "cardea/service/directory.h"

#include <fmt/format.h>

#include <algorithm>

#include "noted.h"
#include "taking_into_use.h"

namespace cardea::service {
namespace {

constexpr std::size_t kMaxName = 200;

Result<void> check_name(std::string_view name, const char* what) {
  const bool printable = std::none_of(
      name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (name.empty() || name.size() > kMaxName || !printable) {
    return fail(Errc::invalid,
                fmt::format("{} has 1 to {} octets and no control characters", what, kMaxName));
  }
  return {};
}

}  // namespace

Result<void> Directory::note(const std::string& organisation, const std::string& actor,
                             std::string_view action, const std::string& subject, std::string detail,
                             bool success) {
  store::AuditRow line;
  line.at = world_.clock.now();
  line.organisation = organisation;
  line.actor = actor;
  line.action = action;
  line.success = success;
  line.detail = std::move(detail);
  return noted(world_, line, subject);
}

Result<store::Organisation> Directory::add_organisation(const std::string& name, const std::string& actor) {
  CARDEA_CHECK(check_name(name, "the name of an organisation"));
  const store::Organisation row{new_uuid(world_.rng), name, world_.clock.now()};
  CARDEA_CHECK(world_.database.add(row));
  CARDEA_CHECK(note(row.id, actor, "organisation.create", row.id));
  CARDEA_CHECK(world_.vault.ensure_tenant(row.id));
  return row;
}

Result<store::Organisation> Directory::set_escrow_key(const std::string& organisation, const Bytes& key,
                                                      const std::string& actor) {
  CARDEA_TRY(auto row, world_.database.organisation(organisation));
  CARDEA_CHECK(world_.database.set_escrow_key(row.id, key));
  CARDEA_CHECK(
      note(row.id, actor, key.empty() ? "organisation.escrow.off" : "organisation.escrow.on", row.id));
  row.escrow_key = key;
  return row;
}

Result<store::Person> Directory::add_person(const NewPerson& person, const std::string& actor) {
  CARDEA_CHECK(check_name(person.name, "the name of a person"));
  if (!person.email.empty()) CARDEA_CHECK(check_name(person.email, "an e-mail address"));
  CARDEA_TRY(const auto organisation, world_.database.organisation(person.organisation));
  const store::Person row{new_uuid(world_.rng), organisation.id, person.name, person.email,
                          world_.clock.now()};
  CARDEA_CHECK(world_.database.add(row));
  CARDEA_CHECK(
      note(organisation.id, actor, "person.create", row.id, fmt::format(R"({{"person":"{}"}})", row.id)));
  return row;
}

Result<identity::IssuedCode> Directory::new_code(const NewCode& code, const std::string& actor) {
  CARDEA_TRY(const auto organisation, world_.database.organisation(code.organisation));
  identity::EnrolmentOffer offer;
  offer.organisation = organisation.id;
  offer.role = code.role;
  offer.valid = code.valid;
  if (code.person) {
    CARDEA_TRY(const auto person, world_.database.person(organisation.id, *code.person));
    offer.person = person.id;
  }
  if (code.role == store::DeviceRole::user && !offer.person) {
    return fail(Errc::invalid,
                "a device with the role of a user belongs to a person: name one, or use the role registrar");
  }
  CARDEA_TRY(auto issued, enrolment_.create(offer));
  CARDEA_CHECK(note(organisation.id, actor, "device.code", organisation.id,
                    fmt::format(R"({{"role":"{}","person":"{}"}})",
                                code.role == store::DeviceRole::registrar ? "registrar" : "user",
                                offer.person.value_or(""))));
  return issued;
}

Result<identity::ProvenKey> Directory::prove(const identity::EnrolmentRequest& request) {
  auto proven = enrolment_.prove(request);
  if (proven || proven.error().code != Errc::denied) return proven;
  // Without a good code it is nobody's: strangers write nothing into the log.
  CARDEA_TRY(const auto organisation, enrolment_.organisation_of(request.code));
  if (!organisation) return proven;
  const auto device = api::thumbprint(request.key);
  CARDEA_CHECK(note(*organisation, "device:" + device, "device.enrol", device,
                    fmt::format(R"({{"device":"{}","reason":"key-not-proven"}})", device), false));
  return proven;
}

Result<store::Device> Directory::enrol(const identity::ProvenKey& key, std::string_view device_name) {
  CARDEA_TRY(auto device, enrolment_.redeem(key, device_name));
  CARDEA_CHECK(note(device.organisation, "device:" + device.id, "device.enrol", device.id));
  CARDEA_CHECK(take_cards_into_use(device));
  return device;
}

/// The cards that were issued to a person wait for this: a device of theirs that an administrator's code made
/// known. Those that are missed, or issued later, or have factory values again, are taken into use when the
/// device opens them.
Result<void> Directory::take_cards_into_use(const store::Device& device) {
  if (!device.person || device.role != store::DeviceRole::user) return {};
  CARDEA_TRY(const auto cards, world_.database.cards_of(device.organisation, *device.person));
  const Caller holder{device.id, device.organisation, device.person, device.role};
  for (const auto& card : cards) {
    const auto taken = take_into_use(world_, card, holder);
    if (!taken && !put_back(taken.error())) return taken;
  }
  return {};
}

Result<void> Directory::revoke_device(const std::string& device, const std::string& actor) {
  CARDEA_TRY(const auto row, world_.database.device(device));
  CARDEA_CHECK(
      note(row.organisation, actor, "device.revoke", row.id, fmt::format(R"({{"device":"{}"}})", row.id)));
  if (!row.revoked_at) CARDEA_CHECK(world_.database.revoke_device(row.id, world_.clock.now()));
  world_.devices.revoked(row.id);
  sessions_.end_all_of_device(row.id);
  return {};
}

Result<std::vector<store::Person>> Directory::people(const std::string& organisation) {
  CARDEA_TRY(const auto row, world_.database.organisation(organisation));
  return world_.database.people(row.id);
}

Result<std::vector<store::Device>> Directory::devices(const std::string& organisation) {
  CARDEA_TRY(const auto row, world_.database.organisation(organisation));
  return world_.database.devices(row.id);
}

Result<std::vector<store::AuditRow>> Directory::audit(store::AuditQuery query) {
  if (query.organisation) {
    CARDEA_TRY(const auto row, world_.database.organisation(*query.organisation));
    query.organisation = row.id;
  }
  return world_.database.audit(query);
}

}  // namespace cardea::service
