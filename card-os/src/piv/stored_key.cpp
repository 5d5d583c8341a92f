#include "cardea/card/stored_key.h"

#include <utility>

#include "cardea/card/factory_key.h"
#include "piv/key_record.h"
#include "piv/references.h"

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

Result<bool> factory_management_key(Store& store) {
  CARDEA_TRY(const auto record, store.get({RecordSpace::key, piv::kManagementKey}));
  if (!record) return false;
  CARDEA_TRY(const auto key, piv::decode_key_record(*record));
  return key.factory_value;
}

}  // namespace cardea::card
