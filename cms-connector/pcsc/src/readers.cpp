#include <poll.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <thread>

#include "cardea/cms/pcsc.h"
#include "pcsc_channel.h"

namespace cardea::cms {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// pcsc-lite's pseudo reader whose state changes when readers come or go.
constexpr const char* kPlugAndPlay = R"(\\?PnP?\Notification)";
constexpr milliseconds kSlice{1000};  // how often a wait looks at `interrupted`

/// For calls that only the service can fail.
tl::unexpected<Error> lost(Context& context, LONG rc, const std::string& doing) {
  context.lose();
  return tl::unexpected{pcsc_error(rc, doing)};
}

Result<std::vector<std::string>> reader_names(Context& context) {
  DWORD size = 0;
  LONG rc = SCardListReaders(context.get(), nullptr, nullptr, &size);
  std::string names(size, '\0');
  if (rc == SCARD_S_SUCCESS) rc = SCardListReaders(context.get(), nullptr, names.data(), &size);
  if (rc == SCARD_E_NO_READERS_AVAILABLE) return std::vector<std::string>{};
  if (rc != SCARD_S_SUCCESS) return lost(context, rc, "cannot list the readers");

  std::vector<std::string> out;
  for (std::size_t at = 0; at < names.size() && names[at] != '\0';) {
    out.emplace_back(names.c_str() + at);
    at += out.back().size() + 1;
  }
  return out;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

DWORD in_milliseconds(Clock::duration wait) {
  return static_cast<DWORD>(
      std::max<std::int64_t>(0, std::chrono::duration_cast<milliseconds>(wait).count()));
}

/// Waits for a change of `name` away from `known`, a slice at most; the new state, or `known` when nothing
/// changed.
Result<DWORD> wait_change(Context& context, const char* name, DWORD known, Clock::duration at_most) {
  SCARD_READERSTATE state{};
  state.szReader = name;
  state.dwCurrentState = known;
  const LONG rc = SCardGetStatusChange(
      context.get(), in_milliseconds(std::min<Clock::duration>(at_most, kSlice)), &state, 1);
  if (rc == SCARD_E_TIMEOUT) return known;
  // The reader may vanish between listing and asking: that is a change like any other.
  if (rc == SCARD_E_UNKNOWN_READER) return static_cast<DWORD>(SCARD_STATE_UNKNOWN);
  if (rc != SCARD_S_SUCCESS) return lost(context, rc, "cannot watch the reader");
  return state.dwEventState;
}

/// Where there is no event to wait for.
void pause(Clock::duration at_most) {
  constexpr milliseconds kPause{250};
  (void)::poll(nullptr, 0, static_cast<int>(in_milliseconds(std::min<Clock::duration>(at_most, kPause))));
}

}  // namespace

/// One wait with a deadline: tells the person once, and gives up when asked to.
class Waiting {
 public:
  explicit Waiting(const WaitOptions& options) : options_{options}, until_{Clock::now() + options.deadline} {}

  /// `what` is what is being waited for; returns the time that is left.
  Result<Clock::duration> left(const std::string& what) {
    const auto now = Clock::now();
    if (now >= until_) return fail(Errc::unavailable, what + " did not appear in time");
    if (options_.interrupted && options_.interrupted())
      return fail(Errc::unavailable, "interrupted while waiting");
    if (!told_ && options_.tell) options_.tell("waiting for " + what);
    told_ = true;
    return until_ - now;
  }

