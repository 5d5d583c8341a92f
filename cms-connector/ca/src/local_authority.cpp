#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <ctime>

#include "cardea/cms/ca/authority.h"
#include "cardea/cms/ca/files.h"
#include "cardea/cms/ca/secret_files.h"
#include "cardea/cms/piv/admin_key.h"
#include "cardea/hex.h"
#include "issue_certificate.h"
#include "revocation.h"

namespace cardea::cms::ca {

namespace {

namespace fs = std::filesystem;

constexpr int kCrlDays = 30;

std::string key_pem(EVP_PKEY* key) {
  const Bio out{BIO_new(BIO_s_secmem())};
  PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return bio_text(out.get());
}

/// One more, as a big-endian number.
void count_up(Bytes& number) {
  std::size_t at = number.size();
  bool carry = true;
  while (carry && at > 0)
    carry = ++number[--at] == 0;
}

/// The next serial number, as the file has it, and one more for the next time.
Result<Bytes> next_serial(const fs::path& file) {
  CARDEA_TRY(const auto text, read_file(file));
  auto serial = from_hex(text);
  if (!serial || serial->empty())
    return fail(Errc::corrupt, file.string() + " does not hold a hexadecimal number");
  Bytes next = *serial;
  count_up(next);
  // Written before the number is used: a crash may skip a number, never use one twice.
  CARDEA_CHECK(replace_file(file, to_hex(next) + "\n", 0644));
  return *std::move(serial);
}

class LocalAuthority final : public Authority {
 public:
  LocalAuthority(fs::path directory, Key key, Certificate certificate)
      : directory_{std::move(directory)}, key_{std::move(key)}, certificate_{std::move(certificate)} {}

  Result<Bytes> issue(const Order& order) override {
    CARDEA_TRY(const auto lock, FileLock::take(directory_ / "lock"));
    CARDEA_TRY(const Bytes serial, next_serial(directory_ / "serial"));
    CARDEA_TRY(const auto certificate, issue_certificate(order, key_.get(), certificate_.get(), serial));
    const std::string number = to_hex(serial);
    CARDEA_CHECK(append_file(directory_ / "index.txt", index_line(certificate.get(), number)));
    CARDEA_TRY(Bytes der, certificate_der(certificate.get()));
    CARDEA_TRY(const auto pem, certificate_pem(der));
    CARDEA_CHECK(create_file(directory_ / "certs" / (number + ".pem"), pem, 0644));
    return der;
  }

  Result<void> revoke(BytesView certificate, Reason reason) override {
    CARDEA_TRY(const auto lock, FileLock::take(directory_ / "lock"));
    CARDEA_TRY(const auto parsed, parse_certificate_der(certificate));
    if (X509_verify(parsed.get(), key_.get()) != 1)
      return fail(Errc::not_found, "the certificate is not by the authority in " + directory_.string());
    CARDEA_TRY(const auto about, describe_certificate(certificate));
    CARDEA_CHECK(mark_revoked(directory_ / "index.txt", about.serial, reason, std::time(nullptr)));
    return sign_crl(kCrlDays);
  }

  /// The lock is held.
  Result<void> sign_crl(int days) {
    CARDEA_TRY(const auto revoked, read_revoked(directory_ / "index.txt"));
    Bytes number{0};
    if (fs::exists(directory_ / "crlnumber")) {
      CARDEA_TRY(number, next_serial(directory_ / "crlnumber"));
    } else {
      CARDEA_CHECK(create_file(directory_ / "crlnumber", "01\n", 0644));
    }
    CARDEA_TRY(const auto crl, make_crl(revoked, key_.get(), certificate_.get(), number, days));
    return replace_file(directory_ / "ca.crl", crl, 0644);
  }

 private:
  fs::path directory_;
  Key key_;
  Certificate certificate_;
};

}  // namespace

Result<void> make_local_authority(const fs::path& directory, const LocalAuthoritySettings& settings) {
  if (directory.empty()) return fail(Errc::invalid, "name the directory of the authority");
  std::error_code problem;
  const bool fresh = !fs::exists(directory, problem);
  if (!problem) fs::create_directories(directory / "certs", problem);
  if (problem) return fail(Errc::unavailable, "cannot make " + directory.string() + ": " + problem.message());
  if (fs::exists(directory / "ca.key"))
    return fail(Errc::conflict, "there is an authority in " + directory.string() + " already");
  // One that is there already may be for others, too. The key's file is its owner's in any case.
  if (fresh) ::chmod(directory.c_str(), 0700);

  const Key key{EVP_EC_gen("P-256")};
  if (key == nullptr) return tl::unexpected{openssl_error(Errc::unsupported, "cannot make a key")};
  constexpr std::size_t kSerialSize = 16;
  CARDEA_TRY(Bytes serial, piv::random_octets(kSerialSize));
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x3FU) |
                                        0x40U);  // positive and of full length, with room to count
  CARDEA_TRY(const auto certificate, self_issue_authority(key.get(), settings, serial));
  count_up(serial);
  CARDEA_CHECK(create_file(directory / "ca.key", key_pem(key.get()), 0600));
  CARDEA_TRY(const Bytes der, certificate_der(certificate.get()));
  CARDEA_TRY(const auto pem, certificate_pem(der));
  CARDEA_CHECK(create_file(directory / "ca.pem", pem, 0644));
  CARDEA_CHECK(create_file(directory / "serial", to_hex(serial) + "\n", 0644));
  return create_file(directory / "index.txt", "", 0644);
}

namespace {

Result<std::unique_ptr<LocalAuthority>> open(const fs::path& directory) {
  const fs::path key_file = directory / "ca.key";
  struct stat status {};
  if (::stat(key_file.c_str(), &status) != 0) {
    return fail(Errc::not_found, "there is no authority in " + directory.string() +
                                     "; make one with: cardea-cms ca init " + directory.string());
  }
  if ((status.st_mode & 077U) != 0)
    return fail(Errc::denied, "others than its owner may read " + key_file.string() + "; chmod 600 it");
  CARDEA_TRY(const auto key_text, read_secret_file(key_file));
  CARDEA_TRY(const auto certificate_text, read_file(directory / "ca.pem"));
  Key key{PEM_read_bio_PrivateKey(read_bio(key_text.expose()).get(), nullptr, nullptr, nullptr)};
  Certificate certificate{
      PEM_read_bio_X509(read_bio(as_bytes(certificate_text)).get(), nullptr, nullptr, nullptr)};
  if (key == nullptr || certificate == nullptr || X509_check_private_key(certificate.get(), key.get()) != 1) {
    return tl::unexpected{openssl_error(
        Errc::corrupt, "ca.key and ca.pem in " + directory.string() + " do not belong together")};
  }
  return std::make_unique<LocalAuthority>(directory, std::move(key), std::move(certificate));
}

}  // namespace

Result<std::unique_ptr<Authority>> open_local_authority(const fs::path& directory) {
  CARDEA_TRY(auto authority, open(directory));
  return authority;
}

Result<void> sign_local_crl(const fs::path& directory, int days) {
  CARDEA_TRY(const auto authority, open(directory));
  CARDEA_TRY(const auto lock, FileLock::take(directory / "lock"));
  return authority->sign_crl(days);
}

}  // namespace cardea::cms::ca
