#include "cardea/apdu/aid.h"

namespace cardea::apdu {

std::optional<Aid> Aid::from(BytesView octets) {
  if (octets.size() < kMinSize || octets.size() > kMaxSize) return std::nullopt;
  return Aid{octets};
}

bool Aid::selected_by(BytesView data) const {
  if (data.size() < kMinSize || data.size() > octets_.size()) return false;
  return equal(data, BytesView{octets_}.first(data.size()));
}

}  // namespace cardea::apdu
