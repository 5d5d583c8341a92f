#pragma once

#include <string>
#include <vector>

#include "cardea/cms/channel.h"
#include "cardea/hex.h"

namespace cardea::cms::testing {

/// A card that is a table: the next command must be the one in the script, and gets the answer beside it.
/// What does not fit is remembered in `trouble`, and answered with an error.
class ScriptedChannel final : public Channel {
 public:
  struct Turn {
    std::string command, answer;  ///< hexadecimal; an empty answer means that the card is gone
  };

  explicit ScriptedChannel(std::vector<Turn> turns) : turns_{std::move(turns)} {}

  Result<Bytes> transmit(BytesView command) override {
    if (next_ == turns_.size()) {
      trouble = "unexpected " + to_hex(command);
      return fail(Errc::invalid, trouble);
    }
    const auto& turn = turns_[next_++];
    if (from_hex(turn.command) != to_bytes(command)) {
      trouble = "got " + to_hex(command) + ", want " + turn.command;
      return fail(Errc::invalid, trouble);
    }
    if (turn.answer.empty()) return fail(Errc::unavailable, "the card was removed");
    return *from_hex(turn.answer);
  }
  Result<void> begin() override { return {}; }
  void end() noexcept override {}

  [[nodiscard]] bool finished() const { return trouble.empty() && next_ == turns_.size(); }

  std::string trouble;

 private:
  std::vector<Turn> turns_;
  std::size_t next_ = 0;
};

}  // namespace cardea::cms::testing
