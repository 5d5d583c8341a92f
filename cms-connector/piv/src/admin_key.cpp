#include "cardea/cms/piv/admin_key.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>

#include "cardea/apdu/tlv.h"
#include "cardea/hex.h"

namespace cardea::cms::piv {

namespace {

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const EVP_CIPHER* cipher(AdminAlgorithm algorithm) {
  switch (algorithm) {
    case AdminAlgorithm::tdes:
      return EVP_des_ede3_ecb();
    case AdminAlgorithm::aes128:
      return EVP_aes_128_ecb();
    case AdminAlgorithm::aes192:
      return EVP_aes_192_ecb();
    case AdminAlgorithm::aes256:
      return EVP_aes_256_ecb();
  }
  return nullptr;
}

/// One block in ECB.
Result<Bytes> one_block(const AdminKey& key, BytesView block, bool encrypt) {
  const CipherContext context{EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free};
  Bytes out(block.size());
  int written = 0;
  const bool done = context != nullptr &&
                    EVP_CipherInit_ex(context.get(), cipher(key.algorithm), nullptr,
                                      key.value.expose().data(), nullptr, encrypt ? 1 : 0) == 1 &&
                    EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1 &&
                    EVP_CipherUpdate(context.get(), out.data(), &written, block.data(),
                                     static_cast<int>(block.size())) == 1 &&
                    static_cast<std::size_t>(written) == block.size();
  if (!done)
    return fail(Errc::unsupported, "OpenSSL cannot compute " + std::string{info(key.algorithm).title});
  return out;
}

}  // namespace

AdminKey factory_admin_key() {
  return {AdminAlgorithm::tdes,
          SecretBytes{BytesView{"0102030405060708 0102030405060708 0102030405060708"_hex}}};
}

Result<MutualReply> answer_witness(const AdminKey& key, BytesView encrypted_witness, BytesView challenge) {
  const auto& algorithm = info(key.algorithm);
  if (key.value.size() != algorithm.key_size) {
    return fail(Errc::invalid, "a management key for " + std::string{algorithm.title} + " has " +
                                   std::to_string(algorithm.key_size) + " octets");
  }
  if (encrypted_witness.size() != algorithm.block_size || challenge.size() != algorithm.block_size) {
    return fail(Errc::corrupt, "the card's witness is not one block of " + std::string{algorithm.title});
  }
  CARDEA_TRY(const Bytes witness, one_block(key, encrypted_witness, false));
  CARDEA_TRY(Bytes expected, one_block(key, challenge, true));
  return MutualReply{
      apdu::make_template(0x7C, {apdu::make_tlv(0x80, witness), apdu::make_tlv(0x81, challenge)}),
      std::move(expected)};
}

Result<Bytes> random_octets(std::size_t count) {
  Bytes out(count);
  if (RAND_bytes(out.data(), static_cast<int>(count)) != 1)
    return fail(Errc::unavailable, "no random numbers to be had");
  return out;
}

}  // namespace cardea::cms::piv
