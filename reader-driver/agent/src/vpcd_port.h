#pragma once

#include <memory>

#include "cardea/vpcd/endpoint.h"
#include "reader_port.h"

namespace cardea::agent {

/// The slots of a vsmartcard reader (vpcd in pcscd, BixVReader on Windows), at so many ports from `first` on.
/// A card is in the first slot that takes it, and in its reader as long as the connection stands.
std::shared_ptr<ReaderPort> make_vpcd_port(vpcd::Endpoint first, unsigned slots);

}  // namespace cardea::agent
