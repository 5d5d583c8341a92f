#include <algorithm>

#include "cardea/apdu/tlv.h"
#include "engine/error_map.h"
#include "piv/piv.h"
#include "piv/references.h"

namespace cardea::card::piv {

namespace {

using Objects = std::vector<apdu::Tlv>;

/// A component of an RSA key in exactly `size` octets: more zeroes in front than that are dropped, as DER's
/// sign octet would be; a shorter one is of another key.
CardResult<SecretBytes> read_number(const Objects& objects, std::uint32_t tag, std::size_t size) {
  auto number = apdu::find(objects, tag).value_or(BytesView{});
  if (number.size() < size) return refuse(sw::kWrongData);
  while (number.size() > size && number.front() == 0)
    number = number.subspan(1);
  if (number.size() > size) return refuse(sw::kWrongData);
  SecretBytes out{size};
  std::ranges::copy(number, out.expose().begin());
  return out;
}

/// Where a private key that is one string of octets stands.
std::uint32_t scalar_tag(Algorithm algorithm) {
  if (algorithm == Algorithm::ed25519) return 0x07;
  return algorithm == Algorithm::x25519 ? 0x08 : 0x06;
}

/// A scalar has the size of the field, no more and no less: one of another length was made for another curve.
CardResult<SecretBytes> read_scalar(const Objects& objects, Algorithm algorithm) {
  const auto size = field_size(algorithm);
  const auto scalar = apdu::find(objects, scalar_tag(algorithm)).value_or(BytesView{});
  if (scalar.size() != size) return refuse(sw::kWrongData);
  SecretBytes out{size};
  std::ranges::copy(scalar, out.expose().begin());
  return out;
}

CardResult<RsaPrivateParts> read_rsa(const Objects& objects, std::size_t half) {
  RsaPrivateParts out;
  CARDEA_TRY(out.p, read_number(objects, 0x01, half));
  CARDEA_TRY(out.q, read_number(objects, 0x02, half));
  CARDEA_TRY(out.dp, read_number(objects, 0x03, half));
  CARDEA_TRY(out.dq, read_number(objects, 0x04, half));
  CARDEA_TRY(out.qinv, read_number(objects, 0x05, half));
  return out;
}

/// The policies, and the components of one kind of key or the other.
bool only_expected(const Objects& objects, Algorithm algorithm) {
  return std::ranges::all_of(objects, [algorithm](const apdu::Tlv& object) {
    const bool component =
        is_rsa(algorithm) ? object.tag >= 0x01 && object.tag <= 0x05 : object.tag == scalar_tag(algorithm);
    return component || object.tag == 0xAA || object.tag == 0xAB;
  });
}

}  // namespace

// FE IMPORT KEY: P1 algorithm, P2 slot; components as numbers, then policies. Components that do not belong
// together are the vault's to find: 6A80.
CardResult<Reply> Piv::import_key(const Command& command) {
  const auto algorithm = algorithm_of(command.p1);
  if (!algorithm || is_symmetric(*algorithm) || !ports_.keys.supports(*algorithm))
    return refuse(sw::kWrongData);
  const auto objects = apdu::read_tlvs(command.data);
  if (!objects || !only_expected(*objects, *algorithm)) return refuse(sw::kWrongData);
  CARDEA_TRY(const auto policies, read_policies(*objects, command.p2));

  CARDEA_TRY(const auto old, load_key(command.p2));
  CARDEA_TRY(const auto slot, next_slot(command.p2, old, policies.pin));
  Result<KeyHandle> handle = fail(Errc::unsupported, "not an asymmetric algorithm");
  if (is_rsa(*algorithm)) {
    CARDEA_TRY(const auto parts, read_rsa(*objects, field_size(*algorithm) / 2));
    handle = ports_.keys.import_rsa(slot, *algorithm, parts);
  } else {
    CARDEA_TRY(const auto scalar, read_scalar(*objects, *algorithm));
    handle = ports_.keys.import_ec(slot, *algorithm, scalar);
  }
  CARDEA_TRY(auto imported, lift(std::move(handle)));
  const KeyRecord fresh{std::move(imported), KeyOrigin::imported, policies.pin, policies.touch, false};
  CARDEA_CHECK(replace_key(fresh, old));
  return Reply{};
}

}  // namespace cardea::card::piv
