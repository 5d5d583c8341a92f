#include <doctest/doctest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "cardea/http/server.h"
#include "peer.h"

using namespace cardea;
using namespace cardea::http;
using namespace cardea::http::test;

namespace {

/// A TLS client that trusts one CA. `certificate` is a PEM file with the client's certificate and its key.
class TlsPeer {
 public:
  TlsPeer(std::uint16_t port, const std::filesystem::path& ca, const std::filesystem::path& certificate = {},
          int newest = TLS1_3_VERSION, const char* name = "localhost")
      : peer_{port}, context_{SSL_CTX_new(TLS_client_method()), SSL_CTX_free} {
    SSL_CTX_set_max_proto_version(context_.get(), newest);
    REQUIRE(SSL_CTX_load_verify_locations(context_.get(), ca.c_str(), nullptr) == 1);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    if (!certificate.empty()) {
      REQUIRE(SSL_CTX_use_certificate_file(context_.get(), certificate.c_str(), SSL_FILETYPE_PEM) == 1);
      REQUIRE(SSL_CTX_use_PrivateKey_file(context_.get(), certificate.c_str(), SSL_FILETYPE_PEM) == 1);
    }
    ssl_ = {SSL_new(context_.get()), SSL_free};
    SSL_set1_host(ssl_.get(), name);
    SSL_set_fd(ssl_.get(), peer_.fd());
    connected_ = SSL_connect(ssl_.get()) == 1;
  }

  /// The answer to kGet, in one record; empty when there is none.
  std::string ask() {
    if (!connected_ || SSL_write(ssl_.get(), kGet.data(), static_cast<int>(kGet.size())) <= 0) return {};
    std::array<char, 1024> buffer{};
    const int n = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : std::string{};
  }

  /// SHA-256 of the server's certificate.
  [[nodiscard]] std::string certificate() const {
    REQUIRE(connected_);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    REQUIRE(X509_digest(SSL_get0_peer_certificate(ssl_.get()), EVP_sha256(), digest.data(), &size) == 1);
    return {digest.begin(), digest.begin() + size};
  }

 private:
  Peer peer_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
  bool connected_ = false;
};

/// A self-signed certificate (its own CA) and its key in one PEM file.
std::filesystem::path make_client_certificate(const std::filesystem::path& directory,
                                              const std::string& name) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_EC_gen("P-256"), EVP_PKEY_free};
  const std::unique_ptr<X509, decltype(&X509_free)> certificate{X509_new(), X509_free};
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  auto* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), subject);
  REQUIRE(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
  const auto path = directory / (name + ".pem");
  FILE* out = std::fopen(path.c_str(), "w");
  REQUIRE(out != nullptr);
  REQUIRE(PEM_write_X509(out, certificate.get()) == 1);
  REQUIRE(PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  std::fclose(out);
  return path;
}

}  // namespace

TEST_CASE("server: TLS 1.3 with a certificate of the local CA, and nothing older [F1]") {
  const TempDir dir;
  const auto files = ensure_local_ca(dir.path, {"cards.example"}).value();
  ServerOptions options;
  options.address = "127.0.0.1";
  options.tls = TlsContext::load(files.certificate, files.key, {}).value();
  const auto server = *Server::start(options, echo);
  REQUIRE(server->port() != 0);

  ServerOptions same = options;
  same.port = server->port();
  const auto taken = Server::start(same, echo);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == Errc::conflict);
  CHECK(taken.error().what ==
        "cannot listen on 127.0.0.1 port " + std::to_string(server->port()) + ": Address already in use");

  const auto connect = [&](int newest, const char* name) {
    TlsPeer peer{server->port(), files.ca, {}, newest, name};
    return peer.ask();
  };
  CHECK(connect(TLS1_3_VERSION, "localhost") == kAnswer);  // in one record
  CHECK(connect(TLS1_3_VERSION, "cards.example") == kAnswer);
  CHECK(connect(TLS1_3_VERSION, "other.example").empty());
  CHECK(connect(TLS1_2_VERSION, "localhost").empty());

  const Peer plain{server->port()};
  plain.send(kGet);
  CHECK(plain.rest().find("200 OK") == std::string::npos);
  while (server->stats().handshake_failures < 3)  // a client that hangs up is noticed a moment later
    std::this_thread::yield();
  CHECK(server->stats().handshake_failures == 3);
}

