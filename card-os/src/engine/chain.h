#pragma once

#include <cstddef>
#include <optional>

#include "engine/applet.h"

namespace cardea::card {

/// Collects the parts of a chained command (ISO/IEC 7816-4, 5.3.3).
class Chain {
 public:
  /// Octets of data in one chain.
  static constexpr std::size_t kMaxSize = std::size_t{16} * 1024;

  Chain() = default;
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;
  ~Chain() { clear(); }

  /// A part that is not the last. One with another header begins a new chain. 6A84 when the chain gets too
  /// long; it is dropped then.
  CardResult<void> add(const Command& part);

  /// A command without the chaining bit: if it ends the chain, it gets the data of all parts; otherwise the
  /// chain was abandoned and the command stands for itself.
  CardResult<void> finish(Command& last);

  [[nodiscard]] bool empty() const { return !header_; }
  void clear() noexcept;
  void append_state(Bytes& out) const;

 private:
  struct Header {
    std::uint8_t cla, ins, p1, p2;
    friend bool operator==(const Header&, const Header&) = default;
  };
  static Header header_of(const Command& command);

  std::optional<Header> header_;
  Bytes data_;
};

}  // namespace cardea::card
