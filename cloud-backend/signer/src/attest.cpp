// Attestation: the tenant's key in the HSM vouches for keys that this vault has made.

#include <openssl/sha.h>

#include "cardea/signer/worker.h"
#include "certificate.h"

namespace cardea::signer {

namespace {

/// version 3 ‖ serial number 4 ‖ PIN policy 1 ‖ touch policy 1 ‖ form factor 1
constexpr std::size_t kFacts = 10;

card::AttestationFacts facts_of(BytesView octets) {
  card::AttestationFacts out;
  std::ranges::copy(octets.first(3), out.version.begin());
  out.serial = static_cast<std::uint32_t>(read_be(octets.subspan(3, 4)));
  out.pin_policy = octets[7];
  out.touch_policy = octets[8];
  out.form_factor = octets[9];
  return out;
}

}  // namespace

Result<Worker::Reply> Worker::attest(const Request& request) {
  if (request.fields.size() != 1 || request.fields.front().size() != kFacts)
    return fail(Errc::invalid, "an attestation has ten octets of facts");
  if (card::is_symmetric(request.algorithm)) return fail(Errc::invalid, "a symmetric key cannot be attested");
  CARDEA_TRY(const auto handle, authentic(request));
  if (handle.origin != vault::KeyMaking::generated) {
    return fail(Errc::invalid, "the key was imported, or made before handles said how: it is not attested");
  }
  CARDEA_TRY(const auto* key, signing_key(request.tenant, SigningPurpose::attestation));
  const auto parts =
      attestation_of(request.tenant, {request.slot.reference, request.slot.version, request.public_key,
                                      facts_of(request.fields.front().expose())});
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256(parts.data(), parts.size(), digest.data());
  CARDEA_TRY(const auto signature, sign_for_tenant(*key, digest));
  Reply reply;
  reply.output = SecretBytes{BytesView{signed_certificate(parts, signature)}};
  return reply;
}

Result<Worker::Reply> Worker::attestation_certificate(const Request& request) {
  Reply reply;
  CARDEA_TRY(const auto certificate, find_attestation_certificate(session_, request.tenant));
  reply.output = SecretBytes{BytesView{certificate}};
  return reply;
}

}  // namespace cardea::signer
