#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cardea/cms/gp/secure_channel.h"
#include "cardea/hex.h"

namespace cardea::cms::gp::testing {

/// A card that is a table: the next command must be the one in the script, and gets the answer beside it.
class Script {
 public:
  struct Turn {
    std::string command, answer;  ///< hexadecimal; an empty answer means that the card is gone
  };

  explicit Script(std::vector<Turn> turns) : turns_{std::move(turns)} {}

  Transmit transmit() {
    return [this](const apdu::Command& command) { return answer(command); };
  }
  void add(Turn turn) { turns_.push_back(std::move(turn)); }
  [[nodiscard]] bool finished() const { return trouble.empty() && next_ == turns_.size(); }

  std::string trouble;

 private:
  Result<apdu::Response> answer(const apdu::Command& command) {
    const Bytes octets = apdu::encode(command);
    if (next_ == turns_.size()) {
      trouble = "unexpected " + to_hex(octets);
      return fail(Errc::invalid, trouble);
    }
    const auto& turn = turns_[next_++];
    if (from_hex(turn.command) != octets) {
      trouble = "got " + to_hex(octets) + ", want " + turn.command;
      return fail(Errc::invalid, trouble);
    }
    if (turn.answer.empty()) return fail(Errc::unavailable, "the card was removed");
    return *apdu::parse_response(*from_hex(turn.answer));
  }

  std::vector<Turn> turns_;
  std::size_t next_ = 0;
};

inline SecretBytes secret(const std::string& hex) {
  return SecretBytes{BytesView{*from_hex(hex)}};
}

inline Bytes hex(const std::string& text) {
  return *from_hex(text);
}

/// 40 41 42 …: the key of test cards.
inline Keyset test_keys(KeyType type, std::size_t size = 16) {
  SecretBytes key{size};
  for (std::size_t i = 0; i < size; ++i)
    key.expose()[i] = static_cast<std::uint8_t>(0x40 + i);
  return Keyset::same(type, key);
}

inline Options options(SecurityLevel level, const std::string& host_challenge) {
  Options out;
  out.level = level;
  out.random = [challenge = *from_hex(host_challenge)](std::size_t) -> Result<Bytes> { return challenge; };
  return out;
}

inline apdu::Command command(const std::string& text) {
  return *apdu::parse_command(*from_hex(text));
}

}  // namespace cardea::cms::gp::testing
