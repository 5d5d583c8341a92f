#pragma once

#include <cstdint>

#include "cardea/result.h"

namespace cardea::signer {

/// No core dump, no debugger, no other descriptors, death with the parent, memory that is not swapped (as far
/// as the system allows). The first thing that the process does.
void harden();

/// Takes away, for good, what a worker never needs: sockets, new programs and processes, other processes'
/// memory, and the kernel's rarer doors. Proves it by trying. Errors: `unsupported` when the kernel has no
/// seccomp.
Result<void> restrict_system_calls();

/// Resident memory of this process.
std::uint64_t resident_bytes();

}  // namespace cardea::signer
