#include "cardea/cms/perso/key_source.h"

#include "cardea/cms/ca/files.h"
#include "cardea/cms/perso/state.h"

namespace cardea::cms::perso {

Result<ca::ImportedKey> EscrowedKeys::key_for(const SlotPlan& slot, const piv::Guid& guid) {
  const auto file = files_.find(slot.slot.reference);
  const std::string name = piv::name(slot.slot);
  if (file == files_.end() && slot.origin == KeyOrigin::imported_certificate)
    return fail(Errc::invalid, "the old key for " + name + " is needed: --import-key " + name + "=FILE");
  if (file == files_.end() && !escrow_) {
    return fail(Errc::invalid,
                "name the key for " + name + " with --import-key " + name +
                    "=FILE, or whom its copy is sealed for with --escrow-to, to have one made");
  }
  auto key = file == files_.end() ? ca::make_private_key(slot.algorithm)
                                  : ca::read_private_key(file->second.path, file->second.passphrase);
  if (!key || !escrow_) return key;
  CARDEA_TRY(const auto sealed, escrow_->seal(key->key.encoded));
  std::error_code problem;
  std::filesystem::create_directories(directory_, problem);
  if (problem)
    return fail(Errc::unavailable, "cannot make " + directory_.string() + ": " + problem.message());
  // A renewal keeps GUID and slot: only with the key in the name does the copy of the old one stay. What has
  // the same name is a copy of this very key.
  CARDEA_TRY(const auto which, ca::short_name(key->key.public_key));
  CARDEA_CHECK(
      ca::replace_file(directory_ / (guid_text(guid) + "-" + name + "-" + which + ".p7m"), sealed, 0600));
  return key;
}

}  // namespace cardea::cms::perso
