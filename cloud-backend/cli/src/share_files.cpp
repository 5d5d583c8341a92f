#include "share_files.h"

#include <fcntl.h>
#include <unistd.h>

#include "secret_input.h"

namespace cardea::cli {

Result<unseal::Share> share_in(const std::string& file) {
  CARDEA_TRY(const auto text, secret_file(file));
  auto share = unseal::parse_share(characters_of(text));
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
