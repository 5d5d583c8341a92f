#include "cardea/api/channel.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "cardea/secret.h"

namespace cardea::api {
namespace {

constexpr std::uint8_t kVersion = 0x01;
constexpr std::uint8_t kReset = 0x00;
constexpr std::uint8_t kCommand = 0x01;
constexpr std::uint8_t kPinOpening = 0x02;
constexpr std::uint8_t kPinProof = 0x03;
constexpr std::uint8_t kLateProof = 0x04;
constexpr std::uint8_t kPure = 0x01;
constexpr std::uint8_t kChallenge = 0x02;
constexpr std::uint8_t kWellFormed = 0x01;
constexpr std::uint8_t kNewWellFormed = 0x02;
constexpr std::uint8_t kNewFactoryValue = 0x04;
constexpr std::uint8_t kSealedVersion = 0x02;
constexpr std::uint8_t kWithKe3 = 0x01;
constexpr std::size_t kKe3 = 64;
constexpr std::size_t kHead = 1 + 8 + 2;
constexpr std::size_t kResultHead = 1 + std::tuple_size_v<StateId> + 4;

void append_head(Bytes& out, std::uint64_t sequence, std::size_t count) {
  out.push_back(kVersion);
  append_be64(out, sequence);
  append_be16(out, static_cast<std::uint16_t>(count));
}

void append_counted(Bytes& out, BytesView octets) {
  append_be32(out, static_cast<std::uint32_t>(octets.size()));
  append(out, octets);
}

/// Takes octets off the front; nothing when there are too few.
class Reader {
 public:
  explicit Reader(BytesView octets) : left_{octets} {}

  std::optional<BytesView> take(std::size_t n) {
    if (left_.size() < n) return std::nullopt;
    const auto taken = left_.first(n);
    left_ = left_.subspan(n);
    return taken;
  }
  std::optional<std::uint64_t> number(std::size_t octets) {
    const auto taken = take(octets);
    if (!taken) return std::nullopt;
    return read_be(*taken);
  }
  std::optional<BytesView> counted() {
    const auto length = number(4);
    if (!length) return std::nullopt;
    return take(static_cast<std::size_t>(*length));
  }
  [[nodiscard]] bool at_end() const { return left_.empty(); }
  [[nodiscard]] BytesView rest() const { return left_; }

