#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "cardea/pcsc_link/transport.h"
#include "cardea/resource/manager.h"

namespace cardea::resource {

using Log = std::function<void(const std::string&)>;

/// Serves one connection of a connector until either end closes it, and ends its context then.
void serve(Manager& manager, std::unique_ptr<pcsc_link::Transport> transport, const Log& log);

/// Serves everybody whom a listener lets in, each in a thread.
class Server {
 public:
  /// `manager` outlives this.
  Server(Manager& manager, std::unique_ptr<pcsc_link::Listener> listener, Log log);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Ends all connections; who waits on one hears that the service is gone.
  ~Server();

 private:
  struct Guest;

  void take_guests();
  void see_off(bool all);

  Manager& manager_;
  const std::unique_ptr<pcsc_link::Listener> listener_;
  const Log log_;
  std::mutex mutex_;
  bool stopping_ = false;    // guarded by mutex_
  std::list<Guest> guests_;  // guarded by mutex_
  std::thread door_;
};

}  // namespace cardea::resource
