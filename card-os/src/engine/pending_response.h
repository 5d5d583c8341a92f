#pragma once

#include <cstddef>

#include "cardea/apdu/response.h"
#include "cardea/bytes.h"

namespace cardea::card {

/// The part of a response that did not fit into Le, kept for GET RESPONSE (ISO/IEC 7816-4, 5.3.4).
class PendingResponse {
 public:
  PendingResponse() = default;
  PendingResponse(const PendingResponse&) = delete;
  PendingResponse& operator=(const PendingResponse&) = delete;
  ~PendingResponse() { clear(); }

  /// The response APDU with at most `limit` octets of `data`; the rest is kept, and `word` comes with the
  /// last piece. Takes `data` over.
  Bytes begin(Bytes data, std::size_t limit, apdu::StatusWord word = apdu::sw::kOk);

  /// The next piece.
  Bytes next(std::size_t limit);

  [[nodiscard]] bool empty() const { return at_ == data_.size(); }
  void clear() noexcept;
  void append_state(Bytes& out) const;

 private:
  Bytes data_;
  std::size_t at_ = 0;
  apdu::StatusWord word_ = apdu::sw::kOk;
};

}  // namespace cardea::card
