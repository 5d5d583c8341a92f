#include "private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace cardea::unseal {

namespace {

constexpr std::size_t kLargest = std::size_t{64} << 10U;

tl::unexpected<Error> cannot(const char* what, const std::filesystem::path& path) {
  const std::error_code reason{errno, std::generic_category()};
  return fail(Errc::unavailable,
              std::string{"cannot "} + what + " " + path.string() + ": " + reason.message());
}

Result<void> sync_parent(const std::filesystem::path& path) {
  const auto directory = path.has_parent_path() ? path.parent_path() : std::filesystem::path{"."};
  const int opened = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0) return cannot("open", directory);
  const bool synced = ::fsync(opened) == 0;
  ::close(opened);
  if (!synced) return cannot("synchronise", directory);
  return {};
}

}  // namespace

Result<std::optional<Bytes>> read_private_file(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return std::nullopt;
  if (file < 0) return cannot("read", path);
  struct stat info {};
  if (::fstat(file, &info) != 0 || (info.st_mode & 077U) != 0) {
    ::close(file);
    return fail(Errc::denied, "the file " + path.string() + " must have mode 0600");
  }
  Bytes out(kLargest + 1);
  const auto size = ::read(file, out.data(), out.size());
  ::close(file);
  if (size < 0) return cannot("read", path);
  if (static_cast<std::size_t>(size) > kLargest)
    return fail(Errc::corrupt, "the file " + path.string() + " is too long");
  out.resize(static_cast<std::size_t>(size));
  return out;
}

Result<void> replace_private_file(const std::filesystem::path& path, BytesView content) {
  const auto draft = std::filesystem::path{path} += ".new";
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return cannot("make", draft);
  const bool whole = ::write(file, content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
                     ::fsync(file) == 0;
  ::close(file);
  if (!whole || ::rename(draft.c_str(), path.c_str()) != 0) return cannot("write", draft);
  return sync_parent(path);
}

Result<void> remove_file(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return cannot("remove", path);
  }
  return sync_parent(path);
}

}  // namespace cardea::unseal
