#include "inserted_card.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "cardea/apdu/response.h"

namespace cardea::agent {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::milliseconds kLongestPause{1000};
/// An exchange that failed faster than this was cut off, not slow: asking again costs little, and the server
/// runs it once.
constexpr std::chrono::seconds kQuickFailure{3};
constexpr std::chrono::seconds kHelloLimit{5};

}  // namespace

std::string_view name(Phase phase) {
  switch (phase) {
    case Phase::waiting_for_server:
      return "waiting for the server";
    case Phase::waiting_for_reader:
      return "waiting for the reader";
    case Phase::inserted:
      return "inserted";
    case Phase::refused:
      return "refused";
  }
  return "unknown";
}

InsertedCard::InsertedCard(api::CardSummary card, api::Client client, std::string ifd_socket)
    : card_{std::move(card)}, client_{std::move(client)}, ifd_socket_{std::move(ifd_socket)} {
  thread_ = std::thread{[this] { run(); }};
}

InsertedCard::~InsertedCard() {
  eject();
  thread_.join();
}

InsertedCard::Status InsertedCard::status() const {
  const std::lock_guard lock{mutex_};
  return {card_, phase_, detail_};
}

InsertedCard::Status InsertedCard::wait_until_settled(std::chrono::milliseconds limit) const {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, limit, [this] { return phase_ == Phase::inserted || phase_ == Phase::refused; });
  return {card_, phase_, detail_};
}

void InsertedCard::eject() {
  {
    const std::lock_guard lock{mutex_};
    stop_ = true;
    if (channel_) channel_->shut_down();
  }
  changed_.notify_all();
}

bool InsertedCard::stopping() const {
  const std::lock_guard lock{mutex_};
  return stop_;
}

void InsertedCard::enter(Phase phase, std::string detail) {
  {
    const std::lock_guard lock{mutex_};
    if (phase_ == phase && detail_ == detail) return;
    phase_ = phase;
    detail_ = std::move(detail);
    spdlog::info("card={} {}{}{}", card_.id, name(phase_), detail_.empty() ? "" : ": ", detail_);
  }
  changed_.notify_all();
}

/// Before the next attempt: longer each time, cut short by ejection.
void InsertedCard::pause() {
  patience_ = std::clamp(patience_ * 2, kFirstPause, kLongestPause);
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, patience_, [this] { return stop_; });
}

void InsertedCard::run() {
  while (!stopping()) {
    if (const auto opened = ensure_session(); !opened) {
      const auto code = opened.error().code;
      if (code == Errc::denied || code == Errc::not_found || code == Errc::conflict) {
        enter(Phase::refused, opened.error().what);
        break;
      }
      enter(Phase::waiting_for_server, opened.error().what);
      pause();
      continue;
    }
    serve_one_insertion();
  }
  if (session_) (void)client_.close_session(*session_);
}

Result<void> InsertedCard::ensure_session() {
  if (session_) return {};
  CARDEA_TRY(session_, client_.open_session(card_.id));
  sequence_ = 0;
  return {};
}

Result<std::shared_ptr<link::Channel>> InsertedCard::put_into_reader() {
  CARDEA_TRY(auto socket, link::connect_to(ifd_socket_));
  auto channel = std::make_shared<link::Channel>(std::move(socket));
  CARDEA_CHECK(channel->set_deadline(kHelloLimit));
  CARDEA_CHECK(channel->send(link::FrameType::hello,
                             link::encode(link::Hello{link::kProtocolVersion, session_->atr, card_.label})));
  CARDEA_TRY(const auto reply, channel->receive());
  if (reply.type != link::FrameType::welcome) {
    return fail(Errc::unavailable,
                "the reader refuses: " + std::string{reply.payload.begin(), reply.payload.end()});
  }
  CARDEA_CHECK(channel->set_deadline(std::chrono::milliseconds{0}));  // pcscd may be silent for hours
  const std::lock_guard lock{mutex_};
  if (stop_) return fail(Errc::unavailable, "ejected");
  channel_ = channel;
  return channel;
}

/// From insertion to removal.
void InsertedCard::serve_one_insertion() {
  const auto channel = put_into_reader();
  if (!channel) {
    enter(Phase::waiting_for_reader, channel.error().what);
    pause();
    return;
  }
  enter(Phase::inserted, "");
  patience_ = std::chrono::milliseconds{0};
  reset_owed_ = true;
  while (true) {
    const auto frame = (*channel)->receive();
    if (!frame) break;  // pcscd has gone, or the card was ejected
    switch (frame->type) {
      case link::FrameType::power_on:
      case link::FrameType::reset:
        reset_owed_ = true;
        continue;
      case link::FrameType::power_off:
        // At once, and not with the next command, which may never come: nothing that was verified outlives
        // the power.
        reset_owed_ = !exchange({api::ResetStep{}});
        continue;
      case link::FrameType::transmit:
        break;
      default:
        continue;
    }
    const auto response = answer(frame->payload);
    if (!response) {
      // The card is taken out, for the application too; a new session brings it back.
      session_.reset();
      enter(Phase::waiting_for_server, response.error().what);
      break;
    }
    if (!(*channel)->send(link::FrameType::response, *response, frame->number)) break;
  }
  (*channel)->shut_down();
  const std::lock_guard lock{mutex_};
  channel_.reset();
}

/// A reset that is owed rides in front of the command.
Result<Bytes> InsertedCard::answer(const Bytes& command) {
  std::vector<api::Step> steps;
  if (reset_owed_) steps.emplace_back(api::ResetStep{});
  steps.emplace_back(api::CommandStep{command});
  CARDEA_TRY(auto reply, exchange(std::move(steps)));
  reset_owed_ = false;
  return std::move(reply.results.back().response);
}

Result<api::ExchangeReply> InsertedCard::exchange(std::vector<api::Step> steps) {
  const api::Exchange numbered{++sequence_, std::move(steps)};
  const auto began = Clock::now();
  auto reply = client_.exchange(*session_, numbered);
  if (!reply && reply.error().code == Errc::unavailable && Clock::now() - began < kQuickFailure) {
    reply = client_.exchange(*session_, numbered);
  }
  if (reply && reply->results.size() != numbered.steps.size()) {
    return fail(Errc::corrupt, "the server answered another number of steps than it was asked");
  }
  return reply;
}

}  // namespace cardea::agent
