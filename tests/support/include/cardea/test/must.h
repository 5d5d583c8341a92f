#pragma once

#include <doctest/doctest.h>

#include <utility>

#include "cardea/result.h"

namespace cardea::test {

/// What has to go well for a test to make sense: its value, or the test's end with the sentence.
template <class T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().what);
  return *std::move(result);
}
inline void must(const Result<void>& result) {
  if (!result) FAIL(result.error().what);
}

}  // namespace cardea::test

/// The call fails with this code and this sentence.
#define CHECK_FAILS(call, errc, sentence)      \
  do {                                         \
    const auto outcome = (call);               \
    REQUIRE_FALSE(outcome.has_value());        \
    CHECK(outcome.error().code == (errc));     \
    CHECK(outcome.error().what == (sentence)); \
  } while (false)
