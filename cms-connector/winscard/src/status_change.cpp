#include "cardea/winscard/status_change.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace cardea::winscard {

namespace {

using pcsc_link::ReaderList;
using pcsc_link::ReaderRecord;
namespace reader_state = pcsc_link::reader_state;

constexpr std::uint32_t kCounter = 0xFFFF0000;

const ReaderRecord* find(const ReaderList& list, const std::string& name) {
  const auto at = std::ranges::find(list.readers, name, &ReaderRecord::name);
  return at == list.readers.end() ? nullptr : &*at;
}

/// The state of a reader as an event, without kChanged.
std::uint32_t as_event(const ReaderRecord& reader) {
  if ((reader.state & reader_state::kUnknown) != 0) return watch::kUnavailable;
  auto out = static_cast<std::uint32_t>(reader.events) << 16U;
  const bool present = (reader.state & reader_state::kPresent) != 0;
  out |= present ? watch::kPresent : watch::kEmpty;
  if (present && (reader.state & reader_state::kSwallowed) != 0) out |= watch::kMute;
  if (reader.sharing == pcsc_link::kExclusivelyShared) out |= watch::kExclusive;
  if (reader.sharing > 0 && present) out |= watch::kInUse;
  return out;
}

/// Whether what a program believes is contradicted. Flags that it does not know of contradict nothing: who
/// says "present" is not told that the card is in use.
bool differs(std::uint32_t current, std::uint32_t event, const ReaderRecord& reader) {
  const auto believes = [current](std::uint32_t flag) { return (current & flag) != 0; };
  const auto is = [event](std::uint32_t flag) { return (event & flag) != 0; };
  if (current == watch::kUnaware || believes(watch::kUnknown)) return true;
  if (believes(watch::kUnavailable) != is(watch::kUnavailable)) return true;
  if (believes(kCounter) && (current >> 16U) != reader.events) return true;
  if (believes(watch::kPresent) && is(watch::kEmpty)) return true;
  if (believes(watch::kEmpty) && is(watch::kPresent)) return true;
  if (is(watch::kPresent) && believes(watch::kMute) != is(watch::kMute)) return true;
  if (believes(watch::kInUse) && (is(watch::kExclusive) || reader.sharing == 0)) return true;
  return believes(watch::kExclusive) && !is(watch::kExclusive) &&
         (reader.sharing == 0 || is(watch::kPresent));
}

/// Whether the call is over because of this reader.
bool judge_one(Watched& entry, const ReaderList& before, const ReaderList& now) {
  const auto* reader = find(now, entry.name);
  if (reader == nullptr && is_plug_and_play(entry.name)) {
    const bool changed = before.readers.size() != now.readers.size();
    entry.event = changed ? watch::kChanged : 0;
    return changed;
  }
  if (reader == nullptr) {
    const bool news = (entry.current & watch::kUnknown) == 0;
    entry.event = watch::kUnknown | watch::kUnavailable | (news ? watch::kChanged : 0);
    return news;
  }
  entry.event = as_event(*reader);
  entry.atr = (entry.event & watch::kPresent) != 0 ? reader->atr : Bytes{};
  const bool changed = differs(entry.current, entry.event, *reader);
  if (changed) entry.event |= watch::kChanged;
  return changed;
}

Code admit(std::span<const Watched> watched, const ReaderList& now) {
  const bool known = std::ranges::all_of(watched, [&](const Watched& entry) {
    return find(now, entry.name) != nullptr || is_plug_and_play(entry.name);
  });
  return known ? pcsc_link::code::kSuccess : pcsc_link::code::kUnknownReader;
}

bool judge(std::span<Watched> watched, const ReaderList& before, const ReaderList& now) {
  bool over = false;
  for (auto& entry : watched) {
    if ((entry.current & watch::kIgnore) != 0) {
      entry.event = 0;
      continue;
    }
    over = judge_one(entry, before, now) || over;
  }
  return over;
}

}  // namespace

bool is_plug_and_play(const std::string& name) {
  const auto lower = [](unsigned char c) { return std::tolower(c); };
  return std::ranges::equal(name, std::string_view{kPlugAndPlay}, {}, lower, lower);
}

const ChangePolicy kPcscliteChanges{&admit, &judge};

}  // namespace cardea::winscard
