#include "cardea/vault/sealed_key.h"

#include <algorithm>

#include "octets.h"

namespace cardea::vault {

Result<Bytes> SealedKey::authenticated_part() const {
  Bytes out;
  out.reserve(128 + tenant.size() + card.size() + wrapped.size() + kTagSize);
  Writer write{out};
  write.number(origin == KeyMaking::unknown ? kFormat : kWithOrigin, 1);
  write.number(mode, 1);
  write.number(kek_version, 4);
  write.field8(kek_id);
  write.field8(as_bytes(tenant));
  write.field8(as_bytes(card));
  write.number(slot.reference, 1);
  write.number(slot.version, 8);
  write.number(static_cast<std::uint8_t>(algorithm), 1);
  if (origin != KeyMaking::unknown) write.number(static_cast<std::uint8_t>(origin), 1);
  write.raw(public_digest);
  write.field16(wrapped);
  if (!write.good()) return fail(Errc::invalid, "a tenant or card name is longer than 255 octets");
  return out;
}

Result<SealedKey> SealedKey::parse(BytesView octets) {
  Reader read{octets};
  const auto format = read.number(1);
  if (format != kFormat && format != kWithOrigin)
    return fail(Errc::corrupt, "the wrapped key has an unknown format");
  SealedKey out;
  out.mode = static_cast<std::uint8_t>(read.number(1));
  if (out.mode < kModeWrapped || out.mode > kModeSoftware) {
    return fail(Errc::corrupt, "the wrapped key has an unknown mode");
  }
  out.kek_version = static_cast<std::uint32_t>(read.number(4));
  out.kek_id = to_bytes(read.field8());
  out.tenant = read.text8();
  out.card = read.text8();
  out.slot.reference = static_cast<std::uint8_t>(read.number(1));
  out.slot.version = read.number(8);
  const auto algorithm = read.number(1);
  if (format == kWithOrigin) {
    const auto origin = read.number(1);
    if (origin < 1 || origin > 2) return fail(Errc::corrupt, "the wrapped key is damaged");
    out.origin = static_cast<KeyMaking>(origin);
  }
  std::ranges::copy(read.take(out.public_digest.size()), out.public_digest.begin());
  out.wrapped = to_bytes(read.field16());
  std::ranges::copy(read.take(kTagSize), out.tag.begin());
  if (!read.finished() || !known_algorithm(algorithm))
    return fail(Errc::corrupt, "the wrapped key is damaged");
  out.algorithm = static_cast<card::Algorithm>(algorithm);
  return out;
}

Bytes public_key_encoding(card::Algorithm algorithm, const card::PublicKey& key) {
  Bytes out;
  out.reserve(7 + key.modulus.size() + key.exponent.size() + key.point.size());
  Writer write{out};
  write.number(static_cast<std::uint8_t>(algorithm), 1);
  write.field16(key.modulus);
  write.field16(key.exponent);
  write.field16(key.point);
  return out;
}

}  // namespace cardea::vault