 private:
  BytesView left_;
};

struct Head {
  std::uint64_t sequence;
  std::size_t count;
};

std::optional<Head> read_head(Reader& reader) {
  if (reader.number(1) != kVersion) return std::nullopt;
  const auto sequence = reader.number(8);
  const auto count = reader.number(2);
  if (!sequence || !count || *sequence == 0 || *count > kMaxSteps) return std::nullopt;
  return Head{*sequence, static_cast<std::size_t>(*count)};
}

std::optional<Step> read_step(Reader& reader) {
  const auto kind = reader.number(1);
  if (kind == kReset) return Step{ResetStep{}};
  if (kind == kCommand) {
    const auto apdu = reader.counted();
    if (!apdu) return std::nullopt;
    return Step{CommandStep{to_bytes(*apdu)}};
  }
  if (kind == kPinOpening) {
    const auto flags = reader.number(1);
    const auto apdu = reader.counted();
    const auto ke1 = reader.counted();
    const auto new_value = reader.counted();
    constexpr auto kKnown = kWellFormed | kNewWellFormed | kNewFactoryValue;
    if (!flags || *flags > kKnown || !apdu || !ke1 || !new_value) return std::nullopt;
    return Step{PinOpeningStep{to_bytes(*apdu), to_bytes(*ke1), to_bytes(*new_value),
                               (*flags & kWellFormed) != 0, (*flags & kNewWellFormed) != 0,
                               (*flags & kNewFactoryValue) != 0}};
  }
  if (kind == kPinProof) {
    const auto apdu = reader.counted();
    const auto record = reader.counted();
    const auto copy = reader.counted();
    const auto secret = reader.counted();
    if (!apdu || !record || !copy || !secret) return std::nullopt;
    return Step{PinProofStep{to_bytes(*apdu), to_bytes(*record), to_bytes(*copy), to_bytes(*secret)}};
  }
  if (kind == kLateProof) {
    const auto reference = reader.number(1);
    const auto ke3 = reader.take(kKe3);
    if (!reference || !ke3) return std::nullopt;
    LateProofStep step{static_cast<std::uint8_t>(*reference), {}};
    std::copy(ke3->begin(), ke3->end(), step.ke3.begin());
    return Step{step};
  }
  return std::nullopt;
}

std::optional<PinChallenge> read_challenge(Reader& reader) {
  const auto generation = reader.number(8);
  const auto ke2 = reader.counted();
  const auto ksf = reader.counted();
  const auto new_ksf = reader.counted();
  const auto new_value = reader.counted();
  const auto copy = reader.counted();
  if (!generation || !ke2 || !ksf || !new_ksf || !new_value || !copy) return std::nullopt;
  return PinChallenge{to_bytes(*ke2), to_bytes(*ksf),       to_bytes(*new_ksf),
                      *generation,    to_bytes(*new_value), to_bytes(*copy)};
}

struct StepWriter {
  Bytes& out;
  void operator()(const ResetStep& /*step*/) const { out.push_back(kReset); }
  void operator()(const CommandStep& step) const {
    out.push_back(kCommand);
    append_counted(out, step.apdu);
  }
  void operator()(const PinOpeningStep& step) const {
    out.push_back(kPinOpening);
    out.push_back(static_cast<std::uint8_t>((step.well_formed ? kWellFormed : 0) |
                                            (step.new_well_formed ? kNewWellFormed : 0) |
                                            (step.new_factory_value ? kNewFactoryValue : 0)));
    for (const auto* part : {&step.apdu, &step.ke1, &step.new_value})
      append_counted(out, *part);
  }
  void operator()(const PinProofStep& step) const {
    out.push_back(kPinProof);
    for (const auto* part : {&step.apdu, &step.record, &step.secret_copy, &step.secret})
      append_counted(out, *part);
  }
  void operator()(const LateProofStep& step) const {
    out.push_back(kLateProof);
    out.push_back(step.reference);
    append(out, step.ke3);
  }
};

// More than the exact size: what holds secrets must not grow, or a copy stays behind.
struct StepSize {
  static constexpr std::size_t kHead = 2 + 4 * 4;
  std::size_t operator()(const ResetStep& /*step*/) const { return 1; }
  std::size_t operator()(const CommandStep& step) const { return kHead + step.apdu.size(); }
  std::size_t operator()(const PinOpeningStep& step) const {
    return kHead + step.apdu.size() + step.ke1.size() + step.new_value.size();
  }
  std::size_t operator()(const PinProofStep& step) const {
    return kHead + step.apdu.size() + step.record.size() + step.secret_copy.size() + step.secret.size();
  }
  std::size_t operator()(const LateProofStep& step) const { return kHead + step.ke3.size(); }
};

std::optional<StepResult> read_result(Reader& reader) {
  const auto flags = reader.number(1);
  if (!flags || *flags > (kPure | kChallenge)) return std::nullopt;
  StepResult result;
  result.pure = (*flags & kPure) != 0;
  const auto state = reader.take(result.state.size());
  if (!state) return std::nullopt;
  std::copy(state->begin(), state->end(), result.state.begin());
  const auto response = reader.counted();
  if (!response) return std::nullopt;
  result.response = to_bytes(*response);
  if ((*flags & kChallenge) == 0) return result;
  result.challenge = read_challenge(reader);
  if (!result.challenge) return std::nullopt;
  return result;
}

template <class Item>
std::optional<std::vector<Item>> read_items(Reader& reader, std::size_t count,
                                            std::optional<Item> (*read)(Reader&)) {
  std::vector<Item> items;
  items.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto item = read(reader);
    if (!item) return std::nullopt;
    items.push_back(std::move(*item));
  }
  if (!reader.at_end()) return std::nullopt;
  return items;
}

}  // namespace

