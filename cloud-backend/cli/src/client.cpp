#include "client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <system_error>

namespace cardea::cli {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_{fd} {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Result<Answer> parse_answer(const std::string& text) {
  const auto end = text.find("\r\n\r\n");
  const auto broken = [] { return fail(Errc::unavailable, "the server's answer is cut off"); };
  constexpr std::size_t kStatusAt = 9;  // after "HTTP/1.1 "
  if (end == std::string::npos || text.compare(0, 5, "HTTP/") != 0) return broken();
  Answer answer;
  const char* digits = text.data() + kStatusAt;
  if (std::from_chars(digits, digits + 3, answer.status).ptr != digits + 3) return broken();
  const auto body = text.substr(end + 4);
  if (body.empty()) return answer;
  answer.body = Json::parse(body, nullptr, false);
  if (answer.body.is_discarded()) return broken();
  return answer;
}

class SocketClient final : public Client {
 public:
  explicit SocketClient(std::filesystem::path socket) : path_{std::move(socket)} {}

  Result<Answer> send(const std::string& method, const std::string& path, const Json& body) override {
    const auto unreachable = [this] {
      return fail(Errc::unavailable, "no server answers at " + path_.string() + ": " +
                                         std::error_code{errno, std::generic_category()}.message());
    };
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto& name = path_.native();
    if (name.size() >= sizeof address.sun_path) {
      return fail(Errc::unavailable, "the path of the socket is too long: " + name);
    }
    std::copy(name.begin(), name.end(), &address.sun_path[0]);
    const Descriptor fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto* generic =
        reinterpret_cast<const sockaddr*>(&address);  // NOLINT(*-reinterpret-cast): the sockets API
    if (fd.get() < 0 || ::connect(fd.get(), generic, sizeof address) != 0) return unreachable();

    const auto content = body.is_null() ? std::string{} : body.dump();
    std::string request = method + " " + path +
                          " HTTP/1.1\r\nHost: cardead\r\nConnection: close\r\nContent-Length: " +
                          std::to_string(content.size()) + "\r\n";
    if (!content.empty()) request += "Content-Type: application/json\r\n";
    request += "\r\n" + content;
    for (std::size_t sent = 0; sent < request.size();) {
      const auto n = ::send(fd.get(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return unreachable();
      sent += static_cast<std::size_t>(n);
    }
    std::string text;
    std::array<char, 16384> part{};
    for (;;) {
      const auto n = ::recv(fd.get(), part.data(), part.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return unreachable();
      if (n == 0) return parse_answer(text);
      text.append(part.data(), static_cast<std::size_t>(n));
    }
  }

 private:
  std::filesystem::path path_;
};

class DryRunClient final : public Client {
 public:
  explicit DryRunClient(std::unique_ptr<Client> real) : real_{std::move(real)} {}

  Result<Answer> send(const std::string& method, const std::string& path, const Json& body) override {
    if (method == "GET") return real_->send(method, path, body);
    return Answer{200, {{"dry_run", true}, {"method", method}, {"path", path}}};
  }

 private:
  std::unique_ptr<Client> real_;
};

}  // namespace

std::unique_ptr<Client> connect_to(const std::filesystem::path& socket) {
  return std::make_unique<SocketClient>(socket);
}

std::unique_ptr<Client> dry_run(std::unique_ptr<Client> real) {
  return std::make_unique<DryRunClient>(std::move(real));
}

std::string percent_encoded(const std::string& text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    const bool unreserved = (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') ||
                            c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out += c;
    } else {
      out += '%';
      out += kDigits[u >> 4U];
      out += kDigits[u & 0x0FU];
    }
  }
  return out;
}

}  // namespace cardea::cli
