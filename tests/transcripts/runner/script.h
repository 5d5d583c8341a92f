#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace cardea::transcript {

/// A transcript that cannot be read or did not go as written; `what` is one sentence for people.
struct Mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One directive of a transcript: `word` and what follows it, continuation lines joined.
struct Line {
  int number = 0;    ///< where it begins in the file, from 1
  std::string word;  ///< ">", "<", "let", "power-cycle" …
  std::string rest;
};

/// Takes a transcript apart: comments go, indented lines continue the one before.
std::vector<Line> read_script(std::string_view text);

/// Without white space at either end.
std::string trim(std::string_view text);

/// At `separator`, where it is outside braces; parts are trimmed.
std::vector<std::string> split(std::string_view text, char separator);

}  // namespace cardea::transcript
