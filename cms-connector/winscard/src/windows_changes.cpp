#include "cardea/winscard/windows_changes.h"

#include <algorithm>

namespace cardea::winscard {

namespace {

using pcsc_link::ReaderList;

Code admit(std::span<const Watched> /*watched*/, const ReaderList& /*now*/) {
  return pcsc_link::code::kSuccess;
}

bool judge_one(Watched& entry, const ReaderList& before, const ReaderList& now) {
  if ((entry.current & watch::kIgnore) != 0) {
    entry.event = watch::kIgnore;
    return false;
  }
  if (is_plug_and_play(entry.name)) return judge_notification(entry, now.readers.size());
  const bool known =
      std::ranges::find(now.readers, entry.name, &pcsc_link::ReaderRecord::name) != now.readers.end();
  return known ? kPcscliteChanges.judge({&entry, 1}, before, now) : mark_unknown(entry);
}

bool judge(std::span<Watched> watched, const ReaderList& before, const ReaderList& now) {
  bool over = false;
  for (auto& entry : watched)
    over = judge_one(entry, before, now) || over;
  return over;
}

}  // namespace

bool judge_notification(Watched& entry, std::size_t readers) {
  const bool changed = entry.current >> 16U != (readers & 0xFFFFU);
  entry.event = static_cast<std::uint32_t>(readers) << 16U | (changed ? watch::kChanged : 0);
  return changed;
}

bool mark_unknown(Watched& entry) {
  const bool changed = (entry.current & watch::kUnknown) == 0;
  entry.event = watch::kUnknown | watch::kIgnore | (changed ? watch::kChanged : 0);
  entry.atr = Bytes{};
  return changed;
}

const ChangePolicy kWindowsChanges{&admit, &judge};

}  // namespace cardea::winscard
