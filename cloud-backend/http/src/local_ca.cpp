#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "cardea/http/tls.h"
#include "openssl_text.h"

namespace cardea::http {
namespace {

template <class T, void (*Free)(T*)>
struct Freer {
  void operator()(T* what) const { Free(what); }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509, X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION, X509_EXTENSION_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO, BIO_free_all>>;

constexpr long kDay = 24L * 3600L;
constexpr long kCaLife = 3650 * kDay;

tl::unexpected<Error> openssl_failure(const char* what) {
  return fail(Errc::unavailable, std::string{"the local CA cannot "} + what + ": " + openssl_text());
}

/// Written beside, made durable, then renamed: a kill leaves the old file or the new one.
Result<void> write_file(const std::filesystem::path& path, BIO* pem, mode_t mode) {
  const auto failure = [&path] {
    return fail(Errc::unavailable, "cannot write " + path.string() + ": " +
                                       std::error_code{errno, std::generic_category()}.message());
  };
  char* data = nullptr;
  const long size = BIO_get_mem_data(pem, &data);
  auto temporary = path;
  temporary += ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return failure();
  const bool written = ::fchmod(fd, mode) == 0 && ::write(fd, data, static_cast<std::size_t>(size)) == size &&
                       ::fsync(fd) == 0;
  ::close(fd);
  if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) return failure();
  return {};
}

Result<void> write_key(const std::filesystem::path& path, EVP_PKEY* key) {
  const Bio memory{BIO_new(BIO_s_secmem())};
  if (!memory ||
      PEM_write_bio_PKCS8PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_failure("write a key");
  }
  return write_file(path, memory.get(), S_IRUSR | S_IWUSR);
}

Result<void> write_certificates(const std::filesystem::path& path, std::initializer_list<X509*> chain) {
  const Bio memory{BIO_new(BIO_s_mem())};
  for (auto* certificate : chain) {
    if (PEM_write_bio_X509(memory.get(), certificate) != 1) return openssl_failure("write a certificate");
  }
  return write_file(path, memory.get(), S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
}

template <class Read>
auto read_pem(const std::filesystem::path& path, Read read) {
  const Bio file{BIO_new_file(path.c_str(), "r")};
  using Pointer = decltype(read(nullptr, nullptr, nullptr, nullptr));
  return file ? read(file.get(), nullptr, nullptr, nullptr) : Pointer{nullptr};
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension{X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str())};
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

struct Profile {
  std::string common_name;
  long life;
  std::vector<std::pair<int, std::string>> extensions;
};

/// Self-signed when there is no issuer.
Certificate make_certificate(const Profile& profile, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  Certificate certificate{X509_new()};
  if (!certificate) return nullptr;
  std::array<unsigned char, 16> serial{};
  if (RAND_bytes(serial.data(), static_cast<int>(serial.size())) != 1) return nullptr;
  serial[0] = static_cast<unsigned char>((serial[0] & 0x3FU) | 0x40U);  // positive, and of full length
  auto* number = BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  X509_set_version(certificate.get(), X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -5 * 60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), profile.life);
  X509_set_pubkey(certificate.get(), key);
  auto* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(
      name, "CN", MBSTRING_UTF8,
      reinterpret_cast<const unsigned char*>(
          profile.common_name.c_str()),  // NOLINT(*-reinterpret-cast): OpenSSL's text type
      -1, -1, 0);
  auto* signer = issuer != nullptr ? issuer : certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
  for (const auto& [nid, value] : profile.extensions) {
    if (!add_extension(certificate.get(), signer, nid, value)) return nullptr;
  }
  if (X509_sign(certificate.get(), issuer_key, EVP_sha256()) == 0) return nullptr;
  return certificate;
}

bool is_address(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> unused{};
  return ::inet_pton(AF_INET, name.c_str(), unused.data()) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), unused.data()) == 1;
}

std::vector<std::string> all_names(const std::vector<std::string>& more) {
  std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};
  for (const auto& name : more) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

