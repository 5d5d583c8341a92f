#include "cardea/http/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "connection.h"
#include "listener.h"

namespace cardea::http {
namespace {

/// What an epoll event belongs to, in its data pointer: a connection, or one of these two marks.
constexpr char kListenerMark = 'l';
constexpr char kWakeMark = 'w';

class EpollServer final : public Server {
 public:
  EpollServer(ServerOptions options, Handler handler, int listener)
      : options_{std::move(options)},
        handler_{std::move(handler)},
        rules_{options_.max_body, options_.handshake, options_.idle, options_.request},
        listener_{listener},
        port_{bound_port(listener)},
        tls_{options_.tls} {}

  EpollServer(const EpollServer&) = delete;
  EpollServer& operator=(const EpollServer&) = delete;
  ~EpollServer() override {
    stop();
    for (const int fd : {listener_, epoll_, wake_, spare_}) {
      if (fd >= 0) ::close(fd);
    }
  }

  Result<void> run() {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    spare_ = ::eventfd(0, EFD_CLOEXEC);
    if (epoll_ < 0 || wake_ < 0 || !watch(wake_, EPOLL_CTL_ADD, EPOLLIN, mark(kWakeMark)) ||
        !watch(listener_, EPOLL_CTL_ADD, EPOLLIN | EPOLLONESHOT, mark(kListenerMark))) {
      return fail(Errc::unavailable, "epoll: " + std::error_code{errno, std::generic_category()}.message());
    }
    for (unsigned i = 0; i < options_.threads; ++i)
      workers_.emplace_back([this] { work(); });
    keeper_ = std::thread{[this] { keep_time(); }};
    return {};
  }

  [[nodiscard]] std::uint16_t port() const override { return port_; }

  [[nodiscard]] ServerStats stats() const override {
    return {accepted_, refused_, open_, handshake_failures_, timeouts_};
  }

  void replace_tls(std::shared_ptr<TlsContext> tls) override {
    const std::lock_guard lock{mutex_};
    tls_.swap(tls);
  }

  void stop() override {
    if (workers_.empty() || stopping_.exchange(true)) return;
    ::shutdown(listener_, SHUT_RDWR);
    if (!options_.unix_socket.empty()) ::unlink(options_.unix_socket.c_str());
    {
      std::unique_lock lock{mutex_};
      close_idle(lock);
      emptied_.wait_for(lock, options_.grace, [this] { return connections_.empty(); });
      finished_ = true;
      for (const auto& [connection, owner] : connections_)
        ::shutdown(connection->fd(), SHUT_RDWR);
    }
    keeper_wake_.notify_all();
    (void)::eventfd_write(wake_, 1);
    for (auto& worker : workers_)
      worker.join();
    if (keeper_.joinable()) keeper_.join();  // `run` may have got no further than to some workers
    workers_.clear();
    connections_.clear();
  }

 private:
  static void* mark(const char& which) {
    return const_cast<char*>(&which);
  }  // NOLINT(*-const-cast): only compared

  bool watch(int fd, int operation, std::uint32_t events, void* what) const {
    epoll_event event{};
    event.events = events;
    event.data.ptr = what;
    return ::epoll_ctl(epoll_, operation, fd, &event) == 0;
  }

  /// Hands the connection over to whichever thread its next event comes to. tests/support/tsan.supp knows
  /// this function by its name.
  bool rearm(int fd, std::uint32_t events, Connection& connection) const {
    return watch(fd, EPOLL_CTL_MOD, events | EPOLLRDHUP | EPOLLONESHOT, &connection);
  }

  void work() {
    while (!finished_) {
      epoll_event event{};
      if (::epoll_wait(epoll_, &event, 1, -1) != 1) continue;
      if (event.data.ptr == mark(kWakeMark)) continue;
      if (event.data.ptr == mark(kListenerMark)) {
        accept_all();
        continue;
      }
      serve(*static_cast<Connection*>(event.data.ptr));
    }
  }

  void serve(Connection& connection) {
    const int fd = connection.fd();  // asked before the hand-over: then another thread may be at work already
    const auto wants = connection.advance();
    if (wants != Connection::Wants::close) {
      if (rearm(fd, wants == Connection::Wants::read ? EPOLLIN : EPOLLOUT, connection)) return;
    }
    if (!connection.shook_hands()) ++handshake_failures_;
    forget(connection);
  }

