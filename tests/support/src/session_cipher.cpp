#include "cardea/test/session_cipher.h"

#include "openssl.h"

namespace cardea::test {

namespace {

const EVP_CIPHER* cipher(card::Algorithm algorithm) {
  switch (algorithm) {
    case card::Algorithm::tdes:
      return EVP_des_ede3_cbc();
    case card::Algorithm::aes128:
      return EVP_aes_128_cbc();
    case card::Algorithm::aes192:
      return EVP_aes_192_cbc();
    default:
      return EVP_aes_256_cbc();
  }
}

}  // namespace

Result<SecretBytes> OpenSslSessionCipher::run(card::Algorithm algorithm, const SecretBytes& key,
                                              BytesView initial, BytesView blocks, int forwards) const {
  if (failing_) return fail(Errc::unavailable, "the cipher does not answer (planned by the test)");
  const auto block = card::block_size(algorithm);
  if (!card::is_symmetric(algorithm) || key.size() != card::key_size(algorithm) || initial.size() != block ||
      blocks.size() % block != 0) {
    return fail(Errc::invalid, "key, initial value or data do not fit the cipher");
  }
  SecretBytes out{blocks.size()};
  if (blocks.empty()) return out;
  const CipherCtx ctx{EVP_CIPHER_CTX_new()};
  int written = 0;
  const bool done = EVP_CipherInit_ex(ctx.get(), cipher(algorithm), nullptr, key.expose().data(),
                                      initial.data(), forwards) == 1 &&
                    EVP_CIPHER_CTX_set_padding(ctx.get(), 0) == 1 &&
                    EVP_CipherUpdate(ctx.get(), out.expose().data(), &written, blocks.data(),
                                     static_cast<int>(blocks.size())) == 1 &&
                    static_cast<std::size_t>(written) == blocks.size();
  if (!done) return fail(Errc::unavailable, "OpenSSL cannot run the cipher");
  return out;
}

Result<SecretBytes> OpenSslSessionCipher::cbc_encrypt(card::Algorithm algorithm, const SecretBytes& key,
                                                      BytesView initial, BytesView blocks) {
  return run(algorithm, key, initial, blocks, 1);
}

Result<SecretBytes> OpenSslSessionCipher::cbc_decrypt(card::Algorithm algorithm, const SecretBytes& key,
                                                      BytesView initial, BytesView blocks) {
  return run(algorithm, key, initial, blocks, 0);
}

}  // namespace cardea::test
