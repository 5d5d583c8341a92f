#include "cardea/http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "openssl_text.h"

namespace cardea::http {

Result<std::shared_ptr<TlsContext>> TlsContext::load(const std::filesystem::path& certificate,
                                                     const std::filesystem::path& key,
                                                     const std::filesystem::path& client_ca) {
  ERR_clear_error();
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (context == nullptr)
    return fail(Errc::unavailable, "OpenSSL cannot make a TLS context: " + openssl_text());
  const std::shared_ptr<TlsContext> owner{new TlsContext{context}};
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  // Partial writes and a moving buffer are what a non-blocking caller needs; released buffers keep idle
  // connections small; reading ahead takes a whole record from the socket in one call instead of header and
  // body apart.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
  // Agents keep one connection open; a ticket would only be a secret to look after.
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);

  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    return fail(Errc::corrupt,
                certificate.string() + " is not a readable PEM certificate: " + openssl_text());
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return fail(Errc::corrupt,
                key.string() + " is not a readable PEM key of that certificate: " + openssl_text());
  }
  if (!client_ca.empty()) {
    auto* names = SSL_load_client_CA_file(client_ca.c_str());
    if (names == nullptr || SSL_CTX_load_verify_locations(context, client_ca.c_str(), nullptr) != 1) {
      return fail(Errc::corrupt,
                  client_ca.string() + " is not a readable PEM certificate: " + openssl_text());
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return owner;
}

TlsContext::~TlsContext() {
  SSL_CTX_free(static_cast<SSL_CTX*>(context_));
}

}  // namespace cardea::http
