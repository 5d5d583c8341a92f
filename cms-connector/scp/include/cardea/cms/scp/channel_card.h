#pragma once

#include <memory>

#include "cardea/cms/channel.h"
#include "cardea/cms/gp/keys.h"
#include "cardea/cms/gp/secure_channel.h"
#include "cardea/cms/perso/plan.h"
#include "cardea/cms/piv/card.h"

namespace cardea::cms::scp {

/// What the plan says of a channel, for the host's half of it.
gp::Options channel_options(const perso::ChannelPlan& plan);

/// PIV whose administrator is whoever has the keys of its security domain. `authenticate` opens a secure
/// channel to the PIV application instead of proving 9B, and everything after it goes through: PUT DATA,
/// GENERATE, signatures; PIN and PUK are set without the old value, private keys and 9B loaded element by
/// element, as OpenFIPS201 has it. Commands that are too long for a short one go out in extended form, not
/// chained.
std::unique_ptr<piv::Card> make_channel_card(Channel& channel, gp::Keyset keys, gp::Options options);

}  // namespace cardea::cms::scp
