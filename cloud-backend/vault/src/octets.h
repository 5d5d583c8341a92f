#pragma once

#include <cstddef>
#include <string>

#include "cardea/bytes.h"

namespace cardea::vault {

/// Reads length-prefixed fields; the first one that does not fit makes the whole reading fail.
class Reader {
 public:
  explicit Reader(BytesView octets) : rest_{octets} {}

  BytesView take(std::size_t n) {
    if (n > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    const auto out = rest_.first(n);
    rest_ = rest_.subspan(n);
    return out;
  }
  std::uint64_t number(std::size_t size) { return read_be(take(size)); }
  BytesView field8() { return take(static_cast<std::size_t>(number(1))); }
  BytesView field16() { return take(static_cast<std::size_t>(number(2))); }
  std::string text8() {
    const auto octets = field8();
    return {octets.begin(), octets.end()};
  }

  [[nodiscard]] BytesView rest() const { return rest_; }
  [[nodiscard]] bool good() const { return good_; }
  /// Everything was there and nothing is left over.
  [[nodiscard]] bool finished() const { return good_ && rest_.empty(); }

 private:
  BytesView rest_;
  bool good_ = true;
};

/// Writes what Reader reads. A field too long for its length prefix makes `good` false.
class Writer {
 public:
  explicit Writer(Bytes& out) : out_{out} {}

  void number(std::uint64_t value, std::size_t size) {
    for (auto i = size; i-- > 0;)
      out_.push_back(static_cast<std::uint8_t>(value >> (8U * i)));
  }
  void raw(BytesView octets) { append(out_, octets); }
  void field8(BytesView octets) { field(octets, 1, 0xFF); }
  void field16(BytesView octets) { field(octets, 2, 0xFFFF); }

  [[nodiscard]] bool good() const { return good_; }

 private:
  void field(BytesView octets, std::size_t prefix, std::size_t limit) {
    if (octets.size() > limit) good_ = false;
    number(octets.size(), prefix);
    raw(octets);
  }

  Bytes& out_;
  bool good_ = true;
};

/// The stored numbers of card::Algorithm, as far as this build knows them.
inline bool known_algorithm(std::uint64_t number) {
  return (number >= 1 && number <= 4) || (number >= 16 && number <= 18) || (number >= 32 && number <= 34) ||
         number == 48 || number == 49;
}

}  // namespace cardea::vault
