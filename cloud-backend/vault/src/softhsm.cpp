#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <string>

#include "cardea/vault/vault.h"
#include "files.h"
#include "process.h"

namespace cardea::vault {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLabel = "cardea";
constexpr const char* kModules[] = {
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
};

Result<fs::path> find_module() {
  for (const auto* path : kModules) {
    if (std::error_code ignored; fs::exists(path, ignored)) return fs::path{path};
  }
  return fail(Errc::not_found, "SoftHSM is not installed (Debian: apt-get install softhsm2)");
}

std::string configuration(const fs::path& tokens) {
  return "# Written by cardead.\n"
         "directories.tokendir = " +
         tokens.string() + "\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n";
}

/// 32 random hexadecimal digits.
Result<SecretBytes> random_pin() {
  Secret<16> random;
  if (::getrandom(random.expose().data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return fail(Errc::unavailable, "the system gives no random octets");
  }
  constexpr std::string_view digits = "0123456789abcdef";
  SecretBytes pin{2 * random.size()};
  for (std::size_t i = 0; i < random.size(); ++i) {
    const auto octet = random.expose()[i];
    pin.expose()[2 * i] = static_cast<std::uint8_t>(digits[octet >> 4U]);
    pin.expose()[2 * i + 1] = static_cast<std::uint8_t>(digits[octet & 0x0FU]);
  }
  return pin;
}

Result<void> initialise(const fs::path& signer, const fs::path& module, const fs::path& config,
                        const SecretBytes& so_pin, const SecretBytes& user_pin) {
  wire::Request request;
  request.op = wire::Op::init_token;
  request.fields.emplace_back(as_bytes(module.native()));
  request.fields.emplace_back(as_bytes(kLabel));
  request.fields.push_back(so_pin.clone());
  request.fields.push_back(user_pin.clone());
  CARDEA_TRY(auto process, Process::spawn({signer, {"SOFTHSM2_CONF=" + config.string()}}));
  CARDEA_TRY(auto reply, process.exchange(request));
  if (reply.error) return tl::unexpected{std::move(*reply.error)};
  return {};
}

/// Builds everything in `draft`. Only the rename that follows makes a token of it.
Result<void> build(const fs::path& draft, const fs::path& final_place, const fs::path& module,
                   const fs::path& signer) {
  std::error_code error;
  fs::remove_all(draft, error);  // what an interrupted first start left
  fs::create_directories(draft / "tokens", error);
  if (error) return fail(Errc::unavailable, "the directory " + draft.string() + " cannot be made");
  for (const auto& directory : {draft, draft / "tokens"}) {
    fs::permissions(directory, fs::perms::owner_all, error);
  }
  CARDEA_TRY(const auto so_pin, random_pin());
  CARDEA_TRY(const auto user_pin, random_pin());
  CARDEA_CHECK(write_private_file(draft / "so.pin", so_pin.expose()));
  CARDEA_CHECK(write_private_file(draft / "user.pin", user_pin.expose()));
  CARDEA_CHECK(write_private_file(draft / "draft.conf", as_bytes(configuration(draft / "tokens"))));
  CARDEA_CHECK(write_private_file(draft / "softhsm2.conf", as_bytes(configuration(final_place / "tokens"))));
  CARDEA_CHECK(initialise(signer, module, draft / "draft.conf", so_pin, user_pin));
  fs::remove(draft / "draft.conf", error);
  for (const auto& entry : fs::recursive_directory_iterator{draft, error}) {
    if (entry.is_directory()) CARDEA_CHECK(sync_directory(entry.path()));
  }
  return sync_directory(draft);
}

Result<void> look_whole(const fs::path& token, bool owned) {
  std::error_code ignored;
  for (const std::string part : {"softhsm2.conf", "tokens", "user.pin", "so.pin"}) {
    if (owned && part.find(".pin") != std::string::npos) continue;
    if (!fs::exists(token / part, ignored)) {
      return fail(Errc::corrupt, "the SoftHSM directory " + token.string() + " lacks " + part +
                                     ": restore it from a backup; its keys cannot be made again");
    }
  }
  if (fs::is_empty(token / "tokens", ignored)) {
    return fail(Errc::corrupt,
                "the SoftHSM directory " + token.string() +
                    " holds no token: restore it from a backup; its keys cannot be made again");
  }
  return {};
}

}  // namespace

fs::path default_signer() {
  std::error_code ignored;
  auto beside = fs::read_symlink("/proc/self/exe", ignored).parent_path() / "cardea-signer";
  if (fs::exists(beside, ignored)) return beside;
  for (const auto* place : {"/usr/bin/cardea-signer", "/usr/local/bin/cardea-signer"}) {
    if (fs::exists(place, ignored)) return place;
  }
  return beside;
}

Result<SoftHsm> init_softhsm(const fs::path& directory, const fs::path& signer, bool owned) {
  CARDEA_TRY(const auto module, find_module());
  CARDEA_TRY(const auto root, private_directory(directory));
  CARDEA_TRY(const auto lock, FileLock::take(root / "lock"));

  std::error_code error;
  const auto token = root / "token";
  if (!fs::exists(token, error) && !owned) {
    const auto draft = root / "token.new";
    CARDEA_CHECK(build(draft, token, module, signer.empty() ? default_signer() : signer));
    fs::rename(draft, token, error);
    if (error) return fail(Errc::unavailable, "the directory " + token.string() + " cannot be made");
    CARDEA_CHECK(sync_directory(root));
  }
  CARDEA_CHECK(look_whole(token, owned));
  SecretBytes pin;
  if (!owned) {
    CARDEA_TRY(pin, read_secret_file(token / "user.pin"));
  }
  return SoftHsm{module, (token / "softhsm2.conf").string(), std::string{kLabel}, std::move(pin)};
}

}  // namespace cardea::vault
