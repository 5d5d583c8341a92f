#pragma once

#include <CLI/CLI.hpp>

#include "options.h"

/// Options that several verbs share, and the verbs that have a file of their own.
namespace cardea::cms::cli {

void add_card_options(CLI::App& command, Options& options);
/// Files with what the card opens with now.
void add_current_secrets(CLI::App& command, Options& options);
/// These, and files with what it is to open with.
void add_secret_options(CLI::App& command, Options& options);
void add_channel_option(CLI::App& command, Options& options);
/// What an authority on the network needs.
void add_remote_options(CLI::App& command, Options& options);
void add_authority_options(CLI::App& command, Options& options);

/// Keys that are made off the card, and their escrow.
void add_key_options(CLI::App& command, Options& options);
/// inspect, unblock, change-pin, change-puk, renew, revoke, recycle
void add_care_commands(CLI::App& app, Options& options, int& exit);
/// gp info, list, put-key, delete-key, store-data, secure, lock, unlock
void add_gp_commands(CLI::App& app, Options& options, int& exit);
void add_batch_command(CLI::App& app, Options& options, int& exit);

}  // namespace cardea::cms::cli