TEST_CASE("server: a client with a certificate of the named CA is let in, any other is not") {
  const TempDir dir;
  const auto files = ensure_local_ca(dir.path / "server", {}).value();
  const auto client_ca = make_client_certificate(dir.path, "client");
  const auto other_ca = make_client_certificate(dir.path, "other");
  ServerOptions options;
  options.address = "127.0.0.1";
  options.tls = TlsContext::load(files.certificate, files.key, client_ca).value();
  const auto server = *Server::start(options, echo);
  const auto ask = [&](const std::filesystem::path& certificate) {
    TlsPeer peer{server->port(), files.ca, certificate};
    return peer.ask();
  };
  CHECK(ask(client_ca) == kAnswer);
  CHECK(ask(other_ca).empty());
  // In TLS 1.3 the client believes to be connected before the server has looked at its (missing) certificate.
  CHECK(ask({}).empty());
  CHECK(ask(client_ca) == kAnswer);
}

TEST_CASE("server: a renewed certificate is for new connections, and open ones go on") {
  const TempDir dir;
  const auto day = std::chrono::hours{24};
  // What is made for a day has less left than a third of a week: it is due.
  const auto files = ensure_local_ca(dir.path, {}, day).value();
  ServerOptions options;
  options.address = "127.0.0.1";
  options.tls = TlsContext::load(files.certificate, files.key, {}).value();
  const auto server = *Server::start(options, echo);
  TlsPeer open{server->port(), files.ca};
  CHECK(open.ask() == kAnswer);
  const auto old = open.certificate();

  REQUIRE(ensure_local_ca(dir.path, {}, day));
  CHECK(TlsPeer{server->port(), files.ca}.certificate() == old);
  REQUIRE(ensure_local_ca(dir.path, {}, 7 * day));
  server->replace_tls(TlsContext::load(files.certificate, files.key, {}).value());
  TlsPeer fresh{server->port(), files.ca};
  CHECK(fresh.ask() == kAnswer);
  CHECK(fresh.certificate() != old);
  CHECK(open.ask() == kAnswer);
  REQUIRE(ensure_local_ca(dir.path, {}, 7 * day));
  server->replace_tls(TlsContext::load(files.certificate, files.key, {}).value());
  CHECK(TlsPeer{server->port(), files.ca}.certificate() == fresh.certificate());
}

TEST_CASE("local CA: made once, kept, and the server's certificate follows the names") {
  const TempDir dir;
  const auto read = [](const std::filesystem::path& file) {
    const auto size = std::filesystem::file_size(file);
    std::string text(size, '\0');
    FILE* in = std::fopen(file.c_str(), "r");
    REQUIRE(std::fread(text.data(), 1, size, in) == size);
    std::fclose(in);
    return text;
  };
  const auto first = ensure_local_ca(dir.path / "tls", {}).value();
  for (const auto& key : {first.key, dir.path / "tls" / "ca.key"}) {
    struct stat info {};
    REQUIRE(::stat(key.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0600U);
  }
  const auto ca = read(first.ca);
  const auto certificate = read(first.certificate);
  REQUIRE(ensure_local_ca(dir.path / "tls", {}));
  CHECK(read(first.certificate) == certificate);
  REQUIRE(ensure_local_ca(dir.path / "tls", {"192.0.2.7", "a.example"}));
  CHECK(read(first.certificate) != certificate);
  CHECK(read(first.ca) == ca);

  std::filesystem::resize_file(first.ca, 10);
  CHECK(ensure_local_ca(dir.path / "tls", {}).error().code == Errc::corrupt);
  CHECK(TlsContext::load(first.certificate, dir.path / "tls" / "ca.key", {}).error().code == Errc::corrupt);
}
