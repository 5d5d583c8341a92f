#include "est_client.h"

#include <httplib.h>
#include <openssl/pem.h>

#include <algorithm>
#include <utility>

#include "cardea/cms/ca/files.h"
#include "cardea/cms/ca/secret_files.h"
#include "cardea/secret.h"

namespace cardea::cms::ca {

namespace {

constexpr int kConnectSeconds = 20;

/// Wipes a text that held a secret.
class WipeText {
 public:
  explicit WipeText(std::string& text) : text_{text} {}
  WipeText(const WipeText&) = delete;
  WipeText& operator=(const WipeText&) = delete;
  WipeText(WipeText&&) = delete;
  WipeText& operator=(WipeText&&) = delete;
  ~WipeText() {
    wipe({reinterpret_cast<std::uint8_t*>(text_.data()),
          text_.size()});  // NOLINT(*-reinterpret-cast): char to octet
  }

 private:
  std::string& text_;
};

Result<SecretBytes> first_line_of(const std::string& file) {
  CARDEA_TRY(const auto text, read_secret_file(file));
  return first_line(text);
}

/// Where the first line of `settings.basic` has its colon. Errors: `invalid`.
Result<std::size_t> colon_in(const SecretBytes& line, const std::string& file) {
  const auto octets = line.expose();
  const auto at = std::ranges::find(octets, std::uint8_t{':'});
  if (at == octets.end()) return fail(Errc::invalid, file + " does not begin with a line user:password");
  return static_cast<std::size_t>(at - octets.begin());
}

Result<void> check_trust(const std::string& file) {
  CARDEA_TRY(const auto text, read_file(file));
  const Bio in = read_bio(as_bytes(text));
  const Certificate first{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)};
  if (first == nullptr)
    return tl::unexpected{openssl_error(Errc::invalid, file + " holds no certificate (PEM)")};
  return {};
}

Error tls_error(httplib::Error error, const std::string& where, long verdict) {
  switch (error) {
    case httplib::Error::SSLServerVerification:
      return {Errc::denied,
              "the certificate of the EST server " + where + " is not to be trusted (" +
                  (verdict == X509_V_OK ? "it is for another host" : X509_verify_cert_error_string(verdict)) +
                  "); --ca-trust names what it has to lead to"};
    case httplib::Error::SSLConnection:
      return {
          Errc::denied,
          "no TLS connection with the EST server " + where +
              ": one side does not accept the other; it may want a client certificate (--ca-cert, --ca-key)"};
    case httplib::Error::SSLLoadingCerts:
      return {Errc::invalid, "the certificates of --ca-trust cannot be read"};
    case httplib::Error::Connection:
    case httplib::Error::ConnectionTimeout:
      return {Errc::unavailable, "the EST server " + where + " does not answer"};
    default:
      return {Errc::unavailable,
              "the EST server " + where + " broke off (" + httplib::to_string(error) + ")"};
  }
}

}  // namespace

Result<std::optional<ClientIdentity>> read_identity(const RemoteSettings& settings) {
  if (settings.certificate.empty() != settings.key.empty())
    return fail(Errc::invalid, "--ca-cert and --ca-key go together");
  if (settings.certificate.empty()) return std::optional<ClientIdentity>{};
  CARDEA_TRY(const auto certificate_text, read_file(settings.certificate));
  CARDEA_TRY(const auto key_text, read_secret_file(settings.key));
  SecretBytes passphrase;
  if (!settings.key_passphrase.empty()) {
    CARDEA_TRY(passphrase, first_line_of(settings.key_passphrase));
  }
  SecretBytes ended{passphrase.size() + 1};  // OpenSSL wants to find its end
  std::ranges::copy(std::as_const(passphrase).expose(), ended.expose().begin());
  ClientIdentity out;
  out.certificate.reset(
      PEM_read_bio_X509(read_bio(as_bytes(certificate_text)).get(), nullptr, nullptr, nullptr));
  // Without a callback OpenSSL would ask on the terminal; the text itself is the passphrase, empty or not.
  out.key.reset(
      PEM_read_bio_PrivateKey(read_bio(key_text.expose()).get(), nullptr, nullptr, ended.expose().data()));
  if (out.certificate == nullptr)
    return tl::unexpected{openssl_error(Errc::invalid, settings.certificate + " holds no certificate (PEM)")};
  if (out.key == nullptr)
    return tl::unexpected{openssl_error(Errc::invalid, settings.key + " holds no key (PEM) that opens")};
  if (X509_check_private_key(out.certificate.get(), out.key.get()) != 1)
    return tl::unexpected{openssl_error(
        Errc::invalid, settings.certificate + " and " + settings.key + " do not belong together")};
  return std::optional<ClientIdentity>{std::move(out)};
}

Result<EstClient> EstClient::make(const RemoteSettings& settings) {
  CARDEA_TRY(auto url, parse_est_url(settings.url));
  if (settings.trust.empty())
    return fail(Errc::invalid,
                "name the certificates that the EST server's certificate has to lead to with --ca-trust");
  CARDEA_CHECK(check_trust(settings.trust));
  CARDEA_CHECK(read_identity(settings));
  if (!settings.basic.empty()) {
    CARDEA_TRY(const auto line, first_line_of(settings.basic));
    CARDEA_CHECK(colon_in(line, settings.basic));
  }
  return EstClient{settings, std::move(url)};
}

template <class Ask>
Result<HttpAnswer> EstClient::with_connection(Ask ask) const {
  CARDEA_TRY(const auto identity, read_identity(settings_));
  httplib::SSLClient client{url_.host, url_.port, identity ? identity->certificate.get() : nullptr,
                            identity ? identity->key.get() : nullptr};
  // As a file and not as a store: beside a store the library also trusts the system's authorities.
  client.set_ca_cert_path(settings_.trust);
  client.enable_server_certificate_verification(true);
  SSL_CTX_set_min_proto_version(client.ssl_context(), TLS1_2_VERSION);
  client.set_connection_timeout(kConnectSeconds);
  client.set_read_timeout(settings_.deadline);
  client.set_keep_alive(false);
  if (!settings_.basic.empty()) {
    CARDEA_TRY(const auto line, first_line_of(settings_.basic));
    CARDEA_TRY(const auto colon, colon_in(line, settings_.basic));
    const auto user = line.expose().first(colon);
    const auto rest = line.expose().subspan(colon + 1);
    std::string password{rest.begin(), rest.end()};
    const WipeText wipe_password{password};
    client.set_basic_auth({user.begin(), user.end()}, password);
  }
  const httplib::Result result = ask(client);
  if (!result) {
    return tl::unexpected{tls_error(result.error(), url_.host + ":" + std::to_string(url_.port),
                                    client.get_openssl_verify_result())};
  }
  return HttpAnswer{result->status, result->body, result->get_header_value("Content-Type"),
                    result->get_header_value("Retry-After")};
}

Result<HttpAnswer> EstClient::get(const std::string& operation) const {
  return with_connection([&](httplib::SSLClient& client) { return client.Get(url_.path + operation); });
}

Result<HttpAnswer> EstClient::post(const std::string& operation, const std::string& body) const {
  return with_connection([&](httplib::SSLClient& client) {
    return client.Post(url_.path + operation, {{"Content-Transfer-Encoding", "base64"}}, body,
                       "application/pkcs10");
  });
}

}  // namespace cardea::cms::ca
