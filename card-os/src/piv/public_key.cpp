#include "piv/public_key.h"

#include "cardea/apdu/tlv.h"

namespace cardea::card::piv {

Bytes public_key_objects(const PublicKey& key) {
  if (!is_rsa(key.algorithm)) return apdu::make_tlv(0x86, key.point);
  return concat({apdu::make_tlv(0x81, key.modulus), apdu::make_tlv(0x82, key.exponent)});
}

}  // namespace cardea::card::piv
