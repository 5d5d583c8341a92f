#include "software_key.h"

#include <sstream>

namespace cardea::cms::testing {

namespace {

const piv::Slot kSlot{0x9A, 0x5FC105};
std::ostringstream& ignored() {
  static std::ostringstream out;
  return out;
}

}  // namespace

SoftwareKey::SoftwareKey(piv::KeyAlgorithm algorithm)
    : card_{piv::make_dry_run_card(ignored())},
      public_key_{
          card_->generate(kSlot, algorithm, piv::PinPolicy::standard, piv::TouchPolicy::standard).value()} {}

SoftwareKey::~SoftwareKey() = default;

ca::CardSigner SoftwareKey::signer() const {
  return [this](BytesView block) { return card_->sign(kSlot, public_key_.algorithm, block); };
}

ca::Holder holder() {
  return {"CN=Ada Example,O=Example\\, Trust,C=GB", "ada@corp.example", "ada@example.org"};
}

ca::CertificateProfile profile() {
  ca::CertificateProfile out;
  out.key_usage = {"digitalSignature", "nonRepudiation"};
  out.extended_key_usage = {"clientAuth", "smartCardLogon"};
  out.valid_days = 30;
  out.upn = true;
  out.email = true;
  return out;
}

}  // namespace cardea::cms::testing
