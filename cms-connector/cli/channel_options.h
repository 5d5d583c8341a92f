#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cardea/cms/gp/secure_channel.h"
#include "cardea/cms/perso/plan.h"
#include "cardea/cms/piv/card.h"
#include "options.h"
#include "outcome.h"

namespace cardea::cms::cli {

/// PIV on a card that is connected: in the clear, or through the secure channel that a plan asks for.
using CardMaker = std::function<std::unique_ptr<piv::Card>(Channel&)>;

/// Reads the channel's keys, where the plan has a channel: what cannot be used is found out before a card is
/// looked for.
Outcome<CardMaker> open_card_maker(const Options& options, const perso::Plan& plan);

/// What the plan's channel is called in a rehearsal; empty when it has none.
std::string channel_name(const perso::Plan& plan);

/// Which kind of keys a file for this protocol and this diversification holds.
gp::KeyType key_type(std::uint8_t protocol, gp::Diversification scheme);

}  // namespace cardea::cms::cli
