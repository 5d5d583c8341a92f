#pragma once

#include <functional>

#include "commands.h"

namespace cardea::cli {

// For those who declare commands.

CLI::App* noun(CLI::App& app, const char* name, const char* text);

/// `fill` makes the call from the options once the command line is read.
CLI::App* verb(CLI::App* to, const char* name, const char* text, Call& out, std::function<void(Call&)> fill);

/// Pool, versions of keys, key modes. After the organisations.
void declare_keys(CLI::App& app, Call& out);
/// The log of changes: after the views. Thawing: after the cards.
void declare_audit(CLI::App& app, Call& out);
void declare_thaw(CLI::App& app, Call& out);
/// Shares and PINs. After the keys.
void declare_unseal(CLI::App& app, Call& out);

/// Master keys of cards' keys. After the organisations.
void declare_card_keys(CLI::App& app, Call& out, bool& execute);

/// A tenant's escrow key and its use.
void declare_escrow(CLI::App& app, Call& out);

}  // namespace cardea::cli
