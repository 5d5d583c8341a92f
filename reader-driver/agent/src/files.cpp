#include "files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "cardea/link/socket.h"

namespace cardea::agent {

tl::unexpected<Error> file_error(const std::filesystem::path& path, int number) {
  return fail(Errc::unavailable, path.string() + ": " + std::generic_category().message(number));
}

/// Writes beside the file and renames.
Result<void> replace_file(const std::filesystem::path& path, BytesView content) {
  const auto beside = path.string() + ".new";
  {
    ::unlink(beside.c_str());  // what a crash left, with whatever mode
    const link::Descriptor file{::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
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

}  // namespace cardea::agent
