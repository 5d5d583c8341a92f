#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include "cardea/cms/perso/issue.h"

namespace cardea::cms::cli {

using perso::Exit;
using perso::Failure;
using perso::Outcome;

inline tl::unexpected<Failure> usage(std::string what) {
  return tl::unexpected{Failure{Exit::usage, std::move(what)}};
}

/// What goes wrong before a card is looked for is the command line's fault.
template <class T>
Outcome<T> or_usage(Result<T> result) {
  if (!result) return usage(result.error().what);
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return *std::move(result);
  }
}

}  // namespace cardea::cms::cli
