#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "cardea/audit/checkpoint.h"
#include "cardea/audit/cosignature.h"
#include "cardea/audit/note.h"

namespace cardea::witness {

/// A log that the witness follows, and the last of it that it cosigned.
struct KnownLog {
  std::string origin;
  audit::NoteKey key;
  std::string note;  ///< the signed checkpoint; empty before the first
  std::uint64_t size = 0;
  audit::Hash root{};  ///< of no leaves while there is none
};

/// The only process that may answer for a state directory, as long as it lives.
class Lock {
 public:
  /// Errors: `conflict` when another process has it, `unavailable`.
  static Result<Lock> take(const std::filesystem::path& directory);
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  Lock(Lock&& other) noexcept;
  Lock& operator=(Lock&&) = delete;
  ~Lock();

 private:
  explicit Lock(int descriptor) : descriptor_{descriptor} {}
  int descriptor_;
};

/// What a witness keeps: its name, its Ed25519 key, and a file for each log (README.md, "State").
class State {
 public:
  /// Makes the directory, mode 0700, and a new key. Errors: `conflict` when there is a key already, `invalid`
  /// for a name that cannot be one, `unavailable`.
  static Result<audit::CosignerKey> init(const std::filesystem::path& directory, const std::string& name);
  /// Errors: `not_found` before `init`; `denied` when others may read the key; `corrupt` for a file that
  /// cannot be read back: a witness that has forgotten must not answer.
  static Result<State> open(const std::filesystem::path& directory);

  [[nodiscard]] const audit::CosignerKey& key() const { return key_; }
  /// Ed25519. Errors: `exhausted`.
  Result<Bytes> sign(std::string_view message) const;

  /// Errors: `conflict` when the origin is known, `invalid`. Good beside a process that serves: it looks for
  /// an origin that it does not know.
  Result<void> trust(const std::string& origin, const audit::NoteKey& log);
  /// The holder of the Lock only. Errors: `not_found`.
  Result<void> forget(const std::string& origin);
  /// Nothing for an unknown one. Errors: `corrupt`, `unavailable`.
  Result<std::optional<KnownLog>> find(const std::string& origin);
  /// In the order of their origins.
  [[nodiscard]] const std::map<std::string, KnownLog>& logs() const { return logs_; }
  /// Durable when it returns, and not changed when it fails.
  Result<void> keep(const KnownLog& log);

 private:
  struct FreeKey {
    void operator()(void* key) const;
  };
  using PrivateKey = std::unique_ptr<void, FreeKey>;  // EVP_PKEY, kept out of this header

  State(std::filesystem::path directory, PrivateKey secret, audit::CosignerKey key)
      : directory_{std::move(directory)}, secret_{std::move(secret)}, key_{std::move(key)} {}
  [[nodiscard]] std::filesystem::path file_of(const std::string& origin) const;

  std::filesystem::path directory_;
  PrivateKey secret_;
  audit::CosignerKey key_;
  std::map<std::string, KnownLog> logs_;
};

}  // namespace cardea::witness
