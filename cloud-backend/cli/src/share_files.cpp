#include "share_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

namespace cardea::cli {

Result<unseal::Share> share_in(const std::string& file) {
  std::ifstream in{file};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (!in && text.empty()) return fail(Errc::not_found, "cannot read " + file);
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
