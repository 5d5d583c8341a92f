#include "cardea/cms/ca/secret_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

namespace cardea::cms::ca {

namespace {

constexpr std::size_t kLongestFile = std::size_t{64} << 10U;
constexpr std::size_t kLongestLine = 4096;

std::string reason() {
  return std::generic_category().message(errno);
}

/// As much as there is and has room, `at_once` octets at most in one go; or as long as `more` says.
template <class More>
Result<SecretBytes> read_some(int descriptor, std::size_t room, std::size_t at_once, More more) {
  SecretBytes buffer{room};
  std::size_t size = 0;
  while (size < room) {
    const auto space = buffer.expose().subspan(size);
    const ssize_t n = ::read(descriptor, space.data(), std::min(space.size(), at_once));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Errc::unavailable, "cannot read a secret: " + reason());
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
    if (!more(space[0])) break;
  }
  return SecretBytes{BytesView{buffer.expose()}.first(size)};
}

}  // namespace

Result<SecretBytes> read_secret_file(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return fail(errno == ENOENT ? Errc::not_found : Errc::unavailable,
                "cannot read " + path.string() + ": " + reason());
  }
  // One octet more than is taken, to notice a file that is longer.
  auto out = read_some(file, kLongestFile + 1, kLongestFile + 1, [](std::uint8_t) { return true; });
  ::close(file);
  if (!out) return fail(out.error().code, path.string() + ": " + out.error().what);
  if (out->size() > kLongestFile) return fail(Errc::invalid, path.string() + " is longer than 64 KiB");
  return out;
}

Result<SecretBytes> read_secret_line(int descriptor) {
  return read_some(descriptor, kLongestLine, 1, [](std::uint8_t octet) { return octet != '\n'; });
}

SecretBytes first_line(const SecretBytes& text) {
  const auto octets = text.expose();
  const auto end = std::ranges::find_if(octets, [](std::uint8_t c) { return c == '\n' || c == '\r'; });
  return SecretBytes{octets.first(static_cast<std::size_t>(end - octets.begin()))};
}

}  // namespace cardea::cms::ca
