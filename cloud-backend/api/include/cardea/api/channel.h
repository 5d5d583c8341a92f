#pragma once

#include <array>
#include <cstdint>
#include <optional>
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
/// A command whose data field is a PIN (VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER): the PIN stays
/// where it was typed. First the login is opened …
struct PinOpeningStep {
  Bytes apdu;       ///< with zeroes in place of the data field
  Bytes ke1;        ///< OPAQUE KE1 for the value shown, 96 octets
  Bytes new_value;  ///< OPAQUE registration request for the new value, 32 octets; empty where there is none
  bool well_formed = true;         ///< the value shown has the form that the session's profile asks for
  bool new_well_formed = true;     ///< the same of the new value
  bool new_factory_value = false;  ///< the new value is the one that every card is made with
  friend bool operator==(const PinOpeningStep&, const PinOpeningStep&) = default;
};
/// … and then the same command once more, in an exchange that carries KE3.
struct PinProofStep {
  Bytes apdu;
  Bytes record;       ///< OPAQUE registration record of the new value, 192 octets; empty where there is none
  Bytes secret_copy;  ///< the card's secret for the holder of the new value; empty where the card has none
  Bytes secret;       ///< the card's secret, 32 octets, for as long as the holder is verified; may be empty
  friend bool operator==(const PinProofStep&, const PinProofStep&) = default;
};
/// What would have proven a login of an earlier session of this card, had it arrived: its try comes back. The
/// response is 9000, or 6A88 when nothing (any more) waits for it: heard in time, more than 24 hours old, the
/// PIN has another value, or no proof at all; then nothing is spent. 6985: too many in this session.
struct LateProofStep {
  std::uint8_t reference = 0;  ///< 80 or 81
  std::array<std::uint8_t, 64> ke3{};
  friend bool operator==(const LateProofStep&, const LateProofStep&) = default;
};
using Step = std::variant<ResetStep, CommandStep, PinOpeningStep, PinProofStep, LateProofStep>;

/// Agent to server. Sequence numbers start at 1 and grow by 1; a repeated one gets the stored reply, so that
/// a lost response never runs a command twice. Any other number is refused.
struct Exchange {
  std::uint64_t sequence = 0;
  std::vector<Step> steps;
  friend bool operator==(const Exchange&, const Exchange&) = default;
};

/// Opaque name of a card state (architecture.md, section 4).
using StateId = std::array<std::uint8_t, 16>;

/// What the client needs to tell whether the PIN was right, and to go on.
struct PinChallenge {
  Bytes ke2;                     ///< OPAQUE KE2, 320 octets
  Bytes ksf;                     ///< how the stored value was stretched, 9 octets
  Bytes new_ksf;                 ///< how a new one is to be stretched
  std::uint64_t generation = 0;  ///< bound into the records after the login
  Bytes new_value;               ///< OPAQUE registration response, 64 octets; empty where none was asked for
  Bytes secret_copy;             ///< the card's secret, to be opened with the export key; may be empty
  friend bool operator==(const PinChallenge&, const PinChallenge&) = default;
};

/// What became of one step: the response APDU (empty for a reset), whether the step was pure, and the state
/// after.
struct StepResult {
  Bytes response;
  bool pure = false;
  StateId state{};
  std::optional<PinChallenge> challenge{};  ///< of a PinOpeningStep that has spent a try
  friend bool operator==(const StepResult&, const StepResult&) = default;
};

/// Server to agent: one result a step, in order.
struct ExchangeReply {
  std::uint64_t sequence = 0;
  std::vector<StepResult> results;
  friend bool operator==(const ExchangeReply&, const ExchangeReply&) = default;
};

// Wire form, big-endian throughout; x4 is a field with its length in four octets:
//   exchange: version 01 | sequence 8 | count 2 | step…
//   step:     00 (reset)
//             01 | apdu x4
//             02 | flags 1 | apdu x4 | ke1 x4 | new value x4
//                  bit 0 well formed, bit 1 new value well formed, bit 2 new value the factory's
//             03 | apdu x4 | record x4 | secret copy x4 | secret x4
//             04 | PIN reference 1 | KE3 64
//   reply:    version 01 | sequence 8 | count 2 | result…
//   result:   flags 1 (bit 0 pure, bit 1 challenge) | state 16 | response x4 | [challenge]
//   challenge: generation 8 | ke2 x4 | ksf x4 | new ksf x4 | new value x4 | secret copy x4
// Errors of both readers: `invalid`, for any octet missing, left over or out of range.
Bytes encode(const Exchange& exchange);
Bytes encode(const ExchangeReply& reply);
Result<Exchange> parse_exchange(BytesView octets);
Result<ExchangeReply> parse_exchange_reply(BytesView octets);

/// Wipes what is secret in a step.
void wipe_secrets(Step& step) noexcept;

/// After a PIN login both directions travel as records (record.h) of the form above:
///   version 02 | sequence 8 | flags 1 (bit 0 KE3) | [KE3 64] | record
/// KE3 is in the first exchange after a login, whose record is under the new login's key already.
struct SealedBody {
  std::uint64_t sequence = 0;
  std::optional<BytesView> ke3;  ///< in exchanges only
  BytesView record;
};
Bytes encode(const SealedBody& body);
/// Views into `octets`. Errors: `invalid`.
Result<SealedBody> parse_sealed(BytesView octets);
/// The number of an exchange or a reply, in either form. Errors: `invalid`.
Result<std::uint64_t> sequence_of(BytesView octets);
/// Whether a body travels as a record.
[[nodiscard]] bool is_sealed(BytesView octets);

}  // namespace cardea::api
