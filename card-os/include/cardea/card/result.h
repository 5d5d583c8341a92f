#pragma once

#include <tl/expected.hpp>

#include "cardea/apdu/status_word.h"
#include "cardea/result.h"

namespace cardea::card {

/// What a step inside the card yields: a value, or the status word that ends the command.
template <class T>
using CardResult = tl::expected<T, apdu::StatusWord>;

/// `return refuse(sw::kNotFound);`
inline tl::unexpected<apdu::StatusWord> refuse(apdu::StatusWord word) {
  return tl::unexpected<apdu::StatusWord>{word};
}

}  // namespace cardea::card
