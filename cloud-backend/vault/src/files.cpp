#include "files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace cardea::vault {

namespace {

class Descriptor {
 public:
  explicit Descriptor(int value) : value_{value} {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  [[nodiscard]] int get() const { return value_; }
  [[nodiscard]] bool good() const { return value_ >= 0; }

 private:
  int value_;
};

}  // namespace

Result<SecretBytes> read_secret_file(const std::filesystem::path& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file.good()) {
    if (errno == ENOENT) return fail(Errc::not_found, "the file " + path.string() + " is not there");
    return fail(Errc::denied, "the file " + path.string() + " cannot be read");
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || (info.st_mode & 077U) != 0) {
    return fail(Errc::denied, "the file " + path.string() + " holds a secret and must have mode 0600");
  }
  Secret<256> buffer;
  const auto n = ::read(file.get(), buffer.expose().data(), buffer.size());
  if (n <= 0 || static_cast<std::size_t>(n) == buffer.size()) {
    return fail(Errc::corrupt, "the file " + path.string() + " does not hold a PIN");
  }
  auto content = BytesView{buffer.expose()}.first(static_cast<std::size_t>(n));
  if (content.back() == '\n') content = content.first(content.size() - 1);
  return SecretBytes{content};
}

Result<void> write_private_file(const std::filesystem::path& path, BytesView content) {
  const Descriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (!file.good()) return fail(Errc::unavailable, "the file " + path.string() + " cannot be made");
  const auto n = ::write(file.get(), content.data(), content.size());
  if (n != static_cast<ssize_t>(content.size()) || ::fsync(file.get()) != 0) {
    return fail(Errc::unavailable, "the file " + path.string() + " cannot be written");
  }
  return {};
}

Result<std::filesystem::path> private_directory(const std::filesystem::path& path) {
  std::error_code error;
  auto root = std::filesystem::absolute(path, error);
  std::filesystem::create_directories(root, error);
  if (error) return fail(Errc::unavailable, "the directory " + root.string() + " cannot be made");
  std::filesystem::permissions(root, std::filesystem::perms::owner_all, error);
  return root;
}

Result<void> sync_directory(const std::filesystem::path& path) {
  const Descriptor directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory.good() || ::fsync(directory.get()) != 0) {
    return fail(Errc::unavailable, "the directory " + path.string() + " cannot be synchronised");
  }
  return {};
}

Result<FileLock> FileLock::take(const std::filesystem::path& path) {
  FileLock lock{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (lock.descriptor_ < 0) return fail(Errc::unavailable, "the file " + path.string() + " cannot be made");
  while (::flock(lock.descriptor_, LOCK_EX) != 0) {
    if (errno != EINTR) return fail(Errc::unavailable, "the file " + path.string() + " cannot be locked");
  }
  return lock;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace cardea::vault
