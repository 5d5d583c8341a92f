#pragma once

#include <filesystem>

#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::vault {

/// The content of a small file that only its owner may read, without a final line feed. Errors: `not_found`,
/// `denied` when others may read it, `corrupt` when it is empty or implausibly long.
Result<SecretBytes> read_secret_file(const std::filesystem::path& path);

/// Makes a file of mode 0600 whose content is on the disk when this returns.
Result<void> write_private_file(const std::filesystem::path& path, BytesView content);

/// Makes a directory that its owner alone may enter, where there is none; its absolute path. Errors:
/// `unavailable`.
Result<std::filesystem::path> private_directory(const std::filesystem::path& path);

/// Makes the entries of a directory durable.
Result<void> sync_directory(const std::filesystem::path& path);

/// Holds an exclusive lock on a file as long as it lives.
class FileLock {
 public:
  static Result<FileLock> take(const std::filesystem::path& path);
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  FileLock(FileLock&& other) noexcept : descriptor_{other.descriptor_} { other.descriptor_ = -1; }
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_{descriptor} {}

  int descriptor_;
};

}  // namespace cardea::vault
