#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent.h"
#include "cardea/resource/manager.h"
#include "cardea/resource/server.h"

namespace CLI {
class App;
}

namespace cardea::agent {

/// Where `run` shows cards, as the command line has it.
struct PlaceOptions {
  PlaceOptions();

  std::string readers;
  std::string ifd_socket = "/run/cardea/ifd.sock";
  std::string pcsc_socket;
  std::string vpcd = "127.0.0.1:35963";
  unsigned vpcd_slots = 2;
  bool vpcd_allow_remote = false;
};

/// The command line's part of it. `options` is filled when the line is parsed.
void add_options(CLI::App& verb, PlaceOptions& options);

/// What no single option shows to be wrong. Errors: `invalid`, with a sentence that says what to do.
Result<void> check(const PlaceOptions& options);

/// A line for the log for each kind of reader.
std::vector<std::string> describe(const PlaceOptions& options);

/// The readers, and what they need.
struct Places {
  Agent::Readers ports;
  std::shared_ptr<resource::Manager> manager;
  std::unique_ptr<resource::Server> server;  // ends before the manager
};

/// Errors: those of listening for connectors.
Result<Places> open_places(const PlaceOptions& options);

}  // namespace cardea::agent
