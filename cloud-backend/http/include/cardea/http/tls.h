#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cardea/result.h"

namespace cardea::http {

/// TLS 1.3 of a server: certificate, key, and the CA of clients where they must show a certificate.
class TlsContext {
 public:
  /// Errors: `not_found`, `corrupt` (not PEM, or the key is of another certificate); the sentence names the
  /// file.
  static Result<std::shared_ptr<TlsContext>> load(const std::filesystem::path& certificate,
                                                  const std::filesystem::path& key,
                                                  const std::filesystem::path& client_ca);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  [[nodiscard]] void* native() const { return context_; }  ///< SSL_CTX*, kept out of this header

 private:
  explicit TlsContext(void* context) : context_{context} {}
  void* context_;
};

/// Files of the local CA.
struct LocalCa {
  std::filesystem::path certificate;  ///< server.pem
  std::filesystem::path key;          ///< server.key, mode 0600
  std::filesystem::path ca;           ///< ca.pem: what clients are given
};

/// How long a server certificate of the local CA is good for.
inline constexpr std::chrono::seconds kServerCertificateLife = std::chrono::hours{90 * 24};

/// Makes, at the first start, a CA (P-256, ten years, key of mode 0600) and a server certificate (P-256, of
/// `life`) for localhost, 127.0.0.1, ::1 and `names` inside `directory`; renews the server certificate when
/// less than a third of `life` is left or the names have changed. Errors: `corrupt` (a file is damaged),
/// `unavailable` (cannot write).
Result<LocalCa> ensure_local_ca(const std::filesystem::path& directory, const std::vector<std::string>& names,
                                std::chrono::seconds life = kServerCertificateLife);

}  // namespace cardea::http
