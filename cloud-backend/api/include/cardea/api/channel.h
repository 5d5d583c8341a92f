#pragma once

#include <array>
#include <cstdint>
#include <variant>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::api {

/// The media type of both bodies of `POST /v1/card-sessions/{id}/exchange`.
inline constexpr const char* kExchangeMediaType = "application/vnd.cardea.exchange";

/// At most this many steps ride in one exchange, and this many octets in a body.
inline constexpr std::size_t kMaxSteps = 64;
inline constexpr std::size_t kMaxExchangeSize = 1U << 20U;

/// Reset of the card (power cycle or warm reset: the card does not know the difference).
struct ResetStep {
  friend bool operator==(const ResetStep&, const ResetStep&) = default;
};
/// One command APDU, as the application sent it.
struct CommandStep {
  Bytes apdu;
  friend bool operator==(const CommandStep&, const CommandStep&) = default;
};
using Step = std::variant<ResetStep, CommandStep>;

/// Agent to server. Sequence numbers start at 1 and grow by 1; a repeated one gets the stored reply, so that
/// a lost response never runs a command twice. Any other number is refused.
struct Exchange {
  std::uint64_t sequence = 0;
  std::vector<Step> steps;
  friend bool operator==(const Exchange&, const Exchange&) = default;
};

/// Opaque name of a card state (architecture.md, section 4).
using StateId = std::array<std::uint8_t, 16>;

/// What became of one step: the response APDU (empty for a reset), whether the step was pure, and the state
/// after.
struct StepResult {
  Bytes response;
  bool pure = false;
  StateId state{};
  friend bool operator==(const StepResult&, const StepResult&) = default;
};

/// Server to agent: one result a step, in order.
struct ExchangeReply {
  std::uint64_t sequence = 0;
  std::vector<StepResult> results;
  friend bool operator==(const ExchangeReply&, const ExchangeReply&) = default;
};

// Wire form, big-endian throughout:
//   exchange: version 01 | sequence 8 | count 2 | step…      step:   00 | (reset)   01 | length 4 | apdu
//   reply:    version 01 | sequence 8 | count 2 | result…    result: flags 1 (bit 0 pure) | state 16 | length
//   4 | response
// Errors of both readers: `invalid`, for any octet missing, left over or out of range.
Bytes encode(const Exchange& exchange);
Bytes encode(const ExchangeReply& reply);
Result<Exchange> parse_exchange(BytesView octets);
Result<ExchangeReply> parse_exchange_reply(BytesView octets);

}  // namespace cardea::api
