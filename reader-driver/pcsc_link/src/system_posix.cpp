#include "cardea/pcsc_link/system_transport.h"
#include "cardea/pcsc_link/unix_transport.h"

namespace cardea::pcsc_link {

std::string system_address() {
  return unix_socket_path();
}

Result<std::unique_ptr<Transport>> connect_system(const std::string& address) {
  return connect_unix(address);
}

Result<std::unique_ptr<Listener>> listen_system(const std::string& address) {
  return listen_unix(address);
}

}  // namespace cardea::pcsc_link
