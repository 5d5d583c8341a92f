#include "cardea/test/block_cipher.h"

#include "openssl.h"

namespace cardea::test {

namespace {

const EVP_CIPHER* cipher(card::Algorithm algorithm) {
  switch (algorithm) {
    case card::Algorithm::tdes:
      return EVP_des_ede3_ecb();
    case card::Algorithm::aes128:
      return EVP_aes_128_ecb();
    case card::Algorithm::aes192:
      return EVP_aes_192_ecb();
    default:
      return EVP_aes_256_ecb();
  }
}

std::optional<Bytes> run(card::Algorithm algorithm, BytesView key, BytesView blocks, int forwards) {
  if (!card::is_symmetric(algorithm) || key.size() != card::key_size(algorithm)) return std::nullopt;
  if (blocks.size() % card::block_size(algorithm) != 0) return std::nullopt;
  const CipherCtx ctx{EVP_CIPHER_CTX_new()};
  Bytes out(blocks.size() + card::block_size(algorithm));
  int written = 0;
  if (EVP_CipherInit_ex(ctx.get(), cipher(algorithm), nullptr, key.data(), nullptr, forwards) != 1)
    return std::nullopt;
  EVP_CIPHER_CTX_set_padding(ctx.get(), 0);
  if (EVP_CipherUpdate(ctx.get(), out.data(), &written, blocks.data(), static_cast<int>(blocks.size())) !=
      1) {
    return std::nullopt;
  }
  out.resize(static_cast<std::size_t>(written));
  return out;
}

}  // namespace

std::optional<Bytes> ecb_encrypt(card::Algorithm algorithm, BytesView key, BytesView blocks) {
  return run(algorithm, key, blocks, 1);
}

std::optional<Bytes> ecb_decrypt(card::Algorithm algorithm, BytesView key, BytesView blocks) {
  return run(algorithm, key, blocks, 0);
}

}  // namespace cardea::test
