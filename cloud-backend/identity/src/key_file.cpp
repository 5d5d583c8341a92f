#include "key_file.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace cardea::identity {
namespace {

constexpr std::size_t kSeedSize = 32;

class File {
 public:
  explicit File(int fd) : fd_{fd} {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool open() const { return fd_ >= 0; }

 private:
  int fd_;
};

tl::unexpected<Error> cannot(const char* what, const std::filesystem::path& path, int error) {
  return fail(Errc::unavailable,
              std::string{what} + ' ' + path.string() + ": " + std::generic_category().message(error));
}

Result<SecretBytes> read_seed(const File& file, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0) return cannot("cannot read", path, errno);
  if ((status.st_mode & 077U) != 0)
    return fail(Errc::corrupt, path.string() + " can be read by others: it must have mode 0600");
  // One octet more than is right, to notice a file that is too long.
  SecretBytes content{kSeedSize + 1};
  const auto n = ::read(file.fd(), content.expose().data(), content.size());
  if (n < 0) return cannot("cannot read", path, errno);
  if (n != static_cast<ssize_t>(kSeedSize))
    return fail(Errc::corrupt, path.string() + " is not a key of 32 octets");
  return SecretBytes{BytesView{content.expose()}.first(kSeedSize)};
}

/// Complete or not there at all: written under another name, then linked, which does not replace.
Result<void> make_seed(const std::filesystem::path& path) {
  const auto directory = path.parent_path();
  std::error_code error;
  if (std::filesystem::create_directories(directory, error))
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  if (error) return cannot("cannot make", directory, error.value());

  auto name = path.string() + ".XXXXXX";
  const File file{::mkostemp(name.data(), O_CLOEXEC)};  // mode 0600
  if (!file.open()) return cannot("cannot make", path, errno);
  SecretBytes seed{kSeedSize};
  randombytes_buf(seed.expose().data(), seed.size());
  const bool written =
      ::write(file.fd(), seed.expose().data(), seed.size()) == static_cast<ssize_t>(kSeedSize) &&
      ::fsync(file.fd()) == 0;
  const bool linked = written && (::link(name.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const int why = errno;
  ::unlink(name.c_str());
  if (!linked) return cannot("cannot write", path, why);
  const File parent{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!parent.open() || ::fsync(parent.fd()) != 0) return cannot("cannot write", directory, errno);
  return {};
}

}  // namespace

Result<SecretBytes> load_or_make_seed(const std::filesystem::path& file) {
  for (const bool may_make : {true, false}) {
    const File existing{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (existing.open()) return read_seed(existing, file);
    if (errno != ENOENT || !may_make) return cannot("cannot read", file, errno);
    CARDEA_CHECK(make_seed(file));
  }
  return cannot("cannot read", file, ENOENT);
}

}  // namespace cardea::identity
