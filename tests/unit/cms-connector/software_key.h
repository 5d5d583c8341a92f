#pragma once

#include <memory>

#include "cardea/bytes.h"
#include "cardea/cms/ca/request.h"

namespace cardea::cms::testing {

/// A key pair in memory that signs as a card does: the bare power for RSA, ECDSA over the hash as given.
class SoftwareKey {
 public:
  explicit SoftwareKey(piv::KeyAlgorithm algorithm);
  ~SoftwareKey();
  SoftwareKey(const SoftwareKey&) = delete;
  SoftwareKey& operator=(const SoftwareKey&) = delete;
  SoftwareKey(SoftwareKey&&) = delete;
  SoftwareKey& operator=(SoftwareKey&&) = delete;

  [[nodiscard]] const piv::PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] ca::CardSigner signer() const;

 private:
  std::unique_ptr<piv::Card> card_;
  piv::PublicKey public_key_;
};

/// The request and certificate of the tests.
ca::Holder holder();
ca::CertificateProfile profile();

}  // namespace cardea::cms::testing
