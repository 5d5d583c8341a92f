#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cardea/result.h"

namespace cardea::cli {

using Json = nlohmann::json;

struct Answer {
  int status = 0;
  Json body;
};

/// The way to the server. Errors: `unavailable`, when there is no server or it breaks off.
class Client {
 public:
  Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  virtual ~Client() = default;

  /// `body` is sent as JSON unless it is null.
  virtual Result<Answer> send(const std::string& method, const std::string& path, const Json& body) = 0;
};

/// HTTP over the server's Unix socket, one connection a request.
std::unique_ptr<Client> connect_to(const std::filesystem::path& socket);

/// Reads as `real` does; what would change something is described in the answer and not sent.
std::unique_ptr<Client> dry_run(std::unique_ptr<Client> real);

/// %XX for everything but unreserved characters (RFC 3986, 2.3).
std::string percent_encoded(const std::string& text);

}  // namespace cardea::cli
