#pragma once

#include <CLI/CLI.hpp>

#include "options.h"

/// Options that several verbs share, and the verbs that have a file of their own.
namespace cardea::cms::cli {

void add_card_options(CLI::App& command, Options& options);
void add_secret_options(CLI::App& command, Options& options);
/// What an authority on the network needs.
void add_remote_options(CLI::App& command, Options& options);
void add_authority_options(CLI::App& command, Options& options);

void add_batch_command(CLI::App& app, Options& options, int& exit);

}  // namespace cardea::cms::cli
