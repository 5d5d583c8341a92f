#pragma once

#include <string>

#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::pcsc_link {

/// Takes fields off the front of a message. What is not there reads as zeroes, and `finish` tells.
class Reading {
 public:
  explicit Reading(BytesView message) : rest_{message} {}

  std::uint8_t octet() { return static_cast<std::uint8_t>(read(1)); }
  std::uint16_t short_number() { return static_cast<std::uint16_t>(read(2)); }
  std::uint32_t number() { return static_cast<std::uint32_t>(read(4)); }
  std::uint64_t long_number() { return read(8); }

  /// 00 or 01.
  bool flag() {
    const auto value = octet();
    if (value > 1) refuse();
    return value == 1;
  }

  Bytes octets(std::size_t count) { return to_bytes(take(count)); }
  std::string text(std::size_t count) {
    const auto view = take(count);
    return {view.begin(), view.end()};
  }

  [[nodiscard]] std::size_t left() const { return rest_.size(); }

  void refuse() { good_ = false; }

  /// Errors: `invalid` unless all fields were there and nothing is left.
  [[nodiscard]] Result<void> finish(const char* what) const {
    if (good_ && rest_.empty()) return {};
    return fail(Errc::invalid, std::string{"a malformed "} + what);
  }

 private:
  BytesView take(std::size_t count) {
    if (count > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    const auto out = rest_.first(count);
    rest_ = rest_.subspan(count);
    return out;
  }

  std::uint64_t read(std::size_t size) { return read_be(take(size)); }

  BytesView rest_;
  bool good_ = true;
};

}  // namespace cardea::pcsc_link
