#include "cardea/card/stored_key.h"

#include <utility>

#include "piv/key_record.h"

namespace cardea::card {

Result<KeyHandle> stored_key(BytesView record) {
  CARDEA_TRY(auto decoded, piv::decode_key_record(record));
  return std::move(decoded.handle);
}

Result<Bytes> with_sealed(BytesView record, Bytes sealed) {
  CARDEA_TRY(auto decoded, piv::decode_key_record(record));
  decoded.handle.sealed = std::move(sealed);
  return piv::encode(decoded);
}

}  // namespace cardea::card
