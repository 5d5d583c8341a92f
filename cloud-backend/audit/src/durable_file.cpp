#include "cardea/audit/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace cardea::audit {

namespace {

tl::unexpected<Error> cannot_write(const std::filesystem::path& file) {
  return fail(errno == ENOSPC || errno == EDQUOT ? Errc::exhausted : Errc::unavailable,
              "cannot write " + file.string() + ": " + std::generic_category().message(errno));
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const auto n = ::write(descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return ::fsync(descriptor) == 0;
}

/// Keeps the reason of what went wrong before.
void close(int descriptor) {
  const int reason = errno;
  ::close(descriptor);
  errno = reason;
}

}  // namespace

Result<void> write_durably(const std::filesystem::path& file, std::string_view text) {
  auto fresh = file;
  fresh += ".new";
  const int descriptor = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return cannot_write(fresh);
  const bool written = ::fchmod(descriptor, 0600) == 0 && write_all(descriptor, text);
  close(descriptor);
  if (!written) return cannot_write(fresh);
  if (::rename(fresh.c_str(), file.c_str()) != 0) return cannot_write(file);
  // The new name is durable with its directory only.
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path{"."};
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return cannot_write(file);
  const bool durable = ::fsync(directory) == 0;
  close(directory);
  if (!durable) return cannot_write(file);
  return {};
}

}  // namespace cardea::audit