/// Good for a third of its time, for this key, from this CA, and for every name.
bool still_good(X509* certificate, EVP_PKEY* key, X509* ca, const std::vector<std::string>& names,
                std::chrono::seconds life) {
  if (certificate == nullptr || key == nullptr) return false;
  int days = 0;
  int seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate)) != 1) return false;
  if (days * kDay + seconds < life.count() / 3) return false;
  if (X509_check_private_key(certificate, key) != 1) return false;
  if (X509_verify(certificate, X509_get0_pubkey(ca)) != 1) return false;
  return std::all_of(names.begin(), names.end(), [certificate](const std::string& name) {
    return is_address(name) ? X509_check_ip_asc(certificate, name.c_str(), 0) == 1
                            : X509_check_host(certificate, name.c_str(), name.size(), 0, nullptr) == 1;
  });
}

}  // namespace

Result<LocalCa> ensure_local_ca(const std::filesystem::path& directory,
                                const std::vector<std::string>& more_names, std::chrono::seconds life) {
  ERR_clear_error();
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(Errc::unavailable, "cannot make " + directory.string() + ": " + error.message());
  const LocalCa files{directory / "server.pem", directory / "server.key", directory / "ca.pem"};
  const auto ca_key_file = directory / "ca.key";
  const bool first = !std::filesystem::exists(files.ca) || !std::filesystem::exists(ca_key_file);

  Key ca_key;
  Certificate ca;
  if (first) {
    ca_key.reset(EVP_EC_gen("P-256"));
    if (!ca_key) return openssl_failure("make a key");
    ca = make_certificate({"Cardea local CA",
                           kCaLife,
                           {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                            {NID_key_usage, "critical,keyCertSign,cRLSign"},
                            {NID_subject_key_identifier, "hash"}}},
                          ca_key.get(), nullptr, ca_key.get());
    if (!ca) return openssl_failure("make its certificate");
    CARDEA_CHECK(write_key(ca_key_file, ca_key.get()));
    CARDEA_CHECK(write_certificates(files.ca, {ca.get()}));
  } else {
    ca_key.reset(read_pem(ca_key_file, PEM_read_bio_PrivateKey));
    ca.reset(read_pem(files.ca, PEM_read_bio_X509));
    if (!ca_key || !ca || X509_check_private_key(ca.get(), ca_key.get()) != 1) {
      return fail(Errc::corrupt, "the local CA in " + directory.string() +
                                     " is damaged: ca.pem and ca.key do not go together");
    }
  }

  const auto names = all_names(more_names);
  const Key old_key{read_pem(files.key, PEM_read_bio_PrivateKey)};
  const Certificate old{read_pem(files.certificate, PEM_read_bio_X509)};
  ERR_clear_error();
  if (still_good(old.get(), old_key.get(), ca.get(), names, life)) return files;

  std::string alternative;
  for (const auto& name : names) {
    alternative += (alternative.empty() ? "" : ",") + std::string{is_address(name) ? "IP:" : "DNS:"} + name;
  }
  const Key key{EVP_EC_gen("P-256")};
  if (!key) return openssl_failure("make a key");
  const auto certificate = make_certificate({"Cardea server",
                                             life.count(),
                                             {{NID_basic_constraints, "critical,CA:FALSE"},
                                              {NID_key_usage, "critical,digitalSignature"},
                                              {NID_ext_key_usage, "serverAuth"},
                                              {NID_subject_key_identifier, "hash"},
                                              {NID_authority_key_identifier, "keyid:always"},
                                              {NID_subject_alt_name, alternative}}},
                                            key.get(), ca.get(), ca_key.get());
  if (!certificate) return openssl_failure("make the server's certificate");
  CARDEA_CHECK(write_key(files.key, key.get()));
  CARDEA_CHECK(write_certificates(files.certificate, {certificate.get(), ca.get()}));
  return files;
}

}  // namespace cardea::http
