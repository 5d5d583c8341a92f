#include "reader_source.h"

#include <poll.h>
#include <sysexits.h>

#include <algorithm>

#include "cardea/cms/ca/process.h"

namespace cardea::cms::cli {

namespace {

using batch::Why;

class ReaderSeat final : public batch::Seat {
 public:
  ReaderSeat(Connected connected, const CardMaker& maker)
      : connected_{std::move(connected)}, card_{maker(*connected_.channel)} {}
  piv::Card& card() override { return *card_; }
  [[nodiscard]] std::string reader() const override { return connected_.reader; }

 private:
  Connected connected_;
  std::unique_ptr<piv::Card> card_;
};

std::string word(Why why) {
  switch (why) {
    case Why::first:
      return "first";
    case Why::issued:
      return "issued";
    case Why::refused:
      return "refused";
    case Why::failed:
      return "failed";
    case Why::lost:
      return "lost";
  }
  return {};
}

}  // namespace

Result<bool> ReaderSource::ask(const batch::Wanted& wanted) const {
  ca::Process process;
  process.name = "the next-card command";
  process.arguments = ca::shell(refill_.command);
  process.environment = {"CARDEA_REASON=" + word(wanted.why), "CARDEA_GUID=" + wanted.guid};
  process.deadline = refill_.deadline;
  CARDEA_TRY(const auto ended, ca::run_process(process));
  if (ended.status != 0 && ended.status != EX_TEMPFAIL) {
    return fail(Errc::denied, "the next-card command ended with exit code " + std::to_string(ended.status) +
                                  ": no further card");
  }
  return ended.status == 0;
}

Result<void> ReaderSource::ask_until_it_comes(const batch::Wanted& wanted) const {
  constexpr int kPauseMilliseconds = 500;
  const auto until = std::chrono::steady_clock::now() + wait_.deadline;
  for (;;) {
    CARDEA_TRY(const bool comes, ask(wanted));
    if (comes) return {};
    if (wait_.interrupted && wait_.interrupted()) return fail(Errc::unavailable, "interrupted");
    if (std::chrono::steady_clock::now() >= until) {
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait_.deadline).count();
      return fail(Errc::unavailable, "for " + std::to_string(seconds) +
                                         " s the next-card command had no card and asked to be called again");
    }
    (void)::poll(nullptr, 0, kPauseMilliseconds);
  }
}

Result<Connected> ReaderSource::connect(const batch::Wanted& wanted, bool another) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kSlice{2000};
  const auto until = Clock::now() + wait_.deadline;
  WaitOptions slice = wait_;
  for (;;) {
    const bool gone = wanted.why == Why::lost && !feed_.present();
    // Whoever fills the reader may be starting anew, and refuse at first.
    if (gone && !refill_.command.empty()) (void)ask(wanted);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    slice.deadline = wanted.why == Why::lost ? std::min(left, kSlice) : left;
    auto connected = another ? feed_.next(slice) : feed_.current(slice);
    slice.tell = nullptr;  // once is enough
    const bool enough = Clock::now() >= until || (wait_.interrupted && wait_.interrupted());
    if (connected || enough || connected.error().code != Errc::unavailable) return connected;
    // A card that is there and does not let itself be connected is still held by whoever had it before: by a
    // program that was killed, for a moment.
    if (!gone && !feed_.present()) return connected;
    feed_.wait_for_change(kSlice);
  }
}

Result<std::unique_ptr<batch::Seat>> ReaderSource::next(const batch::Wanted& wanted) {
  const bool another = wanted.why != Why::first && wanted.why != Why::lost;
  // A card that is there already when the batch begins needs no asking.
  const bool asks = another || (wanted.why == Why::first && !feed_.present());
  if (asks && !refill_.command.empty()) CARDEA_CHECK(ask_until_it_comes(wanted));
  CARDEA_TRY(auto connected, connect(wanted, another));
  return std::make_unique<ReaderSeat>(std::move(connected), card_);
}

}  // namespace cardea::cms::cli
