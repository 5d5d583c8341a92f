#include "manager_port.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "cardea/secret.h"

namespace cardea::agent {

namespace {

/// How long one command may take. Longer than the card's own limits, so that it can explain itself first.
constexpr std::chrono::seconds kCommandLimit{40};

Error gone() {
  return {Errc::not_found, "the card has gone"};
}

/// Between a program's thread, which speaks to a card, and the card's own thread, which answers.
class Exchange final : public resource::CardPort {
 public:
  explicit Exchange(Bytes atr) : atr_{std::move(atr)} {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() override { close(); }

  // -- the reader's side
  // ---------------------------------------------------------------------------------------

  [[nodiscard]] Bytes atr() const override { return atr_; }

  Result<void> power(resource::Power how) override {
    const std::lock_guard lock{mutex_};
    if (closed_) return tl::unexpected{gone()};
    asked_.push_back({ask_of(how), {}, 0});
    to_card_.notify_one();
    return {};
  }

  Result<Bytes> transmit(BytesView command) override {
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

  // -- the card's side
  // -----------------------------------------------------------------------------------------

  Result<Stay::Request> next() {
    std::unique_lock lock{mutex_};
    to_card_.wait(lock, [this] { return closed_ || !asked_.empty(); });
    if (closed_) return fail(Errc::unavailable, "the card is in no reader");
    auto out = std::move(asked_.front());
    asked_.pop_front();
    return out;
  }

  bool next_within(std::chrono::milliseconds limit) {
    std::unique_lock lock{mutex_};
    return to_card_.wait_for(lock, limit, [this] { return closed_ || !asked_.empty(); });
  }

  Result<void> respond(std::uint32_t number, BytesView response) {
    const std::lock_guard lock{mutex_};
    if (closed_ || number != number_) return fail(Errc::unavailable, "nobody waits for this response");
    answer_ = to_bytes(response);
    to_reader_.notify_one();
    return {};
  }

  void close() noexcept {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    for (auto& request : asked_)
      wipe(request.command);
    asked_.clear();
    to_card_.notify_all();
    to_reader_.notify_all();
  }

 private:
  static Stay::Ask ask_of(resource::Power how) {
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

  const Bytes atr_;
  std::mutex mutex_;
  std::condition_variable to_card_;
  std::condition_variable to_reader_;
  std::deque<Stay::Request> asked_;  // guarded by mutex_
  std::optional<Bytes> answer_;      // guarded by mutex_
  std::uint32_t number_ = 0;         // guarded by mutex_; of the last command
  bool closed_ = false;              // guarded by mutex_
};

class ManagerStay final : public Stay {
 public:
  ManagerStay(std::shared_ptr<resource::Manager> manager, Bytes atr)
      : manager_{std::move(manager)}, exchange_{std::make_shared<Exchange>(std::move(atr))} {
    manager_->insert(exchange_);
  }
  ManagerStay(const ManagerStay&) = delete;
  ManagerStay& operator=(const ManagerStay&) = delete;
  ~ManagerStay() override { take_out(); }

  Result<Request> next() override {
    auto out = exchange_->next();
    if (!out) manager_->remove(exchange_);
    return out;
  }
  bool next_within(std::chrono::milliseconds limit) override { return exchange_->next_within(limit); }
  Result<void> respond(const Request& request, BytesView response) override {
    return exchange_->respond(request.number, response);
  }
  void end() noexcept override { take_out(); }

 private:
  void take_out() noexcept {
    exchange_->close();
    manager_->remove(exchange_);
  }

  const std::shared_ptr<resource::Manager> manager_;
  const std::shared_ptr<Exchange> exchange_;
};

class ManagerPort final : public ReaderPort {
 public:
  explicit ManagerPort(std::shared_ptr<resource::Manager> manager) : manager_{std::move(manager)} {}

  [[nodiscard]] std::string_view kind() const override { return "connector"; }

  Result<std::shared_ptr<Stay>> insert(const Bytes& atr, const std::string& /*label*/) override {
    return std::make_shared<ManagerStay>(manager_, atr);
  }

 private:
  const std::shared_ptr<resource::Manager> manager_;
};

}  // namespace

std::shared_ptr<ReaderPort> make_manager_port(std::shared_ptr<resource::Manager> manager) {
  return std::make_shared<ManagerPort>(std::move(manager));
}

}  // namespace cardea::agent
