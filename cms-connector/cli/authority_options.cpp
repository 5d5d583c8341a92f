#include "authority_options.h"

#include <iostream>

namespace cardea::cms::cli {

Outcome<std::unique_ptr<ca::Authority>> open_authority(const Options& options) {
  if (options.ca_directory.empty() == options.ca_command.empty())
    return usage("name the authority with --ca DIRECTORY or --ca-command COMMAND");
  if (!options.execute) {
    return ca::make_dry_run_authority(
        options.ca_command.empty() ? options.ca_directory : "\"" + options.ca_command + "\"",
        options.json ? std::cerr : std::cout);
  }
  if (!options.ca_command.empty())
    return ca::make_command_authority(options.ca_command, std::chrono::seconds{options.ca_timeout_seconds});
  auto local = ca::open_local_authority(options.ca_directory);
  if (!local) return tl::unexpected{Failure{Exit::ca_failed, local.error().what}};
  return *std::move(local);
}

}  // namespace cardea::cms::cli
