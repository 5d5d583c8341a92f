#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cardea/api/channel.h"
#include "cardea/api/opaque.h"
#include "cardea/api/record.h"
#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::api {

/// The client's end of one card session: numbers its exchanges, and seals them from its first PIN login on.
class CardChannel {
 public:
  explicit CardChannel(std::string session) : session_{std::move(session)} {}

  /// One exchange as it travels. Where the reply is lost the same octets are sent again: the server runs
  /// them once, and gives the stored reply to nobody who shows others.
  struct Message {
    std::uint64_t sequence = 0;
    std::size_t steps = 0;
    Bytes octets;
  };
  /// The next one. What is secret in the steps is wiped. Errors: those of record::Sealer.
  Result<Message> next(std::vector<Step> steps);

  /// Errors: `corrupt` for what is no answer to this message.
  Result<ExchangeReply> read(const Message& message, BytesView reply);

  /// From the next message on, which carries KE3, everything travels under this login's key.
  void log_in(const Secret<64>& session_key, std::uint64_t generation,
              const std::array<std::uint8_t, opaque::kKe3Size>& ke3);

 private:
  struct Keys {
    record::Sealer sealer;
    record::Opener opener;
  };

  std::string session_;
  std::uint64_t sequence_ = 0;
  std::optional<Keys> keys_;
  std::optional<std::array<std::uint8_t, opaque::kKe3Size>> ke3_;  // not sent yet
};

}  // namespace cardea::api
