#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>

#include "cardea/result.h"

namespace cardea::agent {

// The control socket (a named pipe on Windows): one JSON object a line each way, {"verb": …} to {"ok": …} or
// {"error": …, "code": …}. Only the agent's own user and root are heard.

/// Answers one request.
using Handler = std::function<Result<nlohmann::json>(const nlohmann::json& request)>;

/// Serves until `stop` is asked for. Errors: those of LocalListener::listen.
Result<void> serve_control(const std::filesystem::path& socket, const Handler& handler,
                           const std::stop_token& stop);

/// One request to a running agent. Errors: `unavailable` when none runs; else what the agent says.
Result<nlohmann::json> ask(const std::filesystem::path& socket, const nlohmann::json& request);

}  // namespace cardea::agent
