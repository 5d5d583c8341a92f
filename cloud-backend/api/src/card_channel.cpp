#include "cardea/api/card_channel.h"

#include <utility>

namespace cardea::api {
namespace {

tl::unexpected<Error> unexpected_reply() {
  return fail(Errc::corrupt, "the server's reply is not what was agreed");
}

}  // namespace

Result<CardChannel::Message> CardChannel::next(std::vector<Step> steps) {
  Exchange exchange{++sequence_, std::move(steps)};
  Message message{sequence_, exchange.steps.size(), encode(exchange)};
  for (auto& step : exchange.steps)
    wipe_secrets(step);
  if (!keys_) return message;

  const WipeOnExit wiped{message.octets};
  CARDEA_TRY(const auto record, keys_->sealer.seal(sequence_, message.octets));
  SealedBody body;
  body.sequence = sequence_;
  const auto ke3 = std::exchange(ke3_, std::nullopt);
  if (ke3) body.ke3 = *ke3;
  body.record = record;
  return Message{sequence_, message.steps, encode(body)};
}

Result<ExchangeReply> CardChannel::read(const Message& message, BytesView reply) {
  SecretBytes opened;
  if (keys_) {
    const auto body = parse_sealed(reply);
    if (!body || body->sequence != message.sequence || body->ke3) return unexpected_reply();
    auto plain = keys_->opener.open(message.sequence, body->record);
    if (!plain) return unexpected_reply();
    opened = std::move(*plain);
    reply = opened.expose();
  }
  auto parsed = parse_exchange_reply(reply);
  const bool answers =
      parsed && parsed->sequence == message.sequence && parsed->results.size() == message.steps;
  if (!answers) return unexpected_reply();
  return parsed;
}

void CardChannel::log_in(const Secret<64>& session_key, std::uint64_t generation,
                         const std::array<std::uint8_t, opaque::kKe3Size>& ke3) {
  const record::Binding binding{session_, generation};
  keys_.emplace(Keys{record::Sealer{session_key, record::Direction::to_server, binding},
                     record::Opener{session_key, record::Direction::to_client, binding, sequence_ + 1}});
  ke3_ = ke3;
}

}  // namespace cardea::api
