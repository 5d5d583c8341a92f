#include "cardea/api/channel.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace cardea::api {
namespace {

constexpr std::uint8_t kVersion = 0x01;
constexpr std::uint8_t kReset = 0x00;
constexpr std::uint8_t kCommand = 0x01;
constexpr std::uint8_t kPure = 0x01;
constexpr std::size_t kHead = 1 + 8 + 2;
constexpr std::size_t kStepHead = 1 + 4;
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
  if (kind != kCommand) return std::nullopt;
  const auto apdu = reader.counted();
  if (!apdu) return std::nullopt;
  return Step{CommandStep{to_bytes(*apdu)}};
}

std::optional<StepResult> read_result(Reader& reader) {
  const auto flags = reader.number(1);
  if (!flags || *flags > kPure) return std::nullopt;
  StepResult result;
  result.pure = *flags == kPure;
  const auto state = reader.take(result.state.size());
  if (!state) return std::nullopt;
  std::copy(state->begin(), state->end(), result.state.begin());
  const auto response = reader.counted();
  if (!response) return std::nullopt;
  result.response = to_bytes(*response);
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
  for (const auto& step : exchange.steps) {
    const auto* const command = std::get_if<CommandStep>(&step);
    size += command == nullptr ? 1 : kStepHead + command->apdu.size();
  }
  Bytes out;
  out.reserve(size);
  append_head(out, exchange.sequence, exchange.steps.size());
  for (const auto& step : exchange.steps) {
    const auto* const command = std::get_if<CommandStep>(&step);
    if (command == nullptr) {
      out.push_back(kReset);
      continue;
    }
    out.push_back(kCommand);
    append_counted(out, command->apdu);
  }
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
    out.push_back(result.pure ? kPure : 0);
    append(out, result.state);
    append_counted(out, result.response);
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
