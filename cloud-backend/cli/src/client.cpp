#include "client.h"

#include <httplib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <system_error>

namespace cardea::cli {
namespace {

// The making of an organisation's keys in an HSM is the longest of what is asked here.
constexpr std::chrono::seconds kPatience{120};

class SocketClient final : public Client {
 public:
  explicit SocketClient(std::filesystem::path socket) : path_{std::move(socket)} {}

  Result<Answer> send(const std::string& method, const std::string& path, const Json& body) override {
    if (path_.native().size() >= sizeof sockaddr_un::sun_path)
      return fail(Errc::unavailable, "the path of the socket is too long: " + path_.string());
    // Absolute: a relative one with a colon in it would be read as host and port.
    httplib::Client client{std::filesystem::absolute(path_).string()};
    client.set_address_family(AF_UNIX);
    client.set_read_timeout(kPatience);
    httplib::Request request;
    request.method = method;
    request.path = path;
    request.headers = {{"Host", "cardead"}};
    if (!body.is_null()) {
      request.body = body.dump();
      request.headers.emplace("Content-Type", "application/json");
    }
    errno = 0;
    const auto reply = client.send(request);
    if (!reply) return unreachable(reply.error(), errno);
    Answer answer{reply->status, nullptr};
    if (reply->body.empty()) return answer;
    answer.body = Json::parse(reply->body, nullptr, false);
    if (answer.body.is_discarded()) return fail(Errc::unavailable, "the server's answer is cut off");
    return answer;
  }

 private:
  [[nodiscard]] tl::unexpected<Error> unreachable(httplib::Error error, int system_error) const {
    if (error != httplib::Error::Connection)
      return fail(Errc::unavailable, "the server's answer is cut off: " + httplib::to_string(error));
    return fail(Errc::unavailable, "no server answers at " + path_.string() + ": " +
                                       std::error_code{system_error, std::generic_category()}.message());
  }

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
