#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "cardea/cms/ca/private_key.h"
#include "cardea/cms/ca/seal.h"
#include "cardea/cms/perso/plan.h"
#include "cardea/cms/piv/objects.h"
#include "cardea/result.h"

namespace cardea::cms::perso {

/// Where keys that are made off the card come from.
class KeySource {
 public:
  KeySource() = default;
  KeySource(const KeySource&) = delete;
  KeySource& operator=(const KeySource&) = delete;
  KeySource(KeySource&&) = delete;
  KeySource& operator=(KeySource&&) = delete;
  virtual ~KeySource() = default;

  /// The key for a slot of the card with this GUID. When it returns, whoever keeps keys in escrow has it.
  virtual Result<ca::ImportedKey> key_for(const SlotPlan& slot, const piv::Guid& guid) = 0;
};

/// Keys out of files; or made here, when there is an escrow that keeps a copy. The copy is PKCS#8, sealed for
/// the escrow's certificates and on disk before the key is handed out: DIRECTORY/GUID-9D-KEY.p7m, mode 0600,
/// where KEY is ca::short_name, so that each key of a slot has a copy of its own.
class EscrowedKeys final : public KeySource {
 public:
  struct File {
    std::string path;
    SecretBytes passphrase;
  };

  using Files = std::map<std::uint8_t, File>;  ///< by key reference

  EscrowedKeys(Files files, std::optional<ca::Recipients> escrow, std::filesystem::path directory)
      : files_{std::move(files)}, escrow_{std::move(escrow)}, directory_{std::move(directory)} {}

  /// Errors: those of ca::read_private_key; `invalid` when there is neither a file nor an escrow;
  /// `unavailable` when the copy cannot be written.
  Result<ca::ImportedKey> key_for(const SlotPlan& slot, const piv::Guid& guid) override;

 private:
  Files files_;
  std::optional<ca::Recipients> escrow_;
  std::filesystem::path directory_;
};

}  // namespace cardea::cms::perso