  void accept_all() {
    while (!stopping_) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EMFILE || errno == ENFILE) shed_one();
        break;
      }
      admit(fd);
    }
    if (!stopping_) (void)watch(listener_, EPOLL_CTL_MOD, EPOLLIN | EPOLLONESHOT, mark(kListenerMark));
  }

  void admit(int fd) {
    ++accepted_;
    const bool allowed = options_.unix_socket.empty() || peer_is_trusted(fd);
    if (!allowed || open_ >= options_.max_connections) {
      ++refused_;
      ::close(fd);
      return;
    }
    if (options_.unix_socket.empty()) {
      const int yes = 1;
      (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    // A connection holds on to its SSL_CTX by itself from here.
    const auto tls = current_tls();
    auto owner = std::make_unique<Connection>(fd, tls ? static_cast<SSL_CTX*>(tls->native()) : nullptr,
                                              rules_, handler_, stopping_);
    auto& connection = *owner;
    {
      const std::lock_guard lock{mutex_};
      connections_.emplace(&connection, std::move(owner));
      ++open_;
    }
    // Nothing is here yet as a rule: let epoll say when, and keep accepting.
    if (!watch(fd, EPOLL_CTL_ADD, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, &connection)) forget(connection);
  }

  std::shared_ptr<TlsContext> current_tls() {
    const std::lock_guard lock{mutex_};
    return tls_;
  }

  /// No descriptor is left: give up the spare one, take the connection and close it, so that the client is
  /// told and the listener does not report the same connection for ever.
  void shed_one() {
    const std::lock_guard lock{spare_mutex_};
    ::close(spare_);
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) ::close(fd);
    spare_ = ::eventfd(0, EFD_CLOEXEC);
    ++refused_;
  }

  void forget(Connection& connection) {
    std::unique_ptr<Connection> last;  // destroyed after the lock is gone
    const std::lock_guard lock{mutex_};
    const auto at = connections_.find(&connection);
    if (at == connections_.end()) return;
    last = std::move(at->second);
    connections_.erase(at);
    --open_;
    if (connections_.empty()) emptied_.notify_all();
  }

  /// Ends what has waited too long. A connection is owned by the thread that serves it; from here it is only
  /// shut down, which its owner, or the next event, notices.
  void keep_time() {
    std::unique_lock lock{mutex_};
    while (!finished_) {
      keeper_wake_.wait_for(lock, std::chrono::milliseconds{500});
      if (stopping_) close_idle(lock);
      const auto now = Connection::Clock::now();
      for (const auto& [connection, owner] : connections_) {
        if (connection->deadline() >= now) continue;
        if (!connection->idle()) ++timeouts_;
        ::shutdown(connection->fd(), SHUT_RDWR);
      }
    }
  }

  void close_idle(const std::unique_lock<std::mutex>&) {
    for (const auto& [connection, owner] : connections_) {
      if (connection->idle()) ::shutdown(connection->fd(), SHUT_RDWR);
    }
  }

  const ServerOptions options_;
  const Handler handler_;
  const ConnectionRules rules_;
  int listener_;
  std::uint16_t port_;
  int epoll_ = -1;
  int wake_ = -1;
  int spare_ = -1;
  std::mutex spare_mutex_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> finished_{false};

  std::mutex mutex_;
  std::shared_ptr<TlsContext> tls_;
  std::condition_variable emptied_;
  std::condition_variable keeper_wake_;
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;
  std::vector<std::thread> workers_;
  std::thread keeper_;

  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> open_{0};
  std::atomic<std::uint64_t> handshake_failures_{0};
  std::atomic<std::uint64_t> timeouts_{0};
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Handler handler) {
  CARDEA_TRY(const int listener, options.unix_socket.empty() ? listen_tcp(options.address, options.port)
                                                             : listen_unix(options.unix_socket));
  auto server = std::make_unique<EpollServer>(std::move(options), std::move(handler), listener);
  CARDEA_CHECK(server->run());
  return server;
}

}  // namespace cardea::http
