#pragma once

#include <chrono>
#include <memory>

#include "cardea/vpcd/endpoint.h"
#include "reader_port.h"

namespace cardea::agent {

/// A slot is left empty for this long before a card is put into it, also at first: 1.5 times as often as the
/// reader looks. pcscd and BixVReader believe in a removal only once they have seen the slot empty; one that
/// a failed command told them of, and no look, they never get over.
std::chrono::milliseconds vpcd_empty_for();

/// The slots of a vsmartcard reader (vpcd in pcscd, BixVReader on Windows), at so many ports from `first` on.
/// A card is in the first slot that takes it, and in its reader as long as the connection stands.
std::shared_ptr<ReaderPort> make_vpcd_port(vpcd::Endpoint first, unsigned slots,
                                           std::chrono::milliseconds empty_for = vpcd_empty_for());

}  // namespace cardea::agent
