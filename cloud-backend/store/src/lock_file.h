#pragma once

#include <filesystem>

#include "cardea/result.h"

namespace cardea::store {

/// Says which process owns a database. The lock goes with the process, however that ends; the file stays.
class LockFile {
 public:
  /// Errors: `conflict` naming the process that holds it, `unavailable`.
  static Result<LockFile> take(const std::filesystem::path& file);
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;
  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&& other) noexcept;
  ~LockFile();

 private:
  explicit LockFile(int descriptor) : descriptor_{descriptor} {}
  int descriptor_ = -1;
};

}  // namespace cardea::store
