#include <openssl/x509v3.h>
#include <poll.h>

#include <algorithm>
#include <ctime>

#include "cardea/cms/ca/remote.h"
#include "est_client.h"
#include "est_messages.h"

namespace cardea::cms::ca {

namespace {

using Clock = std::chrono::steady_clock;

/// The first line of what a server says, without what could disturb a terminal.
std::string first_words(const std::string& body) {
  constexpr std::size_t kMost = 200;
  std::string out = body.substr(0, std::min(body.find_first_of("\r\n"), kMost));
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  return out;
}

Error refused(const HttpAnswer& answer, const std::string& operation) {
  const std::string said = answer.content_type.starts_with("text/plain") ? first_words(answer.body) : "";
  const std::string tail =
      " (HTTP " + std::to_string(answer.status) + (said.empty() ? "" : ": " + said) + ")";
  switch (answer.status) {
    case 401:
      return {Errc::denied,
              "the EST server wants credentials, or other ones: --ca-basic-file, or --ca-cert and --ca-key" +
                  tail};
    case 403:
      return {Errc::denied, "the EST server knows who asks and does not allow it" + tail};
    case 404:
      return {Errc::not_found, "the EST server has no " + operation + " at this URL" + tail};
    case 400:
      return {Errc::denied, "the EST server does not accept the request" + tail};
    default:
      return {answer.status >= 500 ? Errc::unavailable : Errc::denied, "the EST server refuses" + tail};
  }
}

Result<std::vector<Bytes>> certificates_of(const HttpAnswer& answer, const std::string& operation) {
  if (answer.status != 200) return tl::unexpected{refused(answer, operation)};
  // RFC 8951, 3.1: the body is base64, whatever the transfer encoding header says.
  CARDEA_TRY(const auto der, from_base64(answer.body));
  return certs_only(der);
}

class EstAuthority final : public Authority {
 public:
  EstAuthority(EstClient client, RemoteSettings settings)
      : client_{std::move(client)}, settings_{std::move(settings)} {}

  Result<Bytes> issue(const Order& order) override {
    CARDEA_CHECK(learn_authorities());
    CARDEA_TRY(const auto answer,
               enroll(order.renewal ? "/simplereenroll" : "/simpleenroll", to_base64(order.request)));
    CARDEA_TRY(const auto certificates,
               certificates_of(answer, order.renewal ? "simplereenroll" : "simpleenroll"));
    CARDEA_TRY(auto own, certificate_for(order.request, certificates));
    CARDEA_CHECK(check_issuer(own));
    return own;
  }

  Result<void> revoke(BytesView, Reason) override {
    return fail(Errc::unsupported,
                "EST (RFC 7030) has no way to revoke a certificate; revoke it where the authority is run");
  }

 private:
  /// RFC 7030, 4.2.3: 202 asks to come back with the same request.
  Result<HttpAnswer> enroll(const std::string& operation, const std::string& body) {
    const auto until = Clock::now() + settings_.deadline;
    for (;;) {
      CARDEA_TRY(auto answer, client_.post(operation, body));
      if (answer.status != 202) return answer;
      const auto wait = retry_after(answer.retry_after, std::time(nullptr));
      if (!wait)
        return fail(Errc::corrupt, "the EST server asks to come back without saying when (Retry-After)");
      const auto then = Clock::now() + std::max(*wait, std::chrono::seconds{1});
      if (then > until) {
        return fail(Errc::unavailable, "the EST server has not decided yet and asks to come back in " +
                                           std::to_string(wait->count()) + " s; resume then");
      }
      CARDEA_CHECK(wait_until(then));
    }
  }

  Result<void> wait_until(Clock::time_point then) const {
    constexpr std::chrono::milliseconds kSlice{250};
    while (Clock::now() < then) {
      if (settings_.interrupted && settings_.interrupted())
        return fail(Errc::unavailable, "interrupted while the EST server decides");
      // There is no event to wait for: the server named a time.
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(then - Clock::now());
      (void)::poll(nullptr, 0,
                   static_cast<int>(std::clamp(left, std::chrono::milliseconds{1}, kSlice).count()));
    }
    return {};
  }

  Result<void> learn_authorities() {
    if (!authorities_.empty()) return {};
    CARDEA_TRY(const auto answer, client_.get("/cacerts"));
    CARDEA_TRY(const auto certificates, certificates_of(answer, "cacerts"));
    for (const auto& der : certificates) {
      CARDEA_TRY(auto certificate, parse_certificate_der(der));
      authorities_.push_back(std::move(certificate));
    }
    return {};
  }

  /// Servers may send the chain with it (RFC 7030, 4.2.3 wants the certificate alone).
  static Result<Bytes> certificate_for(BytesView request, const std::vector<Bytes>& certificates) {
    const auto* at = request.data();
    const Request parsed{d2i_X509_REQ(nullptr, &at, static_cast<long>(request.size()))};
    EVP_PKEY* wanted = parsed == nullptr ? nullptr : X509_REQ_get0_pubkey(parsed.get());
    for (const auto& der : certificates) {
      CARDEA_TRY(const auto certificate, parse_certificate_der(der));
      EVP_PKEY* key = X509_get0_pubkey(certificate.get());
      if (key != nullptr && wanted != nullptr && EVP_PKEY_eq(key, wanted) == 1) return der;
    }
    return fail(Errc::corrupt, "the EST server's answer holds no certificate for the card's key");
  }

  [[nodiscard]] Result<void> check_issuer(BytesView der) const {
    CARDEA_TRY(const auto certificate, parse_certificate_der(der));
    const bool known =
        std::any_of(authorities_.begin(), authorities_.end(), [&](const Certificate& authority) {
          return X509_check_issued(authority.get(), certificate.get()) == X509_V_OK &&
                 X509_verify(certificate.get(), X509_get0_pubkey(authority.get())) == 1;
        });
    if (!known)
      return tl::unexpected{openssl_error(
          Errc::corrupt, "the certificate is by none of the authorities that the EST server names")};
    return {};
  }

  EstClient client_;
  RemoteSettings settings_;
  std::vector<Certificate> authorities_;
};

}  // namespace

Result<std::unique_ptr<Authority>> make_est_authority(const RemoteSettings& settings) {
  CARDEA_TRY(auto client, EstClient::make(settings));
  return std::make_unique<EstAuthority>(std::move(client), settings);
}

Result<std::vector<Bytes>> est_ca_certificates(const RemoteSettings& settings) {
  CARDEA_TRY(const auto client, EstClient::make(settings));
  CARDEA_TRY(const auto answer, client.get("/cacerts"));
  return certificates_of(answer, "cacerts");
}

}  // namespace cardea::cms::ca
