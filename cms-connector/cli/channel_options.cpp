#include "channel_options.h"

#include "cardea/cms/scp/channel_card.h"
#include "cardea/cms/scp/key_file.h"

namespace cardea::cms::cli {

gp::KeyType key_type(std::uint8_t protocol, gp::Diversification scheme) {
  if (scheme == gp::Diversification::visa2 || scheme == gp::Diversification::emv) return gp::KeyType::tdes;
  if (scheme == gp::Diversification::kdf3) return gp::KeyType::aes;
  return protocol == 2 ? gp::KeyType::tdes : gp::KeyType::aes;
}

std::string channel_name(const perso::Plan& plan) {
  return plan.channel ? "SCP0" + std::to_string(plan.channel->protocol) : "";
}

Outcome<CardMaker> open_card_maker(const Options& options, const perso::Plan& plan) {
  if (!plan.channel) {
    if (!options.channel_keys.empty()) return usage("the plan has no \"channel\" for --channel-keys");
    return CardMaker{[](Channel& channel) { return piv::make_piv_card(channel); }};
  }
  const auto& wanted = *plan.channel;
  const std::string file = options.channel_keys.empty() ? wanted.keys : options.channel_keys;
  if (file.empty()) return usage("name the keys of the plan's secure channel with --channel-keys");
  CARDEA_TRY(auto keys, or_usage(scp::read_key_file(file, key_type(wanted.protocol, wanted.diversification),
                                                    wanted.key_version)));
  const auto shared = std::make_shared<const gp::Keyset>(std::move(keys));
  return CardMaker{[shared, terms = scp::channel_options(wanted)](Channel& channel) {
    return scp::make_channel_card(channel, shared->clone(), terms);
  }};
}

}  // namespace cardea::cms::cli
