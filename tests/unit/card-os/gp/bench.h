#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "cardea/apdu/command.h"
#include "cardea/apdu/response.h"
#include "cardea/card/gp/secure_channel.h"
#include "cardea/test/medium.h"
#include "cardea/test/memory_store.h"
#include "cardea/test/ports.h"
#include "cardea/test/session_cipher.h"
#include "cardea/test/software_key_vault.h"

namespace cardea::test {

class MemoryKeySets final : public card::gp::KeySets {
 public:
  Result<std::optional<card::gp::KeySet>> find(std::uint8_t version) override;

  std::map<std::uint8_t, card::gp::KeySet> sets;  ///< the last one is the default
};

/// A security domain that owns a secure channel and does nothing but answer as it is told.
class ChannelBench {
 public:
  /// The three keys of a new set are the octets 40 41 42 .., the test value everybody knows.
  void add_keys(std::uint8_t version, card::gp::Protocol protocol, std::uint8_t options,
                card::Algorithm algorithm);

  /// "80 50 .." to response data and status word: "6982", "0102 9000".
  std::string send(std::string_view hex);
  apdu::Response send(const apdu::Command& command);

  /// The answer to the commands from now on.
  void will_answer(std::string_view data, apdu::StatusWord word = apdu::sw::kOk);

  /// The last command that got through, in hexadecimal; empty when there was none since.
  std::string arrived();

  /// What the random source gives next.
  void next_challenge(std::string_view hex) { rng.load(from(hex)); }
  /// As if that many sessions had been opened.
  void count_sessions(std::uint8_t version, std::uint32_t n);

  static Bytes from(std::string_view hex);

  Medium medium;
  MemoryStore store{medium};
  SoftwareKeyVault vault{1};
  OpenSslSessionCipher cipher;
  SeededRng rng{seed_from_environment(1)};
  MemoryKeySets keys;
  card::gp::StoredSequenceCounters counters{store};
  card::gp::SecureChannel channel{
      {vault, cipher, rng, keys, counters},
      {from("A000000151000000"), {0x00, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88}}};

 private:
  apdu::Response answer_;
  std::optional<apdu::Command> arrived_;
};

}  // namespace cardea::test
