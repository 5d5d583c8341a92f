#include "vpcd_port.h"

#include <spdlog/spdlog.h>

#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "cardea/apdu/atr.h"
#include "cardea/apdu/status_word.h"
#include "cardea/secret.h"
#include "cardea/vpcd/connection.h"
#include "exchange.h"

namespace cardea::agent {

namespace {

constexpr std::chrono::seconds kConnectLimit{1};
/// A slot that has another card lets us connect too, and says nothing. One that is free asks for the ATR when
/// it looks next: after 0.4 s in pcscd, 1 s in BixVReader, and twice that where another agent's card has just
/// gone.
constexpr std::chrono::seconds kServedLimit{3};
/// How often a slot that is silent is looked after.
constexpr std::chrono::milliseconds kIdle{250};
/// ISO/IEC 7816-4, 5.1: CLA INS P1 P2 are in every command.
constexpr std::size_t kShortestCommand = 4;

Bytes octets_of(apdu::StatusWord word) {
  return {word.sw1(), word.sw2()};
}

/// Which ports have a card of this agent's, and which had one a moment ago.
class Slots {
 public:
  using Clock = std::chrono::steady_clock;
  enum class State : std::uint8_t { free, just_left, taken };

  explicit Slots(std::chrono::milliseconds empty_for) : empty_for_{empty_for} {}

  /// Takes it if it is free; how it was.
  State take(std::uint16_t port) {
    const std::lock_guard lock{mutex_};
    const auto [at, is_new] = slots_.try_emplace(port, Slot{false, started_});
    auto& slot = at->second;
    if (slot.taken) return State::taken;
    if (Clock::now() - slot.left < empty_for_) return State::just_left;
    slot.taken = true;
    return State::free;
  }
  void release(std::uint16_t port) noexcept {
    const std::lock_guard lock{mutex_};
    if (const auto at = slots_.find(port); at != slots_.end()) at->second = {false, Clock::now()};
  }

 private:
  struct Slot {
    bool taken;
    Clock::time_point left;
  };

  const std::chrono::milliseconds empty_for_;
  const Clock::time_point started_ = Clock::now();  // an agent before this one may have been killed
  std::mutex mutex_;
  std::map<std::uint16_t, Slot> slots_;  // guarded by mutex_
};

/// A slot while it is ours.
class Lease {
 public:
  /// Of a slot that was taken.
  Lease(std::shared_ptr<Slots> slots, std::uint16_t port) : slots_{std::move(slots)}, port_{port} {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { slots_->release(port_); }

 private:
  const std::shared_ptr<Slots> slots_;
  const std::uint16_t port_;
};

/// A card's stay in one slot. A thread of its own speaks to the reader: that wants to know each 0.4 s whether
/// the card is there, and hears it although the card may be busy with the server.
class VpcdStay final : public Stay {
 public:
  VpcdStay(std::unique_ptr<Lease> lease, std::unique_ptr<vpcd::Connection> connection, vpcd::Message first,
           Bytes atr)
      : lease_{std::move(lease)},
        connection_{std::move(connection)},
        exchange_{std::move(atr)},
        thread_{[this, first = std::move(first)](const std::stop_token& stop) mutable {
          serve(std::move(first), stop);
        }} {}
  VpcdStay(const VpcdStay&) = delete;
  VpcdStay& operator=(const VpcdStay&) = delete;
  ~VpcdStay() override { end_stay(); }

  Result<Request> next() override { return exchange_.next(); }
  bool next_within(std::chrono::milliseconds limit) override { return exchange_.next_within(limit); }
  Result<void> respond(const Request& request, BytesView response) override {
    return exchange_.respond(request.number, response);
  }
  void end() noexcept override { end_stay(); }

 private:
  void end_stay() noexcept {
    thread_.request_stop();
    exchange_.close();
    connection_->stop_receiving();
  }

  /// The thread.
  void serve(vpcd::Message first, const std::stop_token& stop) noexcept {
    try {
      if (const auto served = serve_until(std::move(first), stop); !served && !stop.stop_requested())
        spdlog::info("reader=vpcd {}", served.error().what);
    } catch (const std::exception& error) {
      spdlog::error("reader=vpcd {}", error.what());
    }
    exchange_.close();
    connection_->shut_down();
  }

  Result<void> serve_until(vpcd::Message first, const std::stop_token& stop) {
    std::optional<vpcd::Message> message{std::move(first)};
    while (!stop.stop_requested()) {
      if (message) CARDEA_CHECK(serve(*message));
      CARDEA_TRY(message, connection_->receive(kIdle));
    }
    return {};
  }

