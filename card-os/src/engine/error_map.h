#pragma once

#include <utility>

#include "cardea/apdu/status_word.h"
#include "cardea/card/result.h"
#include "cardea/result.h"

namespace cardea::card {

/// The status word for a failure of a port.
apdu::StatusWord status_word(const Error& error);

/// `CARDEA_TRY(const auto value, lift(ports_.store.get(id)));`
template <class T>
CardResult<T> lift(Result<T> result) {
  if (!result) return refuse(status_word(result.error()));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return std::move(*result);
  }
}

}  // namespace cardea::card
