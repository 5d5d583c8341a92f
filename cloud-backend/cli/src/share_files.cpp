#include "share_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

namespace cardea::cli {

Result<void> check_readable(const std::string& file) {
  std::error_code ignored;
  const bool directory = std::filesystem::is_directory(file, ignored);
  if (!directory && ::access(file.c_str(), R_OK) == 0) return {};
  const std::error_code why{directory ? EISDIR : errno, std::generic_category()};
  return fail(Errc::not_found, "cannot read " + file + ": " + why.message());
}

Result<unseal::Share> share_in(const std::string& file) {
  CARDEA_CHECK(check_readable(file));
  std::ifstream in{file};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  auto share = unseal::parse_share(text);
  wipe(std::span{
      reinterpret_cast<std::uint8_t*>(text.data()),  // NOLINT(*-reinterpret-cast): characters as octets
      text.size()});
  if (!share) return fail(share.error().code, file + ": " + share.error().what);
  return share;
}

Result<void> write_share(const std::filesystem::path& file, const SecretBytes& text) {
  const int out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (out < 0) return fail(Errc::conflict, "cannot make " + file.string() + " (it must not be there)");
  const bool whole = ::write(out, text.expose().data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                     ::fsync(out) == 0;
  ::close(out);
  if (!whole) return fail(Errc::exhausted, "cannot write " + file.string());
  return {};
}

}  // namespace cardea::cli
