#include "cardea/keyring/pool_key.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace cardea::keyring {

namespace {

constexpr std::size_t kSize = 32;

tl::unexpected<Error> cannot(const char* what, const std::filesystem::path& file) {
  const std::error_code reason{errno, std::generic_category()};
  return fail(Errc::unavailable,
              std::string{"cannot "} + what + " " + file.string() + ": " + reason.message());
}

}  // namespace

Result<SecretBytes> pool_key_file(const std::filesystem::path& file) {
  if (sodium_init() < 0) return fail(Errc::unavailable, "libsodium cannot be initialised");
  SecretBytes key{kSize};
  const int there = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (there >= 0) {
    struct stat info {};
    const bool good = ::fstat(there, &info) == 0 && info.st_size == static_cast<off_t>(kSize) &&
                      ::read(there, key.expose().data(), kSize) == static_cast<ssize_t>(kSize);
    ::close(there);
    if (good && (info.st_mode & 077U) == 0) return key;
    if (good)
      return fail(Errc::corrupt, "the file " + file.string() + " holds a secret and must have mode 0600");
    // Cut off while it was made: nothing was sealed with it yet.
  } else if (errno != ENOENT) {
    return cannot("read", file);
  }
  randombytes_buf(key.expose().data(), kSize);
  const auto draft = std::filesystem::path{file} += ".new";
  const int fresh = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fresh < 0) return cannot("make", draft);
  const bool whole =
      ::write(fresh, key.expose().data(), kSize) == static_cast<ssize_t>(kSize) && ::fsync(fresh) == 0;
  ::close(fresh);
  if (!whole || ::rename(draft.c_str(), file.c_str()) != 0) return cannot("write", draft);
  return key;
}

}  // namespace cardea::keyring
