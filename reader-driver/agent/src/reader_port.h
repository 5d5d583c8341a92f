#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::agent {

/// A card's stay in a reader: what the reader asks of it, one after the other.
class Stay {
 public:
  enum class Ask : std::uint8_t { power_on, reset, power_off, transmit };
  struct Request {
    Ask what = Ask::power_on;
    Bytes command;  ///< of `transmit`; may hold a PIN
    std::uint32_t number = 0;
  };

  Stay() = default;
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;
  /// Takes the card out.
  virtual ~Stay() = default;

  /// Waits for the next request. Errors: `unavailable` when the stay is over.
  virtual Result<Request> next() = 0;

  /// Whether `next` would have something to say within this time, be it that the stay is over.
  [[nodiscard]] virtual bool next_within(std::chrono::milliseconds limit) = 0;

  /// The response to a `transmit`. Errors: `unavailable`.
  virtual Result<void> respond(const Request& request, BytesView response) = 0;

  /// Takes the card out at once: who waits in `next`, and an application whose command is under way, hear of
  /// it. Any thread.
  virtual void end() noexcept = 0;
};

/// A reader, or several, that cards can be put into.
class ReaderPort {
 public:
  ReaderPort() = default;
  ReaderPort(const ReaderPort&) = delete;
  ReaderPort& operator=(const ReaderPort&) = delete;
  virtual ~ReaderPort() = default;

  /// How `status` calls it: "pcscd", "connector", "vpcd".
  [[nodiscard]] virtual std::string_view kind() const = 0;

  /// Errors: `unavailable` with a sentence when the reader is not there, or has no room.
  virtual Result<std::shared_ptr<Stay>> insert(const Bytes& atr, const std::string& label) = 0;
};

/// The reader of pcscd: our driver, which listens on a socket.
std::shared_ptr<ReaderPort> make_driver_port(std::string ifd_socket);

}  // namespace cardea::agent