Bytes encode(const Exchange& exchange) {
  std::size_t size = kHead;
  for (const auto& step : exchange.steps)
    size += std::visit(StepSize{}, step);
  Bytes out;
  out.reserve(size);
  append_head(out, exchange.sequence, exchange.steps.size());
  for (const auto& step : exchange.steps)
    std::visit(StepWriter{out}, step);
  return out;
}

Bytes encode(const ExchangeReply& reply) {
  std::size_t size = kHead;
  for (const auto& result : reply.results)
    size += kResultHead + result.response.size();
  Bytes out;
  out.reserve(size);
  append_head(out, reply.sequence, reply.results.size());
  for (const auto& result : reply.results) {
    out.push_back(static_cast<std::uint8_t>((result.pure ? kPure : 0) | (result.challenge ? kChallenge : 0)));
    append(out, result.state);
    append_counted(out, result.response);
    if (!result.challenge) continue;
    const auto& challenge = *result.challenge;
    append_be64(out, challenge.generation);
    for (const auto* part :
         {&challenge.ke2, &challenge.ksf, &challenge.new_ksf, &challenge.new_value, &challenge.secret_copy})
      append_counted(out, *part);
  }
  return out;
}

Result<Exchange> parse_exchange(BytesView octets) {
  Reader reader{octets.size() <= kMaxExchangeSize ? octets : BytesView{}};
  if (const auto head = read_head(reader)) {
    if (auto steps = read_items<Step>(reader, head->count, read_step)) {
      return Exchange{head->sequence, std::move(*steps)};
    }
  }
  return fail(Errc::invalid, "this is not a well-formed exchange");
}

void wipe_secrets(Step& step) noexcept {
  if (auto* const command = std::get_if<CommandStep>(&step)) wipe(command->apdu);
  if (auto* const proof = std::get_if<PinProofStep>(&step)) wipe(proof->secret);
}

Bytes encode(const SealedBody& body) {
  Bytes out{kSealedVersion};
  append_be64(out, body.sequence);
  out.push_back(body.ke3 ? kWithKe3 : 0);
  if (body.ke3) append(out, *body.ke3);
  append(out, body.record);
  return out;
}

Result<SealedBody> parse_sealed(BytesView octets) {
  Reader reader{octets.size() <= kMaxExchangeSize ? octets : BytesView{}};
  const auto version = reader.number(1);
  const auto sequence = reader.number(8);
  const auto flags = reader.number(1);
  if (version == kSealedVersion && sequence && *sequence != 0 && flags && *flags <= kWithKe3) {
    SealedBody body;
    body.sequence = *sequence;
    if (*flags == kWithKe3) body.ke3 = reader.take(kKe3);
    if (*flags == 0 || body.ke3) {
      body.record = reader.rest();
      return body;
    }
  }
  return fail(Errc::invalid, "this is not a well-formed exchange");
}

Result<std::uint64_t> sequence_of(BytesView octets) {
  constexpr std::size_t kVersionAndNumber = 1 + 8;
  if (octets.size() >= kVersionAndNumber && (octets[0] == kVersion || octets[0] == kSealedVersion)) {
    if (const auto sequence = read_be(octets.subspan(1, 8)); sequence != 0) return sequence;
  }
  return fail(Errc::invalid, "this is not a well-formed exchange");
}

bool is_sealed(BytesView octets) {
  return !octets.empty() && octets.front() == kSealedVersion;
}

Result<ExchangeReply> parse_exchange_reply(BytesView octets) {
  Reader reader{octets.size() <= kMaxExchangeSize ? octets : BytesView{}};
  if (const auto head = read_head(reader)) {
    if (auto results = read_items<StepResult>(reader, head->count, read_result)) {
      return ExchangeReply{head->sequence, std::move(*results)};
    }
  }
  return fail(Errc::invalid, "this is not a well-formed reply to an exchange");
}

}  // namespace cardea::api
