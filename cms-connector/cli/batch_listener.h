#pragma once

#include <chrono>
#include <memory>
#include <ostream>
#include <string>

#include "cardea/cms/batch/batch.h"

namespace cardea::cms::cli {

/// Where and how a batch is shown.
enum class BatchView : std::uint8_t {
  bar,    ///< one line on a terminal that is drawn anew, and a line for each card
  lines,  ///< a line for each card
  json,   ///< a JSON document for each event, one a line
};

/// `already`: how many cards were done before this run.
std::unique_ptr<batch::Listener> make_batch_listener(BatchView view, std::ostream& out, std::size_t already);

/// The bar itself: `[=====>    ] 12/25  31.5 cards/min  0:25 left  Ada Example: 9C generate`. Times are of
/// this run; `width` is the terminal's.
std::string bar_line(std::size_t done, std::size_t count, std::size_t done_now,
                     std::chrono::milliseconds took, const std::string& what, std::size_t width);

}  // namespace cardea::cms::cli
