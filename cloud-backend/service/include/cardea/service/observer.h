#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cardea/apdu/status_word.h"
#include "cardea/card/ports/audit.h"

namespace cardea::service {

/// One command that a card has answered. Never its data field.
struct ApduDone {
  std::string_view card;
  std::string_view command;  ///< "PIV VERIFY"; empty when nothing was recognised
  std::uint8_t cla = 0;
  std::uint8_t p2 = 0;
  std::size_t lc = 0;  ///< octets in the data field, as well as the length says
  apdu::StatusWord sw = apdu::sw::kOk;
  std::chrono::nanoseconds took{};
};

enum class SessionEnd : std::uint8_t {
  closed,
  idle,
  lifetime,
  card_blocked,
  card_deleted,
  card_assigned,
  pin_recovered,
  device_revoked,
  displaced,  ///< by another one of its device
  shutdown
};

std::string_view name(SessionEnd reason);

/// Is told what happens, for logs and metrics. Called from many threads at once, sometimes under a lock: it
/// must be quick and may not call back.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;

  virtual void apdu(const ApduDone&) noexcept {}
  virtual void exchange(std::size_t steps, bool replayed) noexcept {
    (void)steps;
    (void)replayed;
  }
  virtual void session_opened(std::string_view session, std::string_view card,
                              std::string_view device) noexcept {
    (void)session;
    (void)card;
    (void)device;
  }
  virtual void session_ended(std::string_view session, std::string_view card, SessionEnd reason) noexcept {
    (void)session;
    (void)card;
    (void)reason;
  }
  virtual void pin_tried(std::string_view card, const card::PinTried&) noexcept { (void)card; }
  /// Something was done to a card, a device or an organisation: "card.create", "device.revoke" …
  virtual void administered(std::string_view action, std::string_view subject, bool success) noexcept {
    (void)action;
    (void)subject;
    (void)success;
  }
};

}  // namespace cardea::service
