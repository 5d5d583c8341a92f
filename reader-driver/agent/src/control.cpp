#include "control.h"

#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>

#include "platform/local_socket.h"

namespace cardea::agent {

namespace {

constexpr std::size_t kMaxLine = 1U << 20U;
constexpr std::chrono::milliseconds kLookAround{200};  // between looks at the stop token

bool send_line(LocalConnection& to, const nlohmann::json& value) {
  // Labels and names may hold anything: what is no UTF-8 is replaced, and does not throw.
  return to.send(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

/// Nothing when the other end closes first or says too much.
std::optional<std::string> receive_line(LocalConnection& from) {
  std::string line;
  std::array<char, 4096> piece{};
  while (line.size() < kMaxLine) {
    const auto n = from.receive(piece);
    if (n == 0) return std::nullopt;
    line.append(piece.data(), n);
    if (line.back() == '\n') return line;
  }
  return std::nullopt;
}

Result<nlohmann::json> answer_to(const nlohmann::json& request, const Handler& handler) {
  if (!request.is_object()) return fail(Errc::invalid, "not a JSON object");
  try {
    return handler(request);
  } catch (const nlohmann::json::exception&) {
    return fail(Errc::invalid, "not a request: a member has another type");
  }
}

void serve_one(LocalConnection& client, const Handler& handler) {
  const auto line = receive_line(client);
  if (!line) return;
  const auto request = nlohmann::json::parse(*line, nullptr, false);
  const auto answer = answer_to(request, handler);
  const nlohmann::json reply =
      answer ? nlohmann::json{{"ok", *answer}}
             : nlohmann::json{{"error", answer.error().what}, {"code", answer.error().code}};
  (void)send_line(client, reply);
}

}  // namespace

Result<void> serve_control(const std::filesystem::path& socket, const Handler& handler,
                           const std::stop_token& stop) {
  CARDEA_TRY(const auto listener, LocalListener::listen(socket));
  while (!stop.stop_requested()) {
    const std::shared_ptr<LocalConnection> client = listener->accept(kLookAround);
    if (!client) continue;
    // A request may take seconds (inserting waits for the reader): each has a thread.
    std::thread{[client, handler] {
      try {
        serve_one(*client, handler);
      } catch (...) {
        // A request that cannot be answered ends its connection and nothing else.
      }
    }}.detach();
  }
  return {};
}

Result<nlohmann::json> ask(const std::filesystem::path& socket, const nlohmann::json& request) {
  auto connected = connect_local(socket);
  if (!connected)
    return fail(Errc::unavailable, "no agent is running here (" + connected.error().what +
                                       "); start one with: cardea-agent run");
  if (!send_line(**connected, request)) return fail(Errc::unavailable, "the agent went away");
  const auto line = receive_line(**connected);
  const auto reply = line ? nlohmann::json::parse(*line, nullptr, false) : nlohmann::json{};
  if (!reply.is_object()) return fail(Errc::unavailable, "the agent went away without an answer");
  if (reply.contains("error"))
    return fail(static_cast<Errc>(reply.value("code", 0)), reply.value("error", ""));
  return reply.value("ok", nlohmann::json{});
}

}  // namespace cardea::agent