 private:
  const WaitOptions& options_;
  Clock::time_point until_;
  bool told_ = false;
};

namespace {

Result<std::string> wait_for_reader(Context& context, const std::string& wanted, Waiting& waiting) {
  const std::string what = wanted.empty() ? "a reader" : "the reader \"" + wanted + "\"";
  for (DWORD known = SCARD_STATE_UNAWARE;;) {
    CARDEA_TRY(const auto names, reader_names(context));
    auto picked = pick_reader(names, wanted);
    if (picked || picked.error().code == Errc::conflict) return picked;
    CARDEA_TRY(const auto left, waiting.left(what));
    CARDEA_TRY(known, wait_change(context, kPlugAndPlay, known, left));
    known &= ~static_cast<DWORD>(SCARD_STATE_CHANGED);
  }
}

/// How often a card came or went, as pcsc-lite reports it in the upper half of a reader's state.
unsigned long event_count(DWORD state) {
  return (state >> 16U) & 0xFFFFU;
}

/// The event count with which a card is there; nothing when the reader went away meanwhile. With `not_event`
/// only a card that came after that count will do.
Result<std::optional<unsigned long>> wait_for_card(Context& context, const std::string& reader,
                                                   Waiting& waiting, std::optional<unsigned long> not_event) {
  const std::string what =
      std::string{not_event ? "the next card" : "a card"} + " in the reader \"" + reader + "\"";
  const auto fits = [&](DWORD state) {
    return (state & SCARD_STATE_PRESENT) != 0 && (!not_event || event_count(state) != *not_event);
  };
  CARDEA_TRY(DWORD known, wait_change(context, reader.c_str(), SCARD_STATE_UNAWARE, milliseconds{200}));
  for (;;) {
    if ((known & (SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE)) != 0) return std::optional<unsigned long>{};
    if (fits(known)) return std::optional{event_count(known)};
    known &= ~static_cast<DWORD>(SCARD_STATE_CHANGED);
    CARDEA_TRY(const auto left, waiting.left(what));
    CARDEA_TRY(known, wait_change(context, reader.c_str(), known, left));
  }
}

}  // namespace

Result<std::string> pick_reader(const std::vector<std::string>& names, const std::string& wanted) {
  if (std::find(names.begin(), names.end(), wanted) != names.end()) return wanted;
  std::vector<std::string> fitting;
  std::copy_if(names.begin(), names.end(), std::back_inserter(fitting),
               [&](const std::string& name) { return lower(name).find(lower(wanted)) != std::string::npos; });
  if (fitting.empty()) return fail(Errc::not_found, "no reader is named \"" + wanted + "\"");
  if (fitting.size() == 1) return fitting.front();
  std::string list;
  for (const auto& name : fitting)
    list += "\n  " + name;
  return fail(Errc::conflict, "several readers fit \"" + wanted + "\"; name one with --reader:" + list);
}

Result<std::vector<Reader>> list_readers() {
  CARDEA_TRY(const auto context, Context::open());
  CARDEA_TRY(const auto names, reader_names(*context));
  std::vector<Reader> out;
  for (const auto& name : names) {
    SCARD_READERSTATE state{};
    state.szReader = name.c_str();
    Reader reader;
    reader.name = name;
    if (SCardGetStatusChange(context->get(), 0, &state, 1) == SCARD_S_SUCCESS) {
      reader.card_present = (state.dwEventState & SCARD_STATE_PRESENT) != 0;
      reader.in_use = (state.dwEventState & SCARD_STATE_INUSE) != 0;
      reader.exclusive = (state.dwEventState & SCARD_STATE_EXCLUSIVE) != 0;
      if (reader.card_present)
        reader.atr.assign(state.rgbAtr, state.rgbAtr + std::min<DWORD>(state.cbAtr, MAX_ATR_SIZE));
    }
    out.push_back(std::move(reader));
  }
  return out;
}

Result<Connected> connect_card(const std::string& wanted, const WaitOptions& options) {
  return CardFeed{wanted}.current(options);
}

Result<Connected> CardFeed::current(const WaitOptions& options) {
  return connect(options, false);
}

Result<Connected> CardFeed::next(const WaitOptions& options) {
  return connect(options, true);
}

Result<Connected> CardFeed::connect(const WaitOptions& options, bool another) {
  Waiting waiting{options};
  for (auto context = context_ ? Result<std::shared_ptr<Context>>{context_} : Context::open();;
       context = Context::open()) {
    auto connected = context ? connect_in(*context, waiting, another) : tl::unexpected{context.error()};
    const bool lost = !context || (*context)->lost();
    // Where no card ever came, a service that does not run is a mistake in the set-up.
    if (!lost || reader_.empty()) return connected;
    context_.reset();
    another = false;
    CARDEA_TRY(const auto left, waiting.left("the PC/SC service"));
    pause(left);
  }
}

Result<Connected> CardFeed::connect_in(const std::shared_ptr<Context>& context, Waiting& waiting,
                                       bool another) {
  for (;;) {
    CARDEA_TRY(auto reader, wait_for_reader(*context, wanted_, waiting));
    const bool same_reader = reader == reader_;
    CARDEA_TRY(const auto event,
               wait_for_card(*context, reader, waiting,
                             another && same_reader ? std::optional{last_event_} : std::nullopt));
    if (!event) continue;  // the reader went away meanwhile
    auto channel = PcscChannel::open(context, reader);
    // Between the event and the connection the card may have gone again, or the service: as if it had never
    // come.
    if (!channel && (!present() || !reader_names(*context))) continue;
    if (!channel) return tl::unexpected{channel.error()};
    context_ = context;
    reader_ = reader;
    last_event_ = *event;
    return Connected{std::move(reader), *std::move(channel)};
  }
}

void CardFeed::wait_for_change(std::chrono::milliseconds at_most) const {
  const auto context = Context::open();
  if (!context) return pause(at_most);
  const char* name = reader_.empty() ? kPlugAndPlay : reader_.c_str();
  const auto known = wait_change(**context, name, SCARD_STATE_UNAWARE, milliseconds{0});
  if (known) (void)wait_change(**context, name, *known & ~static_cast<DWORD>(SCARD_STATE_CHANGED), at_most);
}

bool CardFeed::present() const {
  const auto readers = list_readers();
  if (!readers) return false;
  std::vector<std::string> names;
  for (const auto& reader : *readers)
    names.push_back(reader.name);
  const auto name = pick_reader(names, wanted_);
  return name && std::any_of(readers->begin(), readers->end(), [&](const Reader& reader) {
           return reader.name == *name && reader.card_present;
         });
}

}  // namespace cardea::cms
