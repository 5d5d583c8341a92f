#include "engine/pending_response.h"

#include "cardea/secret.h"

namespace cardea::card {

namespace sw = apdu::sw;

Bytes PendingResponse::begin(Bytes data, std::size_t limit, apdu::StatusWord word) {
  clear();
  if (data.size() <= limit) {
    append_be16(data, word.value());
    return data;
  }
  data_ = std::move(data);
  word_ = word;
  return next(limit);
}

Bytes PendingResponse::next(std::size_t limit) {
  const auto rest = BytesView{data_}.subspan(at_);
  const auto piece = rest.first(std::min(limit, rest.size()));
  Bytes out;
  out.reserve(piece.size() + 2);
  append(out, piece);
  at_ += piece.size();
  append_be16(out, (empty() ? word_ : sw::more_data(data_.size() - at_)).value());
  if (empty()) clear();
  return out;
}

void PendingResponse::clear() noexcept {
  wipe(data_);
  data_.clear();
  at_ = 0;
}

void PendingResponse::append_state(Bytes& out) const {
  append_be32(out, static_cast<std::uint32_t>(data_.size() - at_));
  append(out, BytesView{data_}.subspan(at_));
  if (!empty() && word_ != sw::kOk) append_be16(out, word_.value());
}

}  // namespace cardea::card
