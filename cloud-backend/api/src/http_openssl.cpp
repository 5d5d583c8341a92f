#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <exception>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include "cardea/api/http.h"
#include "http_message.h"
#include "tcp.h"

namespace cardea::api {
namespace {

template <class T, void (*Free)(T*)>
struct Freeing {
  void operator()(T* object) const { Free(object); }
};
using ContextPtr = std::shared_ptr<SSL_CTX>;
using SslPtr = std::unique_ptr<SSL, Freeing<SSL, SSL_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, Freeing<SSL_SESSION, SSL_SESSION_free>>;

// ---- TLS over a TcpSocket, whose deadlines OpenSSL's own socket BIO knows nothing of ----

TcpSocket& socket_of(BIO* bio) {
  return *static_cast<TcpSocket*>(BIO_get_data(bio));
}

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const int n = socket_of(bio).receive({into, static_cast<std::size_t>(size)});
  if (n < 0 && socket_of(bio).would_block()) BIO_set_retry_read(bio);
  return n;
}

int bio_write(BIO* bio, const char* octets, int size) {
  BIO_clear_retry_flags(bio);
  return socket_of(bio).send({octets, static_cast<std::size_t>(size)});
}

long bio_control(BIO* /*bio*/, int command, long /*number*/,
                 void* /*pointer*/) {  // NOLINT(google-runtime-int): OpenSSL's signature
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* socket_method() {
  static BIO_METHOD* const method = [] {
    auto* const made = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "cardea socket");
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

// ---- What connections of a connector share: settings as OpenSSL wants them, and sessions to resume ----

/// Tickets by server. Each is used once (RFC 8446, appendix C.4).
class Sessions {
 public:
  void keep(const std::string& server, SSL_SESSION* session) {
    const std::lock_guard lock{mutex_};
    sessions_[server].reset(session);
  }
  SessionPtr take(const std::string& server) {
    const std::lock_guard lock{mutex_};
    const auto found = sessions_.find(server);
    return found != sessions_.end() ? std::move(found->second) : nullptr;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, SessionPtr> sessions_;
};

/// Where a connection's new tickets go; hangs on its SSL object.
struct TicketSink {
  Sessions& sessions;
  std::string server;
};

int on_new_session(SSL* ssl, SSL_SESSION* session) {
  auto* const sink = static_cast<TicketSink*>(SSL_get_app_data(ssl));
  if (sink == nullptr) return 0;
  sink->sessions.keep(sink->server, session);
  return 1;  // it is ours now
}

std::string openssl_reason() {
  const auto code = ERR_peek_last_error();
  const char* const reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return reason != nullptr ? std::string{": "} + reason : std::string{};
}

Result<ContextPtr> make_context(const ServerAddress& address) {
  ERR_clear_error();
  ContextPtr context{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
  if (!context) return fail(Errc::unavailable, "cannot set up TLS" + openssl_reason());
  auto* const raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_read_ahead(raw, 1);  // a record is one system call, not two
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(raw, on_new_session);

  const bool trust = address.ca_file.empty() ? SSL_CTX_set_default_verify_paths(raw) == 1
                                             : SSL_CTX_load_verify_file(raw, address.ca_file.c_str()) == 1;
  if (!trust)
    return fail(Errc::invalid, "cannot read the CA certificate " + address.ca_file + openssl_reason());
  const auto& own = address.client_certificate;
  const auto& key = address.client_key.empty() ? own : address.client_key;
  // Nobody is asked for the passphrase of an encrypted key: a daemon has no terminal.
  SSL_CTX_set_default_passwd_cb(raw, [](char*, int, int, void*) { return 0; });
  if (!own.empty() && (SSL_CTX_use_certificate_chain_file(raw, own.c_str()) != 1 ||
                       SSL_CTX_use_PrivateKey_file(raw, key.c_str(), SSL_FILETYPE_PEM) != 1)) {
    return fail(Errc::invalid, "cannot read the client certificate and key " + own +
                                   (key == own ? "" : ", " + key) + openssl_reason());
  }
  return context;
}

class Shared {
 public:
  /// Reading a trust store takes long, so it is done once as long as the files stay the same.
  Result<ContextPtr> context(const ServerAddress& address) {
    const auto key = identity_of(address.ca_file) + '|' + identity_of(address.client_certificate) + '|' +
                     identity_of(address.client_key);
    const std::lock_guard lock{mutex_};
    if (const auto found = contexts_.find(key); found != contexts_.end()) return found->second;
    CARDEA_TRY(auto made, make_context(address));
    contexts_.emplace(key, made);
    return made;
  }
  Sessions& sessions() { return sessions_; }

 private:
  static std::string identity_of(const std::string& file) {
    std::error_code none;
    const auto changed = std::filesystem::last_write_time(file, none);
    return file + '@' + std::to_string(none ? 0 : changed.time_since_epoch().count());
  }

  Sessions sessions_;
  std::mutex mutex_;
  std::map<std::string, ContextPtr> contexts_;
};

// ---- One connection ----

/// An established TLS connection. Does not move: OpenSSL holds pointers into it.
struct Link {
  Link(TcpSocket connected, TicketSink sink) : socket{std::move(connected)}, tickets{std::move(sink)} {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() {
    if (in_order) SSL_shutdown(ssl.get());  // one alert; nobody waits for the other side's
  }

  TcpSocket socket;
  TicketSink tickets;
  SslPtr ssl;
  Bytes exporter;
  bool in_order = false;  // between two requests
};

/// RFC 9266, section 2: the connection's name at both ends, and nowhere else.
Bytes exporter_of(SSL* ssl) {
  constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
  Bytes out(32);
  if (SSL_export_keying_material(ssl, out.data(), out.size(), kLabel.data(), kLabel.size(), nullptr, 0, 0) !=
      1)
    out.clear();
  return out;
}

bool is_refusal_of_certificate() {
  switch (ERR_GET_REASON(ERR_peek_last_error())) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return true;
    default:
      return false;
  }
}

class OpenSslConnection final : public HttpConnection {
 public:
  OpenSslConnection(ServerAddress address, std::shared_ptr<Shared> shared)
      : address_{std::move(address)}, shared_{std::move(shared)} {
    const bool v6 = address_.host.find(':') != std::string::npos;
    host_header_ = (v6 ? '[' + address_.host + ']' : address_.host) + ':' + std::to_string(address_.port);
    server_ = host_header_ + '|' + address_.ca_file + '|' + address_.client_certificate;
  }

  Result<HttpReply> send(const HttpRequest& request) override {
    try {
      auto reply = exchange(request);
      if (!reply) link_.reset();
      return reply;
    } catch (const std::exception& e) {
      link_.reset();
      return fail(Errc::unavailable, std::string{"the request failed: "} + e.what());
    }
  }

 private:
  Result<HttpReply> exchange(const HttpRequest& request) {
    out_.clear();
    CARDEA_CHECK(append_request(out_, request, host_header_));
    if (link_ && !still_open()) link_.reset();
    if (link_) {
      link_->socket.begin(address_.timeout);
    } else {
      CARDEA_CHECK(open());
    }
    link_->in_order = false;
    ERR_clear_error();
    const bool sent = SSL_write(link_->ssl.get(), out_.data(), static_cast<int>(out_.size())) > 0;
    if (!sent && link_->socket.out_of_time()) return too_slow();
    // A server that closes while we send may have said why, so its answer is read all the same.
    auto exporter = link_->exporter;
    auto reply = read_reply(request.method == "HEAD");
    if (reply) reply->tls_exporter = std::move(exporter);
    if (!sent) link_.reset();
    return reply;
  }

  Result<HttpReply> read_reply(bool to_head) {
    ReplyReader reader{to_head};
    while (true) {
      ERR_clear_error();
      const int n = SSL_read(link_->ssl.get(), in_.data(), static_cast<int>(in_.size()));
      // Only close_notify ends a reply without a length; a bare FIN may be somebody cutting it short.
      const bool ended = n <= 0 && SSL_get_error(link_->ssl.get(), n) == SSL_ERROR_ZERO_RETURN;
      if (n <= 0 && !ended) return broken();
      CARDEA_TRY(const bool complete,
                 ended ? reader.end() : reader.feed({in_.data(), static_cast<std::size_t>(n)}));
      if (!complete) continue;
      link_->in_order = true;
      if (!reader.keep_alive()) link_.reset();
      return reader.take();
    }
  }

  /// Whether an idle connection is still one. Tickets that came in the meantime are digested here.
  bool still_open() {
    auto* const ssl = link_->ssl.get();
    if (!link_->socket.has_news() && SSL_has_pending(ssl) == 0) return true;
    ERR_clear_error();
    char octet = 0;
    link_->socket.set_patient(false);
    const int n = SSL_read(ssl, &octet, 1);
    link_->socket.set_patient(true);
    const bool open = n < 0 && SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ;
    if (!open) link_->in_order = false;
    return open;
  }

  Result<void> open() {
    const auto began = std::chrono::steady_clock::now();
    CARDEA_TRY(const auto context, shared_->context(address_));
    CARDEA_TRY(auto socket, TcpSocket::connect(address_.host, address_.port, address_.timeout));
    auto link = std::make_unique<Link>(std::move(socket), TicketSink{shared_->sessions(), server_});
    const auto spent =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
    link->socket.begin(std::max(address_.timeout - spent, std::chrono::milliseconds{1}));
    CARDEA_CHECK(set_up(*link, context.get()));
    if (SSL_connect(link->ssl.get()) != 1) return refused(*link);
    link->exporter = exporter_of(link->ssl.get());
    link_ = std::move(link);
    return {};
  }

  Result<void> set_up(Link& link, SSL_CTX* context) {
    ERR_clear_error();
    link.ssl.reset(SSL_new(context));
    auto* const bio = BIO_new(socket_method());
    if (link.ssl == nullptr || bio == nullptr) {
      BIO_free(bio);
      return fail(Errc::unavailable, "cannot set up TLS" + openssl_reason());
    }
    BIO_set_data(bio, &link.socket);
    BIO_set_init(bio, 1);
    auto* const ssl = link.ssl.get();
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, &link.tickets);

    auto* const rules = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_ip_asc(rules, address_.host.c_str()) != 1) {
      const bool named = SSL_set_tlsext_host_name(ssl, address_.host.c_str()) == 1 &&
                         X509_VERIFY_PARAM_set1_host(rules, address_.host.c_str(), 0) == 1;
      if (!named) return fail(Errc::invalid, "this is no name of a server: " + address_.host);
    }
    if (const auto session = shared_->sessions().take(server_)) SSL_set_session(ssl, session.get());
    ERR_clear_error();
    return {};
  }

  [[nodiscard]] tl::unexpected<Error> refused(const Link& link) const {
    if (const auto verdict = SSL_get_verify_result(link.ssl.get()); verdict != X509_V_OK) {
      return fail(Errc::denied, "the certificate of " + host_header_ +
                                    " is not trusted: " + X509_verify_cert_error_string(verdict));
    }
    if (is_refusal_of_certificate()) return certificate_refused();
    if (link.socket.out_of_time()) return too_slow();
    return fail(Errc::unavailable, "no TLS 1.3 connection with " + host_header_ + openssl_reason());
  }

  [[nodiscard]] tl::unexpected<Error> broken() const {
    if (is_refusal_of_certificate()) return certificate_refused();
    if (link_->socket.out_of_time()) return too_slow();
    return fail(Errc::unavailable, "the connection to " + host_header_ + " broke off");
  }

  [[nodiscard]] tl::unexpected<Error> too_slow() const {
    return fail(Errc::unavailable, host_header_ + " did not answer in time");
  }
  [[nodiscard]] tl::unexpected<Error> certificate_refused() const {
    return fail(Errc::denied, host_header_ + " does not accept this client's certificate");
  }

  ServerAddress address_;
  std::shared_ptr<Shared> shared_;
  std::string host_header_;
  std::string server_;  // by which its tickets are kept
  std::string out_;
  std::array<char, 16'384> in_{};  // what one record holds
  std::unique_ptr<Link> link_;
};

class OpenSslConnector final : public HttpConnector {
 public:
  std::unique_ptr<HttpConnection> connect(const ServerAddress& address) override {
    return std::make_unique<OpenSslConnection>(address, shared_);
  }

 private:
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace

std::unique_ptr<HttpConnector> make_openssl_connector() {
  return std::make_unique<OpenSslConnector>();
}

std::unique_ptr<HttpConnector> make_system_connector() {
  return make_openssl_connector();
}

bool system_shows_client_certificates() {
  return true;
}

}  // namespace cardea::api
