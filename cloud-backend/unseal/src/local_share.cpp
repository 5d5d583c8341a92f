#include "cardea/unseal/local_share.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "private_file.h"

namespace cardea::unseal {

Result<std::optional<Share>> share_from_credential() {
  const char* directory =
      std::getenv("CREDENTIALS_DIRECTORY");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  if (directory == nullptr) return std::nullopt;
  const auto file = std::filesystem::path{directory} / "cardea-unseal";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return std::nullopt;
  std::ifstream in{file, std::ios::binary};
  Secret<1024> room;
  auto* characters =
      reinterpret_cast<char*>(room.expose().data());  // NOLINT(*-reinterpret-cast): octets as characters
  in.read(characters, static_cast<std::streamsize>(room.size()));
  if (in.bad()) return fail(Errc::unavailable, "cannot read the credential " + file.string());
  CARDEA_TRY(auto share, parse_share({characters, static_cast<std::size_t>(in.gcount())}));
  return std::optional{std::move(share)};
}

Result<void> save_in_tpm(const std::string& tcti, const std::filesystem::path& file, const UnsealKey& key) {
  CARDEA_TRY(const auto blob, seal_in_tpm(tcti, key));
  return replace_private_file(file, blob);
}

Result<std::optional<Share>> share_from_tpm(const std::string& tcti, const std::filesystem::path& file) {
  CARDEA_TRY(const auto blob, read_private_file(file));
  if (!blob) return std::nullopt;
  CARDEA_TRY(const auto key, unseal_in_tpm(tcti, *blob));
  return std::optional{whole(key)};
}

}  // namespace cardea::unseal
