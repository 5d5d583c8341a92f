#include <algorithm>
#include <array>

#include "cardea/signer/worker.h"
#include "checks.h"
#include "curves.h"
#include "diversify.h"

namespace cardea::signer {

namespace {

using card::Algorithm;
using vault::KeyMaking;

constexpr CK_OBJECT_CLASS kPrivateKey = CKO_PRIVATE_KEY;
constexpr CK_OBJECT_CLASS kSecretKey = CKO_SECRET_KEY;
constexpr CK_KEY_TYPE kRsa = CKK_RSA;
constexpr CK_KEY_TYPE kEc = CKK_EC;
constexpr CK_KEY_TYPE kAes = CKK_AES;
constexpr CK_KEY_TYPE kTripleDes = CKK_DES3;
constexpr std::uint8_t kF4[] = {0x01, 0x00, 0x01};

constexpr CK_KEY_TYPE kEdwards = CKK_EC_EDWARDS;

CK_KEY_TYPE curve_type(Algorithm algorithm) {
  if (algorithm == Algorithm::ed25519) return kEdwards;
  return algorithm == Algorithm::x25519 ? kEcMontgomery : kEc;
}

CK_MECHANISM_TYPE pair_generation(Algorithm algorithm) {
  if (card::is_rsa(algorithm)) return CKM_RSA_PKCS_KEY_PAIR_GEN;
  if (algorithm == Algorithm::ed25519) return CKM_EC_EDWARDS_KEY_PAIR_GEN;
  return algorithm == Algorithm::x25519 ? kEcMontgomeryKeyPairGen : CKM_EC_KEY_PAIR_GEN;
}

BytesView without_leading_zeroes(BytesView value) {
  while (!value.empty() && value.front() == 0)
    value = value.subspan(1);
  return value;
}

// What every user key in the HSM is: there for the time of one wrapping, under a trusted key only.
std::vector<CK_ATTRIBUTE> with_wrap_rules(std::vector<CK_ATTRIBUTE> attributes) {
  for (const auto& rule :
       {attribute(CKA_TOKEN, kNo), attribute(CKA_PRIVATE, kYes), attribute(CKA_SENSITIVE, kYes),
        attribute(CKA_EXTRACTABLE, kYes), attribute(CKA_WRAP_WITH_TRUSTED, kYes)}) {
    attributes.push_back(rule);
  }
  return attributes;
}

Result<std::array<BytesView, 5>> five_parts(const vault::wire::Request& request) {
  if (request.fields.size() != 5) return fail(Errc::invalid, "an RSA key has five components");
  std::array<BytesView, 5> out;
  std::ranges::transform(request.fields, out.begin(),
                         [](const SecretBytes& field) { return field.expose(); });
  return out;
}

Result<std::size_t> des_parts(const vault::wire::Request& request) {
  const auto refused = fail(Errc::invalid, "a triple DES key has two or three parts");
  if (request.fields.size() != 1 || request.fields.front().size() != 1) return refused;
  const std::size_t parts = request.fields.front().expose().front();
  if (parts != 2 && parts != 3) return refused;
  return parts;
}

}  // namespace

Result<void> Worker::try_out(Request trial) {
  const auto algorithm = trial.algorithm;
  if (algorithm == Algorithm::x25519) {
    // RFC 7748, 6.1: the public key is what the private key makes of 9.
    Bytes nine(card::point_size(algorithm));
    nine.front() = 9;
    trial.op = vault::wire::Op::ecdh;
    trial.fields.emplace_back(BytesView{nine});
    CARDEA_TRY(const auto reply, ecdh(trial));
    if (!equal(reply.output.expose(), trial.public_key.point))
      return fail(Errc::corrupt, "the new X25519 key does not match its public key");
    return {};
  }
  SecretBytes input{card::is_ec(algorithm) ? card::digest_size(algorithm) : card::field_size(algorithm)};
  trial.op = vault::wire::Op::ecdsa_sign;
  input.expose().back() = 0x02;
  trial.fields.push_back(std::move(input));
  if (card::is_rsa(algorithm)) {
    CARDEA_CHECK(rsa_private(trial));
  } else if (algorithm == Algorithm::ed25519) {
    CARDEA_CHECK(eddsa_sign(trial));
  } else {
    CARDEA_CHECK(ecdsa_sign(trial));
  }
  return {};
}

Result<Worker::Reply> Worker::issue(const Request& request, card::PublicKey public_key, const Ephemeral& key,
                                    vault::KeyMaking origin) {
  Reply reply;
  CARDEA_TRY(reply.sealed, seal(request, public_key, key, origin));

  Request trial;
  trial.tenant = request.tenant;
  trial.card = request.card;
  trial.slot = request.slot;
  trial.algorithm = request.algorithm;
  trial.public_key = public_key;
  trial.sealed = reply.sealed;
  CARDEA_CHECK(try_out(std::move(trial)));

  reply.public_key = std::move(public_key);
  return reply;
}

Result<Worker::Reply> Worker::generate(const Request& request) {
  if (card::is_symmetric(request.algorithm)) return fail(Errc::unsupported, "symmetric keys are imported");
  CARDEA_CHECK(tenant_keys(request.tenant, request.kek_version));
  const auto rsa = card::is_rsa(request.algorithm);
  const CK_ULONG bits = 8 * card::field_size(request.algorithm);
  const BytesView exponent{kF4};
  std::vector<CK_ATTRIBUTE> public_part{attribute(CKA_TOKEN, kNo), attribute(CKA_PRIVATE, kNo),
                                        attribute(CKA_VERIFY, kYes)};
  if (rsa) {
    public_part.push_back(attribute(CKA_MODULUS_BITS, bits));
    public_part.push_back(attribute(CKA_PUBLIC_EXPONENT, exponent));
  } else {
    public_part.push_back(attribute(CKA_EC_PARAMS, curve_name(request.algorithm)));
  }
  const bool agrees = card::is_ec(request.algorithm) || request.algorithm == Algorithm::x25519;
  auto private_part = with_wrap_rules({});
  private_part.push_back(attribute(CKA_SIGN, request.algorithm == Algorithm::x25519 ? kNo : kYes));
  if (agrees) private_part.push_back(attribute(CKA_DERIVE, kYes));

  CK_MECHANISM mechanism{pair_generation(request.algorithm), nullptr, 0};
  CK_OBJECT_HANDLE public_handle = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE private_handle = CK_INVALID_HANDLE;
  const auto code = session_.module()->C_GenerateKeyPair(
      session_.handle(), &mechanism, public_part.data(), public_part.size(), private_part.data(),
      private_part.size(), &public_handle, &private_handle);
  if (code != CKR_OK) return refuse("C_GenerateKeyPair", code);
  const Ephemeral public_object{session_, public_handle};
  const Ephemeral private_object{session_, private_handle};

  card::PublicKey key;
  key.algorithm = request.algorithm;
  if (rsa) {
    CARDEA_TRY(const auto modulus, session_.get(public_handle, CKA_MODULUS));
    CARDEA_TRY(const auto e, session_.get(public_handle, CKA_PUBLIC_EXPONENT));
    key.modulus = to_bytes(without_leading_zeroes(modulus));
    key.exponent = to_bytes(without_leading_zeroes(e));
  } else {
    CARDEA_TRY(const auto point, session_.get(public_handle, CKA_EC_POINT));
    CARDEA_TRY(key.point, bare_point(request.algorithm, point));
  }
  return issue(request, std::move(key), private_object, KeyMaking::generated);
}

Result<Worker::Reply> Worker::import_rsa(const Request& request) {
  if (!card::is_rsa(request.algorithm)) return fail(Errc::invalid, "the algorithm is not RSA");
  CARDEA_TRY(const auto part, five_parts(request));
  const auto whole = complete_rsa(request.algorithm, part[0], part[1], part[2], part[3], part[4]);
  if (!whole) return fail(Errc::invalid, "the components of the RSA key do not fit together");
  CARDEA_TRY(const auto key, create(with_wrap_rules({
                                 attribute(CKA_CLASS, kPrivateKey),
                                 attribute(CKA_KEY_TYPE, kRsa),
                                 attribute(CKA_SIGN, kYes),
                                 attribute(CKA_MODULUS, BytesView{whole->modulus}),
                                 attribute(CKA_PUBLIC_EXPONENT, BytesView{whole->exponent}),
                                 attribute(CKA_PRIVATE_EXPONENT, whole->private_exponent.expose()),
                                 attribute(CKA_PRIME_1, part[0]),
                                 attribute(CKA_PRIME_2, part[1]),
                                 attribute(CKA_EXPONENT_1, part[2]),
                                 attribute(CKA_EXPONENT_2, part[3]),
                                 attribute(CKA_COEFFICIENT, part[4]),
                             })));
  card::PublicKey public_key;
  public_key.algorithm = request.algorithm;
  public_key.modulus = whole->modulus;
  public_key.exponent = whole->exponent;
  return issue(request, std::move(public_key), key, KeyMaking::imported);
}

Result<Worker::Reply> Worker::import_ec(const Request& request) {
  const bool curve = card::is_ec(request.algorithm) || card::is_25519(request.algorithm);
  if (!curve || request.fields.size() != 1) {
    return fail(Errc::invalid, "the algorithm is not an elliptic curve");
  }
  const auto scalar = request.fields.front().expose();
  const auto point = point_of(request.algorithm, scalar);
  if (!point) return fail(Errc::invalid, "the private key is none of the curve");
  const auto type = curve_type(request.algorithm);
  const auto name = curve_name(request.algorithm);
  CARDEA_TRY(const auto key, create(with_wrap_rules({
                                 attribute(CKA_CLASS, kPrivateKey),
                                 attribute(CKA_KEY_TYPE, type),
                                 attribute(CKA_SIGN, type == kEcMontgomery ? kNo : kYes),
                                 attribute(CKA_DERIVE, type == kEdwards ? kNo : kYes),
                                 attribute(CKA_EC_PARAMS, name),
                                 attribute(CKA_VALUE, scalar),
                             })));
  card::PublicKey public_key;
  public_key.algorithm = request.algorithm;
  public_key.point = *point;
  return issue(request, std::move(public_key), key, KeyMaking::imported);
}

Result<Worker::Reply> Worker::import_symmetric(const Request& request) {
  if (!card::is_symmetric(request.algorithm) || request.fields.size() != 1) {
    return fail(Errc::invalid, "the algorithm is not symmetric");
  }
  const auto value = request.fields.front().expose();
  if (value.size() != card::key_size(request.algorithm)) {
    return fail(Errc::invalid, "the key does not have the size of its algorithm");
  }
  CARDEA_TRY(const auto key, create_symmetric(request.algorithm, value));
  return sealed_symmetric(request, key, KeyMaking::imported);
}

Result<Ephemeral> Worker::create_symmetric(Algorithm algorithm, BytesView value) {
  return create(with_wrap_rules({
      attribute(CKA_CLASS, kSecretKey),
      attribute(CKA_KEY_TYPE, algorithm == Algorithm::tdes ? kTripleDes : kAes),
      attribute(CKA_ENCRYPT, kYes),
      attribute(CKA_VALUE, value),
  }));
}

Result<Worker::Reply> Worker::sealed_symmetric(const Request& request, const Ephemeral& key,
                                               KeyMaking origin) {
  Reply reply;
  reply.public_key.algorithm = request.algorithm;
  CARDEA_TRY(reply.sealed, seal(request, reply.public_key, key, origin));
  return reply;
}

// Triple DES of two parts is no key type that the three-part ones could be unwrapped as: its octets come from
// the HSM's generator and are put together here.
Result<Worker::Reply> Worker::make_symmetric(const Request& request) {
  if (!card::is_symmetric(request.algorithm)) return fail(Errc::invalid, "the algorithm is not symmetric");
  const CK_ULONG size = card::key_size(request.algorithm);
  if (request.algorithm == Algorithm::tdes) {
    CARDEA_TRY(const auto parts, des_parts(request));
    SecretBytes value{size};
    const auto octets = value.expose();
    const auto code = session_.module()->C_GenerateRandom(session_.handle(), octets.data(), parts * 8);
    if (code != CKR_OK) return refuse("C_GenerateRandom", code);
    if (parts == 2) std::ranges::copy(octets.first(8), octets.last(8).begin());
    set_odd_parity(octets);
    CARDEA_TRY(const auto key, create_symmetric(request.algorithm, octets));
    return sealed_symmetric(request, key, KeyMaking::generated);
  }
  auto attributes = with_wrap_rules({attribute(CKA_CLASS, kSecretKey), attribute(CKA_KEY_TYPE, kAes),
                                     attribute(CKA_ENCRYPT, kYes), attribute(CKA_VALUE_LEN, size)});
  CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
  const auto code = session_.module()->C_GenerateKey(session_.handle(), &mechanism, attributes.data(),
                                                     attributes.size(), &handle);
  if (code != CKR_OK) return refuse("C_GenerateKey", code);
  return sealed_symmetric(request, Ephemeral{session_, handle}, KeyMaking::generated);
}

}  // namespace cardea::signer
