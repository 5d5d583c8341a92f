#pragma once

#include "cardea/card/ports/session_cipher.h"

namespace cardea::test {

/// By OpenSSL.
class OpenSslSessionCipher final : public card::SessionCipher {
 public:
  Result<SecretBytes> cbc_encrypt(card::Algorithm algorithm, const SecretBytes& key, BytesView initial,
                                  BytesView blocks) override;
  Result<SecretBytes> cbc_decrypt(card::Algorithm algorithm, const SecretBytes& key, BytesView initial,
                                  BytesView blocks) override;

  /// While set, operations answer `unavailable`.
  void set_failing(bool failing) { failing_ = failing; }

 private:
  [[nodiscard]] Result<SecretBytes> run(card::Algorithm algorithm, const SecretBytes& key, BytesView initial,
                                        BytesView blocks, int forwards) const;

  bool failing_ = false;
};

}  // namespace cardea::test
