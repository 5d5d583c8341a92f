#include "key_options.h"

#include <algorithm>
#include <filesystem>

#include "cardea/cms/perso/secrets.h"
#include "cardea/cms/perso/state.h"

namespace cardea::cms::cli {

namespace {

/// "9D=FILE" taken apart.
Outcome<std::pair<std::uint8_t, std::string>> slot_and_file(const std::string& text) {
  const auto equals = text.find('=');
  const auto slot = piv::slot_named(text.substr(0, equals));
  if (!slot || equals == std::string::npos || equals + 1 == text.size())
    return usage("\"" + text + "\" is not of the form 9D=FILE");
  return std::pair{slot->reference, text.substr(equals + 1)};
}

bool is_imported(const perso::SlotPlan& slot) {
  return slot.origin != perso::KeyOrigin::generated;
}

/// Keys for a rehearsal: those of files, and throw-away ones.
class RehearsedKeys final : public perso::KeySource {
 public:
  explicit RehearsedKeys(perso::EscrowedKeys::Files files) : files_{std::move(files)} {}
  Result<ca::ImportedKey> key_for(const perso::SlotPlan& slot, const piv::Guid&) override {
    const auto file = files_.find(slot.slot.reference);
    if (file == files_.end()) return ca::make_private_key(slot.algorithm);
    return ca::read_private_key(file->second.path, file->second.passphrase);
  }

 private:
  perso::EscrowedKeys::Files files_;
};

Outcome<perso::EscrowedKeys::Files> read_files(const CareOptions& said, const perso::Plan& plan) {
  perso::EscrowedKeys::Files files;
  for (const auto& text : said.import_keys) {
    CARDEA_TRY(auto named, slot_and_file(text));
    const auto reference = named.first;
    const bool wanted = std::any_of(plan.slots.begin(), plan.slots.end(), [&](const perso::SlotPlan& slot) {
      return slot.slot.reference == reference && is_imported(slot);
    });
    if (!wanted) return usage("the plan has no slot with \"import\" for --import-key " + text);
    files[reference].path = std::move(named.second);
  }
  for (const auto& text : said.import_passphrases) {
    CARDEA_TRY(const auto named, slot_and_file(text));
    const auto file = files.find(named.first);
    if (file == files.end()) return usage("--import-pass-file " + text + " goes with no --import-key");
    CARDEA_TRY(file->second.passphrase, or_usage(perso::read_secret_line(named.second)));
  }
  for (const auto& [reference, file] : files) {
    const auto key = ca::read_private_key(file.path, file.passphrase);
    if (!key) return usage(key.error().what);
  }
  return files;
}

}  // namespace

Outcome<std::set<std::uint8_t>> named_slots(const std::vector<std::string>& names) {
  std::set<std::uint8_t> out;
  for (const auto& name : names) {
    const auto slot = piv::slot_named(name);
    if (!slot) return usage("\"" + name + "\" is no slot: 9A, 9C, 9D, 9E, 82 to 95");
    out.insert(slot->reference);
  }
  return out;
}

Outcome<std::set<std::uint8_t>> imported_slots(const Options& options) {
  std::set<std::uint8_t> out;
  for (const auto& text : options.care.import_keys) {
    CARDEA_TRY(const auto named, slot_and_file(text));
    out.insert(named.first);
  }
  return out;
}

Outcome<std::unique_ptr<perso::KeySource>> open_key_source(const Options& options, const perso::Plan& plan,
                                                           const std::set<std::string>& done) {
  const auto& said = options.care;
  CARDEA_TRY(auto files, read_files(said, plan));
  std::optional<ca::Recipients> escrow;
  if (!said.escrow_to.empty()) {
    CARDEA_TRY(escrow, or_usage(ca::Recipients::load(said.escrow_to)));
  }
  for (const auto& slot : plan.slots) {
    const std::string name = piv::name(slot.slot);
    const bool made_here = escrow && slot.origin == perso::KeyOrigin::imported;
    if (!is_imported(slot) || done.contains(name + "/import") || files.contains(slot.slot.reference) ||
        made_here)
      continue;
    return usage("the plan wants a key for " + name +
                 " that is made off the card: name it with --import-key " + name + "=FILE" +
                 (slot.origin == perso::KeyOrigin::imported
                      ? ", or whom its copy is sealed for with --escrow-to"
                      : ""));
  }
  if (!options.execute) return std::make_unique<RehearsedKeys>(std::move(files));
  const std::filesystem::path directory = said.escrow_directory.empty()
                                              ? perso::state_directory() / "escrow"
                                              : std::filesystem::path{said.escrow_directory};
  return std::make_unique<perso::EscrowedKeys>(std::move(files), std::move(escrow), directory);
}

}  // namespace cardea::cms::cli
