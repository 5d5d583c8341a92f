#include "cardea/agent/agentless.h"
#include "cardea/pcsc_link/remote_session.h"
#include "cardea/pcsc_link/system_transport.h"
#include "dll.h"

namespace cardea::winscard {

Code open_session(std::uint32_t scope, std::unique_ptr<pcsc_link::Session>& out) {
  auto transport = pcsc_link::connect_system(pcsc_link::system_address());
  // Somebody else's pipe under the agent's name is no reason to do without an agent.
  if (!transport && transport.error().code == Errc::denied) return code::kNoService;
  if (!transport) return agent::open_agentless(scope, out);
  return pcsc_link::RemoteSession::open(*std::move(transport), scope, out);
}

}  // namespace cardea::winscard
