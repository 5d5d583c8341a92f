#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "cardea/card/gp/domain_keys.h"
#include "cardea/card/gp/key_set.h"
#include "cardea/card/ports/key_vault.h"
#include "cardea/card/ports/store.h"
#include "cardea/result.h"
#include "gp/records.h"

namespace cardea::card::gp {

/// How many key sets a card has room for.
inline constexpr std::uint8_t kKeySetPlaces = 8;

/// The key references A0 to B7, which no key of PIV has: three for each place. A key stands in the record of
/// RecordSpace::key that its reference names, in the form that PIV's have, so that whoever wraps keys anew
/// finds these too.
constexpr std::uint8_t key_reference(std::uint8_t place, std::uint8_t identifier) {
  return static_cast<std::uint8_t>(0xA0 + 3 * place + identifier - 1);
}

constexpr bool is_domain_key(std::uint32_t reference) {
  return reference >= key_reference(0, 1) && reference <= key_reference(kKeySetPlaces - 1, 3);
}

/// A key set on its way in.
struct NewKeySet {
  std::uint8_t version = 0;
  Protocol protocol = Protocol::scp03;
  std::uint8_t options = 0x70;
  bool factory_value = false;  ///< known to everybody
  /// See SecurityDomainKeys.
  std::function<Result<KeyHandle>(std::uint8_t identifier, KeySlot slot)> make;
};

/// One key as PUT KEY has it, 16 octets for triple DES, into the vault. Errors: `invalid`; those of the
/// vault.
Result<KeyHandle> import_domain_key(KeyVault& vault, KeySlot slot, Algorithm algorithm,
                                    const SecretBytes& key);
/// As the cipher takes it: K1 ‖ K2 ‖ K1 of triple DES.
SecretBytes whole_key(Algorithm algorithm, const SecretBytes& key);

/// What was made of it: handles in the vault, and what is to be written for them.
struct ImportedKeySet {
  std::vector<KeyHandle> handles;
  std::vector<Change> changes;
};

/// The key sets of a card's security domain, as records.
class StoredKeySets final : public KeySets {
 public:
  StoredKeySets(Store& store, KeyVault& vault) : store_{store}, vault_{vault} {}

  Result<std::optional<KeySet>> find(std::uint8_t version) override;

  struct Entry {
    std::uint8_t version = 0;
    KeySetRecord record;
  };
  /// All of them, by version.
  Result<std::vector<Entry>> list();
  /// Without its keys; 00 asks for the newest.
  Result<std::optional<Entry>> entry(std::uint8_t version);

  /// Has the keys made. Nothing refers to them until the changes are committed: whoever does not get there
  /// discards the handles. Errors: those of `make`, after which none of the keys is there; `invalid` for keys
  /// that do not suit the protocol.
  Result<ImportedKeySet> make(const NewKeySet& fresh, std::uint8_t place, std::uint64_t generation);

  /// What erases a set: its record, keys and sequence counter, and the handles to be discarded once that is
  /// durable. Damaged keys are no reason to keep them.
  Result<ImportedKeySet> erasure(const Entry& set);

  /// Errors of the vault are ignored: an object that nothing refers to harms nobody.
  void discard(const std::vector<KeyHandle>& handles);

 private:
  Result<KeyHandle> load(const Entry& set, std::uint8_t identifier);

  Store& store_;
  KeyVault& vault_;
};

}  // namespace cardea::card::gp
