#include <sys/random.h>

#include <filesystem>
#include <system_error>

#include "cardea/vault/vault.h"
#include "files.h"
#include "process.h"

namespace cardea::vault {

namespace fs = std::filesystem;

namespace {

constexpr const char* kLabel = "cardea";
constexpr std::size_t kRootDigits = 64;

/// 256 random bits in hexadecimal digits, so that it can be handled as a PIN is.
Result<SecretBytes> random_root() {
  Secret<kRootDigits / 2> random;
  if (::getrandom(random.expose().data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return fail(Errc::unavailable, "the system gives no random octets");
  }
  constexpr std::string_view digits = "0123456789abcdef";
  SecretBytes out{kRootDigits};
  for (std::size_t i = 0; i < kRootDigits; ++i) {
    const auto octet = random.expose()[i / 2];
    out.expose()[i] = static_cast<std::uint8_t>(digits[i % 2 == 0 ? octet >> 4U : octet & 0x0FU]);
  }
  return out;
}

fs::path module_name(const fs::path& token) {
  return "software:" + token.string();
}

/// Builds the token beside its place. Only the rename that follows makes a token of it.
Result<void> build(const fs::path& draft, const fs::path& signer, const SecretBytes& root_key) {
  std::error_code error;
  fs::remove_all(draft, error);  // what an interrupted first start left
  fs::create_directories(draft, error);
  if (error) return fail(Errc::unavailable, "the directory " + draft.string() + " cannot be made");
  fs::permissions(draft, fs::perms::owner_all, error);
  const auto module = module_name(draft);
  wire::Request request;
  request.op = wire::Op::init_token;
  request.fields.emplace_back(as_bytes(module.native()));
  request.fields.emplace_back(as_bytes(kLabel));
  request.fields.push_back(root_key.clone());
  request.fields.push_back(root_key.clone());
  CARDEA_TRY(auto process, Process::spawn({signer, {}}));
  CARDEA_TRY(auto reply, process.exchange(request));
  if (reply.error) return tl::unexpected{std::move(*reply.error)};
  return sync_directory(draft);
}

}  // namespace

Result<SoftwareToken> init_software(const fs::path& directory, const fs::path& signer) {
  CARDEA_TRY(const auto root, private_directory(directory));
  CARDEA_TRY(const auto lock, FileLock::take(root / "lock"));

  std::error_code error;
  const auto token = root / "token";
  const auto key_file = root / "root.key";
  if (!fs::exists(token, error)) {
    if (!fs::exists(key_file, error)) {
      CARDEA_TRY(const auto made, random_root());
      CARDEA_CHECK(write_private_file(key_file, made.expose()));
    }
    CARDEA_TRY(const auto root_key, read_secret_file(key_file));
    const auto draft = root / "token.new";
    CARDEA_CHECK(build(draft, signer.empty() ? default_signer() : signer, root_key));
    fs::rename(draft, token, error);
    if (error) return fail(Errc::unavailable, "the directory " + token.string() + " cannot be made");
    CARDEA_CHECK(sync_directory(root));
  }
  if (!fs::exists(token / "token", error)) {
    return fail(Errc::corrupt, "the software token " + token.string() +
                                   " lacks its key: restore it from a backup; its keys cannot be made again");
  }
  SoftwareToken out{module_name(token), kLabel, {}};
  if (fs::exists(key_file, error)) {
    CARDEA_TRY(out.root_key, read_secret_file(key_file));
  }
  return out;
}

}  // namespace cardea::vault
