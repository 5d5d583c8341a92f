#pragma once

// How doctest prints values of this project.

#include <doctest/doctest.h>

#include "cardea/apdu/response.h"
#include "cardea/hex.h"
#include "cardea/result.h"

namespace doctest {

template <>
struct StringMaker<cardea::apdu::StatusWord> {
  static String convert(cardea::apdu::StatusWord word) { return cardea::apdu::describe(word).c_str(); }
};

template <>
struct StringMaker<cardea::Bytes> {
  static String convert(const cardea::Bytes& bytes) { return cardea::to_hex(bytes).c_str(); }
};

template <>
struct StringMaker<cardea::apdu::Response> {
  static String convert(const cardea::apdu::Response& r) {
    return (cardea::to_hex(r.data) + " " + cardea::apdu::describe(r.sw)).c_str();
  }
};

template <>
struct StringMaker<cardea::Errc> {
  static String convert(cardea::Errc code) {
    constexpr const char* kNames[] = {"unavailable", "not_found", "conflict", "corrupt",
                                      "denied",      "exhausted", "invalid",  "unsupported"};
    return kNames[static_cast<unsigned>(code)];
  }
};

}  // namespace doctest
