#pragma once

#include <memory>

#include "cardea/resource/manager.h"
#include "reader_port.h"

namespace cardea::agent {

/// The readers of the agent's own resource manager, which programs reach through the WINSCARD connector.
/// There is always room.
std::shared_ptr<ReaderPort> make_manager_port(std::shared_ptr<resource::Manager> manager);

}  // namespace cardea::agent
