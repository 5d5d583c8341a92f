#include "exchange.h"

#include <algorithm>
#include <utility>

#include "cardea/secret.h"

namespace cardea::agent {

namespace {

/// How long one command may take. Longer than the card's own limits, so that it can explain itself first.
constexpr std::chrono::seconds kCommandLimit{40};

Error gone() {
  return {Errc::not_found, "the card has gone"};
}

Stay::Ask ask_of(resource::Power how) {
  switch (how) {
    case resource::Power::on:
      return Stay::Ask::power_on;
    case resource::Power::reset:
      return Stay::Ask::reset;
    case resource::Power::off:
      return Stay::Ask::power_off;
  }
  return Stay::Ask::power_on;
}

}  // namespace

Result<void> Exchange::power(resource::Power how) {
  const std::lock_guard lock{mutex_};
  if (closed_) return tl::unexpected{gone()};
  const auto what = ask_of(how);
  // One that still waits does as well: it is carried out later than now. So the queue is bounded, whatever a
  // reader sends.
  const bool waits =
      std::any_of(asked_.begin(), asked_.end(), [&](const auto& asked) { return asked.what == what; });
  if (!waits) asked_.push_back({what, {}, 0});
  to_card_.notify_one();
  return {};
}

Result<Bytes> Exchange::transmit(BytesView command) {
  std::unique_lock lock{mutex_};
  if (closed_) return tl::unexpected{gone()};
  answer_.reset();
  asked_.push_back({Stay::Ask::transmit, to_bytes(command), ++number_});
  to_card_.notify_one();
  to_reader_.wait_for(lock, kCommandLimit, [this] { return closed_ || answer_; });
  if (answer_) return *std::exchange(answer_, std::nullopt);
  // Whatever comes now would be taken for the answer to the next command.
  closed_ = true;
  to_card_.notify_one();
  return fail(Errc::unavailable, "the card was lost in the middle of a command");
}

Result<Stay::Request> Exchange::next() {
  std::unique_lock lock{mutex_};
  to_card_.wait(lock, [this] { return closed_ || !asked_.empty(); });
  if (closed_) return fail(Errc::unavailable, "the card is in no reader");
  auto out = std::move(asked_.front());
  asked_.pop_front();
  return out;
}

bool Exchange::next_within(std::chrono::milliseconds limit) {
  std::unique_lock lock{mutex_};
  return to_card_.wait_for(lock, limit, [this] { return closed_ || !asked_.empty(); });
}

Result<void> Exchange::respond(std::uint32_t number, BytesView response) {
  const std::lock_guard lock{mutex_};
  if (closed_ || number != number_) return fail(Errc::unavailable, "nobody waits for this response");
  answer_ = to_bytes(response);
  to_reader_.notify_one();
  return {};
}

void Exchange::close() noexcept {
  const std::lock_guard lock{mutex_};
  closed_ = true;
  for (auto& request : asked_)
    wipe(request.command);
  asked_.clear();
  to_card_.notify_all();
  to_reader_.notify_all();
}

}  // namespace cardea::agent
