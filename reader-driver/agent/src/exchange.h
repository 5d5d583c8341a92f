#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "cardea/resource/card_port.h"
#include "reader_port.h"

namespace cardea::agent {

/// Between a thread that asks something of a card (a program's, a reader's) and the card's own thread, which
/// answers.
class Exchange final : public resource::CardPort {
 public:
  explicit Exchange(Bytes atr) : atr_{std::move(atr)} {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() override { close(); }

  // -- who asks
  // ---------------------------------------------------------------------------------------------------

  [[nodiscard]] Bytes atr() const override { return atr_; }
  Result<void> power(resource::Power how) override;
  /// Waits 40 seconds at most; without an answer by then the exchange is closed.
  Result<Bytes> transmit(BytesView command) override;

  // -- who answers: as in Stay
  // -------------------------------------------------------------------------------------

  Result<Stay::Request> next();
  bool next_within(std::chrono::milliseconds limit);
  Result<void> respond(std::uint32_t number, BytesView response);

  /// The end, for both. Any thread.
  void close() noexcept;

 private:
  const Bytes atr_;
  std::mutex mutex_;
  std::condition_variable to_card_;
  std::condition_variable to_reader_;
  std::deque<Stay::Request> asked_;  // guarded by mutex_
  std::optional<Bytes> answer_;      // guarded by mutex_
  std::uint32_t number_ = 0;         // guarded by mutex_; of the last command
  bool closed_ = false;              // guarded by mutex_
};

}  // namespace cardea::agent
