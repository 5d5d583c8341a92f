#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "cardea/result.h"

namespace cardea::cms::ca {

/// Errors: `not_found`, `unavailable`.
Result<std::string> read_file(const std::filesystem::path& path);

/// Makes a file that must not be there yet. Errors: `conflict`, `unavailable`.
Result<void> create_file(const std::filesystem::path& path, std::string_view content, mode_t mode);

/// Puts the content in place of the old one as a whole, on disk before it returns.
Result<void> replace_file(const std::filesystem::path& path, std::string_view content, mode_t mode);

/// Appends, on disk before it returns.
Result<void> append_file(const std::filesystem::path& path, std::string_view content);

/// An advisory lock on a file, held until destruction.
class FileLock {
 public:
  static Result<FileLock> take(const std::filesystem::path& path);
  /// Does not wait. Errors also: `conflict` when somebody else holds it.
  static Result<FileLock> try_take(const std::filesystem::path& path);
  FileLock(FileLock&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  static Result<FileLock> lock(const std::filesystem::path& path, bool wait);
  explicit FileLock(int fd) : fd_{fd} {}
  int fd_;
};

}  // namespace cardea::cms::ca
