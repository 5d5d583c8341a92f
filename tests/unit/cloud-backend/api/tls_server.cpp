#include "tls_server.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string_view>
#include <system_error>

#include "cardea/test/broken_pipe.h"

namespace cardea::api::test {
namespace {

const cardea::test::IgnoreBrokenPipe kIgnoreBrokenPipe;

template <class T, class F>
std::unique_ptr<T, F> own(T* object, F free) {
  REQUIRE(object != nullptr);
  return {object, free};
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const auto extension = own(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()), X509_EXTENSION_free);
  REQUIRE(X509_add_ext(certificate, extension.get(), -1) == 1);
}

void set_subject(X509* certificate, const std::string& name) {
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
}

auto new_certificate(const std::string& name, EVP_PKEY* key) {
  static long serial = 1;
  auto certificate = own(X509_new(), X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key);
  set_subject(certificate.get(), name);
  return certificate;
}

void write(const std::string& file, X509* certificate, EVP_PKEY* key) {
  const auto out = own(std::fopen(file.c_str(), "w"), std::fclose);
  REQUIRE(PEM_write_X509(out.get(), certificate) == 1);
  REQUIRE(PEM_write_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
}

std::size_t body_length(const std::string& head) {
  const auto at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
}

}  // namespace

Certificates::Certificates() {
  std::string name = (std::filesystem::temp_directory_path() / "cardea-api-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  directory_ = name;
}

Certificates::~Certificates() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string Certificates::make_ca(const std::string& name) {
  const auto file = (directory_ / (name + ".pem")).string();
  const auto key = own(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const auto certificate = new_certificate(name, key.get());
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  add_extension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash");
  REQUIRE(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
  write(file, certificate.get(), key.get());
  return file;
}

std::string Certificates::make_leaf(const std::string& ca, const std::string& name, const std::string& san) {
  const auto in = own(std::fopen(ca.c_str(), "r"), std::fclose);
  const auto issuer = own(PEM_read_X509(in.get(), nullptr, nullptr, nullptr), X509_free);
  const auto issuer_key = own(PEM_read_PrivateKey(in.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  const auto key = own(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const auto certificate = new_certificate(name, key.get());
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
  add_extension(certificate.get(), issuer.get(), NID_subject_alt_name, san);
  REQUIRE(X509_sign(certificate.get(), issuer_key.get(), EVP_sha256()) > 0);
  const auto file = (directory_ / (name + ".pem")).string();
  write(file, certificate.get(), key.get());
  return file;
}

std::string Peer::read_request() {
  std::string got;
  std::array<char, 4096> buffer{};
  while (true) {
    const auto end = got.find("\r\n\r\n");
    if (end != std::string::npos && got.size() >= end + 4 + body_length(got)) return got;
    const int n = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
    if (n <= 0) return {};
    got.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

void Peer::send(const std::string& octets) {
  (void)SSL_write(ssl_, octets.data(), static_cast<int>(octets.size()));
}

void Peer::dribble() {
  pollfd client{fd_, POLLIN, 0};
  while (::poll(&client, 1, 10) == 0) {
    if (SSL_write(ssl_, "x", 1) <= 0) return;
  }
}

void Peer::wait_for_end() {
  char octet = 0;
  while (SSL_read(ssl_, &octet, 1) > 0) {
  }
}

TlsServer::TlsServer(const TlsServerOptions& options, Script script)
    : context_{SSL_CTX_new(TLS_server_method())}, script_{std::move(script)} {
  REQUIRE(SSL_CTX_use_certificate_chain_file(context_, options.certificate.c_str()) == 1);
  REQUIRE(SSL_CTX_use_PrivateKey_file(context_, options.certificate.c_str(), SSL_FILETYPE_PEM) == 1);
  SSL_CTX_set_max_proto_version(context_, options.highest_version);
  SSL_CTX_set_session_id_context(context_, reinterpret_cast<const unsigned char*>("test"), 4);
  if (!options.client_ca.empty()) {
    REQUIRE(SSL_CTX_load_verify_file(context_, options.client_ca.c_str()) == 1);
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener_, 8) == 0);
  socklen_t size = sizeof address;
  REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread{[this] { serve(); }};
}

TlsServer::~TlsServer() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
  SSL_CTX_free(context_);
}

void TlsServer::wait_until_closed(int connections) {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return closed_ >= connections; });
}

void TlsServer::serve() {
  for (int number = 1;; ++number) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    SSL* const ssl = SSL_new(context_);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
      Peer peer{ssl, fd};
      script_(peer, number);
      if (!peer.was_cut()) SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    // A close with octets unread would become a reset; the end must come in order.
    ::shutdown(fd, SHUT_WR);
    ::close(fd);
    const std::lock_guard lock{mutex_};
    ++closed_;
    changed_.notify_all();
  }
}

}  // namespace cardea::api::test
