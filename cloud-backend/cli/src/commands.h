#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "client.h"
#include "table.h"

namespace cardea::cli {

/// One request to the server and how its answer looks to people.
struct Call {
  std::string method = "GET";
  std::string path;
  Json body;
  bool list = false;
  Columns columns;
  std::string sentence;      ///< printed in front of the sheet: "Card blocked."
  bool destructive = false;  ///< a dry run unless the option --execute is given
  /// Does all of it instead, where one request is not enough; returns the exit status.
  std::function<int(Client&, bool json)> act;
};

/// Declares all nouns and verbs. The verb that is used leaves its call in `out`.
void declare_commands(CLI::App& app, Call& out, bool& execute);

}  // namespace cardea::cli
