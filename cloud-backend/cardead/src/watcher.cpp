#include "watcher.h"

#include <fmt/format.h>

namespace cardea::cardead {
namespace {

/// Status words by what they mean for an operator: five values, so that the label stays small.
std::string_view status_class(apdu::StatusWord sw) {
  switch (sw.sw1()) {
    case 0x90:
    case 0x61:
      return "ok";
    case 0x62:
    case 0x63:
      return "warning";
    case 0x64:
    case 0x65:
    case 0x6F:
      return "error";
    case 0x69:
      return "refused";
    default:
      return "wrong";
  }
}

/// The logical channel in a class byte (ISO/IEC 7816-4, 5.4.1).
unsigned channel_of(std::uint8_t cla) {
  return (cla & 0x40U) != 0 ? 4U + (cla & 0x0FU) : cla & 0x03U;
}

}  // namespace

Watcher::Watcher(const Log& log, http::Metrics& metrics)
    : log_{log},
      exchanges_{metrics.counter("cardea_exchanges_total", "Exchanges that were run.")},
      replays_{metrics.counter("cardea_exchange_replays_total",
                               "Exchanges that were answered from the stored reply.")},
      opened_{metrics.counter("cardea_sessions_opened_total", "Card sessions that were opened.")},
      pin_failures_{metrics.counter("cardea_pin_failures_total", "PIN and PUK attempts that did not match.")},
      lockouts_{
          metrics.counter("cardea_pin_lockouts_total", "PIN and PUK attempts that used up the last try.")},
      apdus_{metrics.family("cardea_apdus_total", "Command APDUs by command and kind of status word.",
                            "command", "status")},
      administered_{metrics.family("cardea_administration_total",
                                   "What was done to cards, people, devices and organisations.", "action",
                                   "result")},
      latency_{metrics.histogram("cardea_apdu_seconds", "Time a card took for a command.")} {}

void Watcher::apdu(const service::ApduDone& done) noexcept {
  const auto command = done.command.empty() ? std::string_view{"unknown"} : done.command;
  apdus_.with(command, status_class(done.sw)).add();
  latency_.observe(done.took);
  if (!log_.wants(Level::debug)) return;
  const auto channel = std::to_string(channel_of(done.cla));
  const auto p2 = fmt::format("{:02X}", done.p2);
  const auto lc = std::to_string(done.lc);
  const auto sw = fmt::format("{:04X}", done.sw.value());
  const auto ms = fmt::format("{:.2f}", std::chrono::duration<double, std::milli>(done.took).count());
  const auto tries = (done.sw.value() & 0xFFF0U) == 0x63C0U
                         ? fmt::format(" (tries {})", done.sw.value() & 0x0FU)
                         : std::string{};
  log_.write(Level::debug, "apdu",
             fmt::format("card={} ch={} {} p2={} lc={} → {}{} {}ms", done.card, channel, command, p2, lc, sw,
                         tries, ms),
             {{"card", done.card},
              {"ch", channel},
              {"command", command},
              {"p2", p2},
              {"lc", lc},
              {"sw", sw},
              {"ms", ms}});
}

void Watcher::exchange(std::size_t, bool replayed) noexcept {
  (replayed ? replays_ : exchanges_).add();
}

void Watcher::session_opened(std::string_view session, std::string_view card,
                             std::string_view device) noexcept {
  opened_.add();
  log_.write(Level::info, "session.open", {{"session", session}, {"card", card}, {"device", device}});
}

void Watcher::session_ended(std::string_view session, std::string_view card,
                            service::SessionEnd reason) noexcept {
  log_.write(Level::info, "session.end", {{"session", session}, {"card", card}, {"reason", name(reason)}});
}

void Watcher::pin_tried(std::string_view card, const card::PinTried& tried) noexcept {
  if (tried.match) return;
  pin_failures_.add();
  if (tried.tries_left > 0) return;
  lockouts_.add();
  log_.write(Level::warn, "pin.blocked",
             {{"card", card}, {"reference", tried.ref == card::PinRef::puk ? "puk" : "pin"}});
}

void Watcher::administered(std::string_view action, std::string_view subject, bool success) noexcept {
  administered_.with(action, success ? "ok" : "failed").add();
  log_.write(success ? Level::info : Level::warn, action,
             {{"subject", subject}, {"success", success ? "true" : "false"}});
}

}  // namespace cardea::cardead
