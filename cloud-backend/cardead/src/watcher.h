#pragma once

#include "cardea/http/metrics.h"
#include "cardea/service/observer.h"
#include "log.h"

namespace cardea::cardead {

/// Turns what happens into log lines and numbers.
class Watcher final : public service::Observer {
 public:
  Watcher(const Log& log, http::Metrics& metrics);

  void apdu(const service::ApduDone& done) noexcept override;
  void exchange(std::size_t steps, bool replayed) noexcept override;
  void session_opened(std::string_view session, std::string_view card,
                      std::string_view device) noexcept override;
  void session_ended(std::string_view session, std::string_view card,
                     service::SessionEnd reason) noexcept override;
  void pin_tried(std::string_view card, const card::PinTried& tried) noexcept override;
  void administered(std::string_view action, std::string_view subject, bool success) noexcept override;

 private:
  const Log& log_;
  http::Counter& exchanges_;
  http::Counter& replays_;
  http::Counter& opened_;
  http::Counter& pin_failures_;
  http::Counter& lockouts_;
  http::CounterFamily& apdus_;
  http::CounterFamily& administered_;
  http::Histogram& latency_;
};

}  // namespace cardea::cardead
