#include "cardea/cms/ca/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

namespace cardea::cms::ca {

namespace {

std::string reason() {
  return std::generic_category().message(errno);
}

Result<void> write_all(int fd, std::string_view content, const std::filesystem::path& path) {
  bool done = true;
  while (done && !content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    done = n > 0;
    if (done) content.remove_prefix(static_cast<std::size_t>(n));
  }
  done = done && ::fsync(fd) == 0;
  const std::string why = done ? "" : reason();
  ::close(fd);
  if (!done) return fail(Errc::unavailable, "cannot write " + path.string() + ": " + why);
  return {};
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path) {
  const std::ifstream in{path, std::ios::binary};
  if (!in) {
    const bool absent = !std::filesystem::exists(path);
    return fail(absent ? Errc::not_found : Errc::unavailable,
                "cannot read " + path.string() + ": " + reason());
  }
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

Result<void> create_file(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) {
    return fail(errno == EEXIST ? Errc::conflict : Errc::unavailable,
                "cannot create " + path.string() + ": " + reason());
  }
  return write_all(fd, content, path);
}

Result<void> replace_file(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  std::filesystem::path temporary = path;
  temporary += ".new";
  ::unlink(temporary.c_str());
  CARDEA_CHECK(create_file(temporary, content, mode));
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return fail(Errc::unavailable, "cannot replace " + path.string() + ": " + reason());
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path{"."};
  if (const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); fd >= 0) {
    ::fsync(fd);  // the new name itself
    ::close(fd);
  }
  return {};
}

Result<void> append_file(const std::filesystem::path& path, std::string_view content) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return fail(Errc::unavailable, "cannot open " + path.string() + ": " + reason());
  return write_all(fd, content, path);
}

Result<FileLock> FileLock::take(const std::filesystem::path& path) {
  return lock(path, true);
}

Result<FileLock> FileLock::try_take(const std::filesystem::path& path) {
  return lock(path, false);
}

Result<FileLock> FileLock::lock(const std::filesystem::path& path, bool wait) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0 && ::flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB) == 0) return FileLock{fd};
  const bool held = fd >= 0 && errno == EWOULDBLOCK;
  const std::string why = reason();
  if (fd >= 0) ::close(fd);
  if (held) return fail(Errc::conflict, "another program is at work on this: it holds " + path.string());
  return fail(Errc::unavailable, "cannot lock " + path.string() + ": " + why);
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace cardea::cms::ca
