#pragma once

#include <windows.h>
// After windows.h, whose types it uses.
#include <wincrypt.h>

#include <memory>
#include <string>

#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::api {

/// The certificate authorities of a file, and no others: what a server's certificate is held against instead
/// of Windows' own trust store.
class PinnedAuthorities {
 public:
  /// Errors: `invalid` with the path: not readable, or no PEM certificate in it.
  static Result<PinnedAuthorities> read(const std::string& pem_file);

  /// Whether `certificate` is good for a TLS server of this name or address, now, by a chain that ends in one
  /// of ours. The certificates that the server sent along are used on the way. Errors: `denied` with the
  /// reason.
  [[nodiscard]] Result<void> check(const CERT_CONTEXT& certificate, const std::string& host) const;

 private:
  struct CloseStore {
    void operator()(void* store) const { ::CertCloseStore(store, 0); }
  };
  struct FreeEngine {
    void operator()(void* engine) const { ::CertFreeCertificateChainEngine(engine); }
  };

  std::unique_ptr<void, CloseStore> store_;
  std::unique_ptr<void, FreeEngine> engine_;
};

/// UTF-8 as Windows wants it. What is no UTF-8 is replaced.
std::wstring widened(std::string_view utf8);

}  // namespace cardea::api
