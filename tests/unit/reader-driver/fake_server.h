#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cardea/api/channel.h"
#include "cardea/api/http.h"

namespace cardea::test {

/// The server as an agent meets it, without TLS and cards: every step but a reset is answered 9000, and the
/// test says what goes wrong. Thread-safe.
class FakeServer {
 public:
  enum class Mishap {
    none,
    not_reached,   ///< the request is lost on its way
    reply_lost,    ///< it is run, and the reply is lost
    session_gone,  ///< 410
    unknown,       ///< 404
    forbidden,     ///< 403
    nonsense,      ///< 200 and a body that is no reply
    hangs,         ///< no answer until `release`, and none then
  };

  struct Heard {
    std::string session;
    api::Exchange exchange;
    friend bool operator==(const Heard&, const Heard&) = default;
  };

  /// What the next requests to open a session, or the next exchanges, meet; `none` once these are used up.
  void next_opens(std::vector<Mishap> mishaps);
  void next_exchanges(std::vector<Mishap> mishaps);
  void next_lists(std::vector<Mishap> mishaps);
  /// The body of GET /v1/cards.
  void set_cards(std::string json);

  /// Waits until this many exchanges have arrived; all that have, in order.
  std::vector<Heard> wait_for_exchanges(std::size_t count);
  [[nodiscard]] std::vector<Heard> exchanges() const;
  /// Waits until this many requests have met `hangs`.
  void wait_for_hanging(std::size_t count);
  /// Lets those go, for good.
  void release();

  [[nodiscard]] unsigned opened() const;
  [[nodiscard]] std::vector<std::string> closed() const;
  /// How many exchanges were run, without those that were repeated.
  [[nodiscard]] std::size_t runs() const;

  Result<api::HttpReply> send(const api::HttpRequest& request);

 private:
  using Lock = std::unique_lock<std::mutex>;
  using Queue = std::deque<Mishap>;
  Result<api::HttpReply> open();
  Result<api::HttpReply> exchange(const std::string& session, const std::string& body);
  Result<api::HttpReply> hang(Lock& lock);
  static Mishap take(Queue& queue);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Queue opens_;
  Queue exchange_mishaps_;
  Queue lists_;
  std::string cards_ = R"({"cards":[]})";
  std::vector<Heard> exchanges_;
  std::map<std::pair<std::string, std::uint64_t>, std::string> replies_;
  std::vector<std::string> closed_;
  unsigned opened_ = 0;
  std::size_t hanging_ = 0;
  bool released_ = false;
};

class FakeConnection final : public api::HttpConnection {
 public:
  explicit FakeConnection(std::shared_ptr<FakeServer> server) : server_{std::move(server)} {}
  Result<api::HttpReply> send(const api::HttpRequest& request) override { return server_->send(request); }

 private:
  std::shared_ptr<FakeServer> server_;
};

class FakeConnector final : public api::HttpConnector {
 public:
  explicit FakeConnector(std::shared_ptr<FakeServer> server) : server_{std::move(server)} {}
  std::unique_ptr<api::HttpConnection> connect(const api::ServerAddress& /*address*/) override {
    return std::make_unique<FakeConnection>(server_);
  }

 private:
  std::shared_ptr<FakeServer> server_;
};

}  // namespace cardea::test
