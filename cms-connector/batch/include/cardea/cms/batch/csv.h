#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cardea/result.h"

namespace cardea::cms::batch {

/// One record of a table, with the line on which it begins (from 1; a quoted field may hold line breaks).
struct CsvRow {
  std::size_t line = 0;
  std::vector<std::string> fields;
};

/// Reads a table as RFC 4180 has it: fields between commas, quoted where they hold commas, quotes or line
/// breaks, a quote inside doubled. UTF-8, with or without a byte order mark; lines end with CR LF or LF.
/// Empty lines are skipped.
///
/// Errors: `invalid`, naming line and column.
Result<std::vector<CsvRow>> parse_csv(std::string_view text);

}  // namespace cardea::cms::batch
