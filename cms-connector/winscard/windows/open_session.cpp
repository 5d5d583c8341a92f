#include "cardea/pcsc_link/remote_session.h"
#include "cardea/pcsc_link/system_transport.h"
#include "dll.h"

namespace cardea::winscard {

Code open_session(std::uint32_t scope, std::unique_ptr<pcsc_link::Session>& out) {
  auto transport = pcsc_link::connect_system(pcsc_link::system_address());
  if (!transport) return code::kNoService;
  return pcsc_link::RemoteSession::open(*std::move(transport), scope, out);
}

}  // namespace cardea::winscard
