#pragma once

#include <cstddef>

#include "cardea/winscard/status_change.h"

namespace cardea::winscard {

/// As Windows does: an unknown reader is a state and no error, and the plug and play reader carries the
/// number of readers in its upper 16 bits and is told when that differs.
extern const ChangePolicy kWindowsChanges;

/// The plug and play entry when there are so many readers; whether that is news.
bool judge_notification(Watched& entry, std::size_t readers);

/// An entry whose reader does not exist; whether that is news.
bool mark_unknown(Watched& entry);

}  // namespace cardea::winscard
