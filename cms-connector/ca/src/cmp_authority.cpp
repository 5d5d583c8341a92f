#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp is POSIX

#include <filesystem>

#include "cardea/cms/ca/files.h"
#include "cardea/cms/ca/process.h"
#include "cardea/cms/ca/remote.h"
#include "cmp_errors.h"
#include "est_client.h"

namespace cardea::cms::ca {

namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

/// A directory for its owner only, gone when this is.
class WorkFolder {
 public:
  static Result<WorkFolder> make() {
    std::string pattern = (fs::temp_directory_path() / "cardea-cmp-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      return fail(Errc::unavailable,
                  "cannot make a directory for openssl cmp in " + fs::temp_directory_path().string());
    return WorkFolder{pattern};
  }
  WorkFolder(WorkFolder&& other) noexcept : path_{std::exchange(other.path_, {})} {}
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  WorkFolder& operator=(WorkFolder&&) = delete;
  ~WorkFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  explicit WorkFolder(fs::path path) : path_{std::move(path)} {}
  fs::path path_;
};

class CmpAuthority final : public Authority {
 public:
  explicit CmpAuthority(RemoteSettings settings) : settings_{std::move(settings)} {}

  Result<Bytes> issue(const Order& order) override {
    CARDEA_TRY(const auto folder, WorkFolder::make());
    CARDEA_CHECK(create_file(folder / "request.pem", request_pem(order.request), 0600));
    CARDEA_CHECK(
        ask({"-cmd", "p10cr", "-csr", folder / "request.pem", "-certout", folder / "certificate.pem"}));
    CARDEA_TRY(const auto text, read_file(folder / "certificate.pem"));
    return certificate_from_pem(text);
  }

  Result<void> revoke(BytesView certificate, Reason reason) override {
    CARDEA_TRY(const auto folder, WorkFolder::make());
    CARDEA_TRY(const auto pem, certificate_pem(certificate));
    CARDEA_CHECK(create_file(folder / "old.pem", pem, 0600));
    return ask({"-cmd", "rr", "-oldcert", folder / "old.pem", "-revreason",
                std::to_string(static_cast<int>(reason))});
  }

 private:
  /// Secrets are named by their files: nothing of them is on the command line.
  [[nodiscard]] Words credentials() const {
    Words out;
    const auto add = [&](const char* option, const std::string& value) {
      if (!value.empty()) out.insert(out.end(), {option, value});
    };
    add("-ref", settings_.reference);
    if (!settings_.secret.empty()) add("-secret", "file:" + settings_.secret);
    add("-cert", settings_.certificate);
    add("-key", settings_.key);
    if (!settings_.key_passphrase.empty()) add("-keypass", "file:" + settings_.key_passphrase);
    if (settings_.server_certificate.empty()) add("-trusted", settings_.trust);
    add("-srvcert", settings_.server_certificate);
    if (settings_.url.starts_with("https://")) {
      out.emplace_back("-tls_used");
      add("-tls_trusted", settings_.trust);
      add("-tls_cert", settings_.certificate);
      add("-tls_key", settings_.key);
      if (!settings_.key_passphrase.empty()) add("-tls_keypass", "file:" + settings_.key_passphrase);
    }
    return out;
  }

  [[nodiscard]] Result<void> ask(const Words& what) const {
    Process process;
    process.name = "openssl cmp";
    process.arguments = {"openssl",
                         "cmp",
                         "-config",
                         "",
                         "-batch",
                         "-verbosity",
                         "4",
                         "-server",
                         settings_.url,
                         "-total_timeout",
                         std::to_string(settings_.deadline.count())};
    process.arguments.insert(process.arguments.end(), what.begin(), what.end());
    const auto more = credentials();
    process.arguments.insert(process.arguments.end(), more.begin(), more.end());
    process.keep_errors = true;
    // It ends by itself before that, unless it hangs.
    process.deadline = settings_.deadline + std::chrono::seconds{20};
    CARDEA_TRY(const auto ended, run_process(process));
    // It says what happened on its standard output, and what is wrong with its arguments on the other.
    if (ended.status != 0) return tl::unexpected{cmp_error(ended.output + ended.errors, settings_.url)};
    return {};
  }

  RemoteSettings settings_;
};

}  // namespace

Result<std::unique_ptr<Authority>> make_cmp_authority(const RemoteSettings& settings) {
  if (!settings.url.starts_with("http://") && !settings.url.starts_with("https://"))
    return fail(Errc::invalid, "\"" + settings.url + "\" is not of the form http[s]://host[:port]/path");
  if (settings.secret.empty() && settings.certificate.empty())
    return fail(Errc::invalid,
                "name what this host proves itself to the CMP server with: --ca-secret-file and --ca-ref, or "
                "--ca-cert and --ca-key");
  if (!settings.secret.empty() && settings.reference.empty())
    return fail(Errc::invalid, "the shared secret goes with a reference: --ca-ref");
  if (settings.secret.empty() && settings.trust.empty() && settings.server_certificate.empty())
    return fail(Errc::invalid,
                "name what the CMP server's answers have to lead to with --ca-trust, or its certificate with "
                "--ca-server-cert");
  if (settings.url.starts_with("https://") && settings.trust.empty())
    return fail(Errc::invalid,
                "name the certificates that the CMP server's TLS certificate has to lead to with --ca-trust");
  for (const auto* file :
       {&settings.secret, &settings.trust, &settings.server_certificate, &settings.key_passphrase}) {
    if (!file->empty() && !fs::exists(*file)) return fail(Errc::not_found, "cannot read " + *file);
  }
  CARDEA_CHECK(read_identity(settings));
  return std::make_unique<CmpAuthority>(settings);
}

}  // namespace cardea::cms::ca
