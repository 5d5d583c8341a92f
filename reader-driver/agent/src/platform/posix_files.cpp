#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "cardea/link/socket.h"
#include "files.h"

namespace cardea::agent {
namespace {

constexpr mode_t kOwnersDirectory = 0700;
constexpr mode_t kOwnersFile = 0600;

tl::unexpected<Error> file_error(const std::filesystem::path& path, int number) {
  return fail(Errc::unavailable, path.string() + ": " + std::generic_category().message(number));
}

}  // namespace

std::filesystem::path default_state_directory() {
  // NOLINTBEGIN(concurrency-mt-unsafe): the caller sees to it
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state != '\0') {
    return std::filesystem::path{state} / "cardea";
  }
  const char* home = std::getenv("HOME");
  // NOLINTEND(concurrency-mt-unsafe)
  return std::filesystem::path{home == nullptr ? "/" : home} / ".local" / "state" / "cardea";
}

Result<void> make_private_directory(const std::filesystem::path& directory) {
  std::error_code error;
  const bool fresh = std::filesystem::create_directories(directory, error);
  if (error) return fail(Errc::unavailable, directory.string() + ": " + error.message());
  // /tmp and its like: made private, it would be closed to everybody else.
  constexpr mode_t kForEverybody = S_IWOTH | S_ISVTX;
  struct stat info {};
  if (!fresh && ::stat(directory.c_str(), &info) == 0 && (info.st_mode & kForEverybody) == kForEverybody)
    return fail(Errc::denied,
                directory.string() + " is a directory for everybody; name one of this user's own");
  if (::chmod(directory.c_str(), kOwnersDirectory) != 0) return file_error(directory, errno);
  return {};
}

/// Writes beside the file and renames.
Result<void> replace_file(const std::filesystem::path& path, BytesView content) {
  const auto beside = path.string() + ".new";
  {
    ::unlink(beside.c_str());  // what a crash left, with whatever mode
    const link::Descriptor file{::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kOwnersFile)};
    if (!file) return file_error(beside, errno);
    while (!content.empty()) {
      const auto n = ::write(file.get(), content.data(), content.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return file_error(beside, errno);
      content = content.subspan(static_cast<std::size_t>(n));
    }
    if (::fsync(file.get()) != 0) return file_error(beside, errno);
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) return file_error(path, errno);
  const auto directory = path.parent_path();
  const link::Descriptor entries{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!entries || ::fsync(entries.get()) != 0) return file_error(directory, errno);
  return {};
}

/// The file's mode is all the protection that there is.
Result<void> replace_secret_file(const std::filesystem::path& path, const SecretBytes& secret) {
  return replace_file(path, secret.expose());
}

Result<SecretBytes> read_secret_file(const std::filesystem::path& path, std::size_t size) {
  const link::Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file && errno == ENOENT) return fail(Errc::not_found, path.string() + ": is not there");
  if (!file) return file_error(path, errno);
  SecretBytes secret{size};
  std::uint8_t beyond = 0;
  const bool fits = ::read(file.get(), secret.expose().data(), size) == static_cast<ssize_t>(size) &&
                    ::read(file.get(), &beyond, 1) == 0;
  if (!fits) return fail(Errc::corrupt, path.string() + ": damaged");
  return secret;
}

}  // namespace cardea::agent
