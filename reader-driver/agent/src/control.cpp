#include "control.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace cardea::agent {

namespace {

constexpr std::size_t kMaxLine = 1U << 20U;
constexpr int kLookAround = 200;  // milliseconds between looks at the stop token

bool send_line(int fd, const nlohmann::json& value) {
  // Labels and names may hold anything: what is no UTF-8 is replaced, and does not throw.
  const auto line = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  std::string_view rest{line};
  while (!rest.empty()) {
    const auto n = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

/// Nothing when the other end closes first or says too much.
std::optional<std::string> receive_line(int fd) {
  std::string line;
  std::array<char, 4096> piece{};
  while (line.size() < kMaxLine) {
    const auto n = ::recv(fd, piece.data(), piece.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    line.append(piece.data(), static_cast<std::size_t>(n));
    if (line.back() == '\n') return line;
  }
  return std::nullopt;
}

bool heard(int fd) {
  const auto peer = link::peer_of(fd);
  return peer && (peer->user == 0 || peer->user == ::geteuid());
}

Result<nlohmann::json> answer_to(const nlohmann::json& request, const Handler& handler) {
  if (!request.is_object()) return fail(Errc::invalid, "not a JSON object");
  try {
    return handler(request);
  } catch (const nlohmann::json::exception&) {
    return fail(Errc::invalid, "not a request: a member has another type");
  }
}

void serve_one(const link::Descriptor& client, const Handler& handler) {
  const auto line = receive_line(client.get());
  if (!line) return;
  const auto request = nlohmann::json::parse(*line, nullptr, false);
  const auto answer = answer_to(request, handler);
  const nlohmann::json reply =
      answer ? nlohmann::json{{"ok", *answer}}
             : nlohmann::json{{"error", answer.error().what}, {"code", answer.error().code}};
  (void)send_line(client.get(), reply);
}

}  // namespace

Result<void> serve_control(const std::filesystem::path& socket, const Handler& handler,
                           const std::stop_token& stop) {
  CARDEA_TRY(const auto listener, link::listen_on(socket.string()));
  while (!stop.stop_requested()) {
    pollfd watched{listener.get(), POLLIN, 0};
    if (::poll(&watched, 1, kLookAround) <= 0) continue;
    auto client =
        std::make_shared<link::Descriptor>(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!*client || !heard(client->get())) continue;
    // A request may take seconds (inserting waits for the reader): each has a thread.
    std::thread{[client, handler] {
      try {
        serve_one(*client, handler);
      } catch (...) {
        // A request that cannot be answered ends its connection and nothing else.
      }
    }}.detach();
  }
  ::unlink(socket.c_str());
  return {};
}

Result<nlohmann::json> ask(const std::filesystem::path& socket, const nlohmann::json& request) {
  auto connected = link::connect_to(socket.string());
  if (!connected)
    return fail(Errc::unavailable, "no agent is running here (" + connected.error().what +
                                       "); start one with: cardea-agent run");
  if (!send_line(connected->get(), request)) return fail(Errc::unavailable, "the agent went away");
  const auto line = receive_line(connected->get());
  const auto reply = line ? nlohmann::json::parse(*line, nullptr, false) : nlohmann::json{};
  if (!reply.is_object()) return fail(Errc::unavailable, "the agent went away without an answer");
  if (reply.contains("error"))
    return fail(static_cast<Errc>(reply.value("code", 0)), reply.value("error", ""));
  return reply.value("ok", nlohmann::json{});
}

}  // namespace cardea::agent
