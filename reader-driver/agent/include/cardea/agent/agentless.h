#pragma once

#include <cstdint>
#include <memory>

#include "cardea/pcsc_link/session.h"

namespace cardea::agent {

/// Opens a context at a resource manager in this very process, for programs on an enrolled workstation where
/// no agent runs. The first call makes the manager, opens sessions for all cards of this workstation and
/// waits a moment for them; they stay until the process ends. State is where CARDEA_STATE_DIR says, or the
/// agent's default.
///
/// Codes: kNoService where the workstation is not enrolled, or its state cannot be read; kInvalidValue for a
/// scope that is none.
pcsc_link::Code open_agentless(std::uint32_t scope, std::unique_ptr<pcsc_link::Session>& out);

}  // namespace cardea::agent
