#pragma once

#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include <memory>
#include <string>

#include "cardea/audit/note.h"

namespace cardea::audit::test {

/// A log's key that an HSM would hold.
class Signer {
 public:
  explicit Signer(std::string name) : name_{std::move(name)}, pair_{EVP_EC_gen("P-256"), EVP_PKEY_free} {}

  [[nodiscard]] NoteKey key() const {
    unsigned char* octets = nullptr;
    const auto size = EVP_PKEY_get1_encoded_public_key(pair_.get(), &octets);
    NoteKey key{name_, Bytes(octets, octets + size)};
    OPENSSL_free(octets);
    return key;
  }

  /// r | s.
  Bytes sign(const std::string& text) {
    Bytes der(80);
    auto size = der.size();
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, pair_.get());
    const auto message = as_bytes(text);
    EVP_DigestSign(context.get(), der.data(), &size, message.data(), message.size());
    const auto* at = der.data();
    auto* signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size));
    Bytes raw(64);
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw.data(), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw.data() + 32, 32);
    ECDSA_SIG_free(signature);
    return raw;
  }

  std::string note(const std::string& text) { return sign_note(text, key(), sign(text)).value(); }

 private:
  std::string name_;
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> pair_;
};

}  // namespace cardea::audit::test