  Result<void> serve(vpcd::Message& message) {
    switch (message.kind) {
      case vpcd::Message::Kind::power_off:
        return exchange_.power(resource::Power::off);
      case vpcd::Message::Kind::power_on:
        return exchange_.power(resource::Power::on);
      case vpcd::Message::Kind::reset:
        return exchange_.power(resource::Power::reset);
      case vpcd::Message::Kind::get_atr:
        return connection_->send(exchange_.atr());
      case vpcd::Message::Kind::command:
        break;
    }
    const WipeOnExit wiped{message.command};  // a PIN may be in it
    if (message.command.size() < kShortestCommand)
      return connection_->send(octets_of(apdu::sw::kWrongLength));
    auto response = exchange_.transmit(message.command);
    if (!response) {
      // vpcd takes a card that goes in the middle for one that answers nothing, and tells programs of
      // success.
      (void)connection_->send(octets_of(apdu::sw::kUnspecified));
      return tl::unexpected{std::move(response).error()};
    }
    // What does not fit is lost; said as a card that has gone wrong would say it.
    if (response->size() > vpcd::kMaxPayload) response = octets_of(apdu::sw::kUnspecified);
    return connection_->send(*response);
  }

  const std::unique_ptr<Lease> lease_;
  const std::unique_ptr<vpcd::Connection> connection_;
  Exchange exchange_;
  std::jthread thread_;  // last: uses the others
};

class VpcdPort final : public ReaderPort {
 public:
  VpcdPort(vpcd::Endpoint first, unsigned slots, std::chrono::milliseconds empty_for)
      : first_{std::move(first)}, slots_{slots}, taken_{std::make_shared<Slots>(empty_for)} {}

  [[nodiscard]] std::string_view kind() const override { return "vpcd"; }

  Result<std::shared_ptr<Stay>> insert(const Bytes& atr, const std::string& /*label*/) override {
    // BixVReader has room for a hundred octets and does not count.
    if (atr.size() > apdu::Atr::kMaxSize)
      return fail(Errc::invalid,
                  "the card's answer to reset has more than 33 octets, which vpcd cannot take");
    std::optional<Error> why;
    for (unsigned slot = 0; slot < slots_; ++slot) {
      const vpcd::Endpoint at{first_.host, static_cast<std::uint16_t>(first_.port + slot)};
      const auto before = taken_->take(at.port);
      if (before == Slots::State::taken) continue;
      // Not into the next one: a card comes back where it was.
      if (before == Slots::State::just_left)
        return fail(Errc::unavailable,
                    vpcd::to_text(at) + ": the reader has yet to notice that the slot is empty");
      auto stay = insert_at(at, std::make_unique<Lease>(taken_, at.port), atr);
      if (stay) return stay;
      if (!why) why = std::move(stay).error();
    }
    if (why) return tl::unexpected{*std::move(why)};
    return fail(Errc::unavailable,
                "each of the " + std::to_string(slots_) +
                    " slots of vpcd has a card already; eject one, or say --vpcd-slots where "
                    "the reader has more");
  }

 private:
  static Result<std::shared_ptr<Stay>> insert_at(const vpcd::Endpoint& at, std::unique_ptr<Lease> lease,
                                                 const Bytes& atr) {
    auto connection = vpcd::Connection::open(at, kConnectLimit);
    if (!connection) {
      return fail(Errc::unavailable, "no vpcd listens there: " + connection.error().what +
                                         ". Is pcscd running, with that driver?");
    }
    CARDEA_TRY(auto message, (*connection)->receive(kServedLimit));
    if (!message) {
      return fail(Errc::unavailable, vpcd::to_text(at) +
                                         ": the slot asks for nothing; another card is in it, or "
                                         "something else than vpcd listens there");
    }
    return std::make_shared<VpcdStay>(std::move(lease), *std::move(connection), *std::move(message), atr);
  }

  const vpcd::Endpoint first_;
  const unsigned slots_;
  const std::shared_ptr<Slots> taken_;
};

}  // namespace

std::chrono::milliseconds vpcd_empty_for() {
  return vpcd::Connection::reader_looks_each() * 3 / 2;
}

std::shared_ptr<ReaderPort> make_vpcd_port(vpcd::Endpoint first, unsigned slots,
                                           std::chrono::milliseconds empty_for) {
  return std::make_shared<VpcdPort>(std::move(first), slots, empty_for);
}

}  // namespace cardea::agent
