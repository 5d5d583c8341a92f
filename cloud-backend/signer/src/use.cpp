#include <openssl/crypto.h>

#include <array>

#include "cardea/signer/worker.h"
#include "cardea/vault/diversification.h"
#include "checks.h"

namespace cardea::signer {

namespace {

Result<BytesView> only_field(const vault::wire::Request& request) {
  if (request.fields.size() != 1) return fail(Errc::invalid, "the request lacks its input");
  return request.fields.front().expose();
}

Result<BytesView> one_block(const vault::wire::Request& request) {
  CARDEA_TRY(const auto block, only_field(request));
  if (!card::is_symmetric(request.algorithm)) return fail(Errc::invalid, "the key is not a symmetric key");
  if (block.size() != card::block_size(request.algorithm))
    return fail(Errc::invalid, "the input is not one block");
  return block;
}

CK_MECHANISM ecb(card::Algorithm algorithm) {
  return {algorithm == card::Algorithm::tdes ? CKM_DES3_ECB : CKM_AES_ECB, nullptr, 0};
}

}  // namespace

Result<Worker::Reply> Worker::rsa_private(const Request& request) {
  CARDEA_TRY(const auto block, only_field(request));
  if (!card::is_rsa(request.algorithm)) return fail(Errc::invalid, "the key is not an RSA key");
  if (request.public_key.modulus.size() != card::field_size(request.algorithm)) {
    return fail(Errc::corrupt, "the public key does not fit its algorithm");
  }
  if (!fits_modulus(request.public_key, block))
    return fail(Errc::invalid, "the block is not below the modulus");
  Reply reply;
  {
    CARDEA_TRY(const auto key, unseal(request));
    CARDEA_TRY(reply.output, sign(key.handle(), CKM_RSA_X_509, block, block.size()));
  }
  if (!rsa_result_matches(request.public_key, block, reply.output.expose())) {
    return wrong_result(request, "the HSM's RSA result does not match the public key");
  }
  return reply;
}

Result<Worker::Reply> Worker::ecdsa_sign(const Request& request) {
  CARDEA_TRY(const auto digest, only_field(request));
  if (!card::is_ec(request.algorithm)) return fail(Errc::invalid, "the key is not an EC key");
  const auto size = card::field_size(request.algorithm);
  if (digest.size() != card::digest_size(request.algorithm)) {
    return fail(Errc::invalid, "the digest does not have the size that the curve takes");
  }
  Reply reply;
  {
    CARDEA_TRY(const auto key, unseal(request));
    CARDEA_TRY(reply.output, sign(key.handle(), CKM_ECDSA, digest, 2 * size));
  }
  if (!ecdsa_matches(request.algorithm, request.public_key, digest, reply.output.expose())) {
    return wrong_result(request, "the HSM's ECDSA signature does not match the public key");
  }
  return reply;
}

Result<Worker::Reply> Worker::eddsa_sign(const Request& request) {
  constexpr std::size_t kSignature = 64;
  CARDEA_TRY(const auto message, only_field(request));
  if (request.algorithm != card::Algorithm::ed25519)
    return fail(Errc::invalid, "the key is not an Ed25519 key");
  Reply reply;
  {
    CARDEA_TRY(const auto key, unseal(request));
    CARDEA_TRY(reply.output, sign(key.handle(), CKM_EDDSA, message, kSignature));
  }
  if (!eddsa_matches(request.public_key, message, reply.output.expose())) {
    return wrong_result(request, "the HSM's Ed25519 signature does not match the public key");
  }
  return reply;
}

Result<Worker::Reply> Worker::ecdh(const Request& request) {
  CARDEA_TRY(const auto peer, only_field(request));
  const bool montgomery = request.algorithm == card::Algorithm::x25519;
  if (!card::is_ec(request.algorithm) && !montgomery)
    return fail(Errc::invalid, "the key is not a key for agreement");
  if (!(montgomery ? usable_x25519_peer(peer) : on_curve(request.algorithm, peer)))
    return fail(Errc::invalid, "the peer's point is not on the curve");
  CARDEA_TRY(const auto key, unseal(request));

  const CK_ULONG size = card::field_size(request.algorithm);
  CK_ECDH1_DERIVE_PARAMS parameters{CKD_NULL, 0, nullptr, peer.size(), octets(peer)};
  CK_MECHANISM mechanism{CKM_ECDH1_DERIVE, &parameters, sizeof parameters};
  const CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY;
  const CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
  std::array attributes{
      attribute(CKA_CLASS, secret_key), attribute(CKA_KEY_TYPE, generic), attribute(CKA_TOKEN, kNo),
      attribute(CKA_PRIVATE, kYes),     attribute(CKA_SENSITIVE, kNo),    attribute(CKA_EXTRACTABLE, kYes),
      attribute(CKA_VALUE_LEN, size),
  };
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
  auto code = session_.module()->C_DeriveKey(session_.handle(), &mechanism, key.handle(), attributes.data(),
                                             attributes.size(), &handle);
  if (code != CKR_OK) return refuse("C_DeriveKey", code);
  const Ephemeral shared{session_, handle};

  Reply reply;
  reply.output = SecretBytes{size};
  CK_ATTRIBUTE value{CKA_VALUE, reply.output.expose().data(), size};
  code = session_.module()->C_GetAttributeValue(session_.handle(), handle, &value, 1);
  if (code != CKR_OK) return refuse("C_GetAttributeValue", code);
  if (value.ulValueLen != size) return fail(Errc::corrupt, "the HSM's shared secret has the wrong length");
  return reply;
}

// A master key makes cards' keys, in here. To whoever could have it encrypt blocks it would give them all.
Result<Worker::Reply> Worker::encrypt_block(const Request& request) {
  if (request.card == vault::kMasterCard) return fail(Errc::denied, "master keys only make keys of cards");
  return encipher(request);
}

Result<Worker::Reply> Worker::encipher(const Request& request) {
  CARDEA_TRY(const auto block, one_block(request));
  CARDEA_TRY(const auto key, unseal(request));
  Reply reply;
  CARDEA_TRY(reply.output, encrypt(key, request.algorithm, block));
  return reply;
}

Result<SecretBytes> Worker::encrypt(const Ephemeral& key, card::Algorithm algorithm, BytesView blocks) {
  auto mechanism = ecb(algorithm);
  auto code = session_.module()->C_EncryptInit(session_.handle(), &mechanism, key.handle());
  if (code != CKR_OK) return refuse("C_EncryptInit", code);
  SecretBytes out{blocks.size()};
  CK_ULONG size = blocks.size();
  code = session_.module()->C_Encrypt(session_.handle(), octets(blocks), blocks.size(), out.expose().data(),
                                      &size);
  if (code != CKR_OK) return refuse("C_Encrypt", code);
  if (size != blocks.size()) return fail(Errc::corrupt, "the HSM's result has the wrong length");
  return out;
}

Result<Worker::Reply> Worker::decrypt_block(const Request& request) {
  if (request.card == vault::kMasterCard) return fail(Errc::denied, "master keys only make keys of cards");
  CARDEA_TRY(const auto block, one_block(request));
  CARDEA_TRY(const auto key, unseal(request));
  auto mechanism = ecb(request.algorithm);
  auto code = session_.module()->C_DecryptInit(session_.handle(), &mechanism, key.handle());
  if (code != CKR_OK) return refuse("C_DecryptInit", code);
  Reply reply;
  reply.output = SecretBytes{block.size()};
  CK_ULONG size = block.size();
  code = session_.module()->C_Decrypt(session_.handle(), octets(block), block.size(),
                                      reply.output.expose().data(), &size);
  if (code != CKR_OK) return refuse("C_Decrypt", code);
  if (size != block.size()) return fail(Errc::corrupt, "the HSM's result has the wrong length");
  return reply;
}

}  // namespace cardea::signer
