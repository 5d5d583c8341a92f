#include "secret_input.h"

namespace cardea::agent {
namespace {

constexpr std::size_t kLongestLine = 1024;
constexpr std::size_t kLongestFile = std::size_t{64} << 10U;

SecretBytes beginning_of(const SecretBytes& room, std::size_t size) {
  return SecretBytes{BytesView{room.expose()}.first(size)};
}

}  // namespace

Result<SecretBytes> read_secret_line(Input& from, const std::string& what) {
  SecretBytes line{kLongestLine};
  std::size_t n = 0;
  std::uint8_t octet = 0;
  while (true) {
    const auto got = from.next(octet);
    if (got < 0) return fail(Errc::invalid, what + ": cannot be read");
    if (got == 0 || octet == '\n') break;
    if (n == line.size()) return fail(Errc::invalid, what + ": the line is too long");
    line.expose()[n++] = octet;
  }
  wipe({&octet, 1});
  while (n > 0 && line.expose()[n - 1] == '\r')
    --n;
  return beginning_of(line, n);
}

Result<SecretBytes> read_whole_secret(const std::string& file) {
  const auto from = Input::file(file);
  if (!from) return fail(Errc::unavailable, file + ": cannot be read");
  // One octet more than is taken, to notice a file that is longer.
  SecretBytes room{kLongestFile + 1};
  std::size_t n = 0;
  for (int got = 1; got > 0 && n < room.size(); n += static_cast<std::size_t>(got)) {
    got = from->next(room.expose()[n]);
    if (got < 0) return fail(Errc::unavailable, file + ": cannot be read");
  }
  if (n > kLongestFile) return fail(Errc::invalid, file + ": is longer than 64 KiB");
  return beginning_of(room, n);
}

}  // namespace cardea::agent
