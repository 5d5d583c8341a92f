#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "cardea/test/test_card.h"
#include "op.h"

namespace cardea::model {

/// Does operations to a card, two sessions of it, and remembers what pure commands answered.
class Driver {
 public:
  Driver();

  /// The answer in hexadecimal, status word included; empty for what is no command.
  std::string apply(const Op& op);

  /// One APDU to the present session, checked against the memory of pure commands:
  /// the same state digest, generation and command give the same answer and the same next state digest, in
  /// whichever session. Throws std::logic_error otherwise.
  std::string send(const std::string& hex);

  test::TestCard& card() { return *sessions_.at(current_); }
  void finish();

  /// How often an answer could be compared with an earlier one.
  [[nodiscard]] std::size_t repetitions() const { return repetitions_; }

 private:
  struct Known {
    Bytes response;
    card::Digest next;
  };
  using Situation = std::pair<std::pair<card::Digest, std::uint64_t>, std::string>;

  std::array<std::unique_ptr<test::TestCard>, 2> sessions_;
  std::size_t current_ = 0;
  std::map<Situation, Known> memory_;
  std::size_t repetitions_ = 0;
};

}  // namespace cardea::model
