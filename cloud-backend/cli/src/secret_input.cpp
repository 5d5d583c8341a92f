#include "secret_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace cardea::cli {
namespace {

constexpr std::size_t kLongestLine = 1024;
constexpr std::size_t kLongestFile = std::size_t{64} << 10U;

SecretBytes beginning_of(const SecretBytes& room, std::size_t size) {
  return SecretBytes{BytesView{room.expose()}.first(size)};
}

/// The number of octets that came; -1 for an error.
ssize_t read_into(int descriptor, std::span<std::uint8_t> room) {
  for (;;) {
    const auto n = ::read(descriptor, room.data(), room.size());
    if (n >= 0 || errno != EINTR) return n;
  }
}

tl::unexpected<Error> cannot_read(const std::string& file) {
  return fail(Errc::not_found, "cannot read " + file + ": " + std::generic_category().message(errno));
}

/// -1 with the reason in errno, also for a directory.
int open_file(const std::string& file) {
  const int in = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (in < 0 || ::fstat(in, &info) != 0 || !S_ISDIR(info.st_mode)) return in;
  ::close(in);
  errno = EISDIR;
  return -1;
}

}  // namespace

std::optional<SecretBytes> secret_line(int descriptor) {
  SecretBytes line{kLongestLine};
  Secret<1> octet;
  const auto& read = octet.expose()[0];
  for (std::size_t size = 0;;) {
    const auto n = read_into(descriptor, octet.expose());
    if (n <= 0 && size == 0) return std::nullopt;
    if (n <= 0 || read == '\n') return beginning_of(line, size);
    if (read != '\r' && size < line.size()) line.expose()[size++] = read;
  }
}

Result<SecretBytes> secret_file(const std::string& file) {
  const int in = open_file(file);
  if (in < 0) return cannot_read(file);
  // One octet more than is taken, to notice a file that is longer.
  SecretBytes room{kLongestFile + 1};
  std::size_t size = 0;
  ssize_t n = 1;
  while (n > 0 && size < room.size()) {
    n = read_into(in, room.expose().subspan(size));
    size += static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  }
  const auto failed = cannot_read(file);  // before errno is another's
  ::close(in);
  if (n < 0) return failed;
  if (size > kLongestFile) return fail(Errc::invalid, file + " is longer than 64 KiB");
  return beginning_of(room, size);
}

Result<SecretBytes> secret_line_of(const std::string& file) {
  const bool standard = file == "-";
  const int in = standard ? STDIN_FILENO : open_file(file);
  if (in < 0) return cannot_read(file);
  auto line = secret_line(in);
  if (!standard) ::close(in);
  return line ? *std::move(line) : SecretBytes{};
}

std::string_view characters_of(const SecretBytes& secret) {
  const auto octets = secret.expose();
  return {reinterpret_cast<const char*>(octets.data()),  // NOLINT(*-reinterpret-cast): octets as characters
          octets.size()};
}

}  // namespace cardea::cli
