#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cardea/identity/enrolment.h"
#include "cardea/service/card_sessions.h"
#include "cardea/service/world.h"

namespace cardea::service {

struct NewPerson {
  std::string organisation;  ///< id or name
  std::string name;
  std::string email;  ///< may be empty
};

struct NewCode {
  std::string organisation;           ///< id or name
  std::optional<std::string> person;  ///< id or e-mail
  store::DeviceRole role = store::DeviceRole::user;
  std::chrono::milliseconds valid = std::chrono::minutes{15};
};

/// Organisations, people and devices. Each change is in the audit log.
class Directory {
 public:
  Directory(World world, CardSessions& sessions, identity::Enrolment& enrolment)
      : world_{world}, sessions_{sessions}, enrolment_{enrolment} {}

  /// The tenant and its keys in the HSM. Errors: `conflict` (the name is taken), `invalid` (an empty or
  /// overlong name), those of the vault: then the organisation is there and its keys are made with its first
  /// card.
  Result<store::Organisation> add_organisation(const std::string& name, const std::string& actor);
  /// Whoever has the private half of the key (X25519, 32 octets; none when empty) can open the cards that are
  /// made from now on. Errors: `not_found`, `invalid`.
  Result<store::Organisation> set_escrow_key(const std::string& organisation, const Bytes& key,
                                             const std::string& actor);
  Result<store::Person> add_person(const NewPerson& person, const std::string& actor);

  /// A one-time code for one device. Errors: `not_found`, `invalid` (a user's device without a person, a
  /// validity that is not positive or above a week).
  Result<identity::IssuedCode> new_code(const NewCode& code, const std::string& actor);
  /// That a device which wants to be enrolled holds its private key. A refusal is in the audit log where the
  /// code is a good one: it stays so, and whoever gave it out can see that somebody else has it. Errors:
  /// those of identity::Enrolment::prove; those of the database.
  Result<identity::ProvenKey> prove(const identity::EnrolmentRequest& request);
  /// Uses up a code. Cards that were issued to the device's person are in use from then on. Errors: those of
  /// identity::Enrolment::redeem.
  Result<store::Device> enrol(const identity::ProvenKey& key, std::string_view device_name);
  /// The device's sessions end at once.
  Result<void> revoke_device(const std::string& device, const std::string& actor);

  // Plain look-ups, by id or by name or e-mail.
  Result<std::vector<store::Organisation>> organisations() { return world_.database.organisations(); }
  Result<store::Organisation> organisation(const std::string& id_or_name) {
    return world_.database.organisation(id_or_name);
  }
  Result<std::vector<store::Person>> people(const std::string& organisation);
  Result<std::vector<store::Device>> devices(const std::string& organisation);
  Result<std::vector<store::AuditRow>> audit(store::AuditQuery query);

 private:
  Result<void> take_cards_into_use(const store::Device& device);
  Result<void> note(const std::string& organisation, const std::string& actor, std::string_view action,
                    const std::string& subject, std::string detail = "{}", bool success = true);

  World world_;
  CardSessions& sessions_;
  identity::Enrolment& enrolment_;
};

}  // namespace cardea::service
