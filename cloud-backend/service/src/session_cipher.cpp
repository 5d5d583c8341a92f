#include <openssl/evp.h>

#include <array>
#include <limits>
#include <memory>

#include "cardea/service/world.h"

namespace cardea::service {
namespace {

using card::Algorithm;
using Fetched = std::unique_ptr<EVP_CIPHER, decltype(&EVP_CIPHER_free)>;
using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

Fetched fetch(const char* name) {
  return {EVP_CIPHER_fetch(nullptr, name, nullptr), &EVP_CIPHER_free};
}

/// A context lives for one call; OpenSSL wipes its key schedule when it is freed.
class OpenSslSessionCipher final : public card::SessionCipher {
 public:
  Result<SecretBytes> cbc_encrypt(Algorithm algorithm, const SecretBytes& key, BytesView initial,
                                  BytesView blocks) override {
    return run(algorithm, key, initial, blocks, true);
  }
  Result<SecretBytes> cbc_decrypt(Algorithm algorithm, const SecretBytes& key, BytesView initial,
                                  BytesView blocks) override {
    return run(algorithm, key, initial, blocks, false);
  }

 private:
  [[nodiscard]] const EVP_CIPHER* cipher(Algorithm algorithm) const {
    switch (algorithm) {
      case Algorithm::tdes:
        return tdes_.get();
      case Algorithm::aes128:
        return aes128_.get();
      case Algorithm::aes192:
        return aes192_.get();
      default:
        return aes256_.get();
    }
  }

  [[nodiscard]] Result<SecretBytes> run(Algorithm algorithm, const SecretBytes& key, BytesView initial,
                                        BytesView blocks, bool forwards) const {
    if (!card::is_symmetric(algorithm)) return fail(Errc::invalid, "the algorithm is not a block cipher");
    const auto block = card::block_size(algorithm);
    if (key.size() != card::key_size(algorithm) || initial.size() != block || blocks.size() % block != 0 ||
        blocks.size() > std::numeric_limits<int>::max()) {
      return fail(Errc::invalid, "key, initial value or data do not fit the cipher");
    }
    SecretBytes out{blocks.size()};
    if (blocks.empty()) return out;
    const Context context{EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free};
    int written = 0;
    const bool done = context && cipher(algorithm) != nullptr &&
                      EVP_CipherInit_ex2(context.get(), cipher(algorithm), key.expose().data(),
                                         initial.data(), forwards ? 1 : 0, nullptr) == 1 &&
                      EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1 &&
                      EVP_CipherUpdate(context.get(), out.expose().data(), &written, blocks.data(),
                                       static_cast<int>(blocks.size())) == 1 &&
                      static_cast<std::size_t>(written) == blocks.size();
    if (!done) return fail(Errc::unavailable, "OpenSSL cannot run the cipher");
    return out;
  }

  // Fetched once: to look an algorithm up costs more than a block.
  Fetched tdes_ = fetch("DES-EDE3-CBC");
  Fetched aes128_ = fetch("AES-128-CBC");
  Fetched aes192_ = fetch("AES-192-CBC");
  Fetched aes256_ = fetch("AES-256-CBC");
};

}  // namespace

std::unique_ptr<card::SessionCipher> make_session_cipher() {
  return std::make_unique<OpenSslSessionCipher>();
}

}  // namespace cardea::service
