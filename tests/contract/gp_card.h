#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "cardea/apdu/command.h"
#include "cardea/cms/gp/commands.h"
#include "cardea/cms/gp/registry.h"
#include "cardea/cms/gp/secure_channel.h"
#include "cardea/hex.h"
#include "cardea/test/print.h"
#include "cardea/test/test_card.h"

namespace cardea::test {

/// A whole card, and the host half of secure channels (cms-connector/gp) on the other side of it.
struct CardAndHost {
  explicit CardAndHost(std::string_view profile = kNist, DomainSetup domain = {}, std::uint64_t seed = 1)
      : setup{domain}, card{profile, seed, domain}, rng{seed_from_environment(seed)} {}

  static Bytes from(std::string_view hex) { return from_hex(hex).value(); }

  /// 40 41 42 .. three times, under any version.
  [[nodiscard]] cms::gp::Keyset initial_keys() const {
    const bool tdes = setup.algorithm == card::Algorithm::tdes;
    Bytes key(tdes ? 16 : card::key_size(setup.algorithm));
    for (std::size_t i = 0; i < key.size(); ++i)
      key[i] = static_cast<std::uint8_t>(0x40 + i);
    return cms::gp::Keyset::same(tdes ? cms::gp::KeyType::tdes : cms::gp::KeyType::aes, SecretBytes{key});
  }

  /// One command there and its answer, put together from 61XX.
  Result<apdu::Response> exchange(const apdu::Command& command) {
    auto response = card.raw(apdu::encode(command));
    while (response.sw.sw1() == 0x61) {
      const auto more = card.send("00C0000000");
      append(response.data, more.data);
      response.sw = more.sw;
    }
    return response;
  }

  Result<cms::gp::SecureChannel> try_open(cms::gp::SecurityLevel level, const cms::gp::Keyset& keys) {
    cms::gp::Options options;
    options.level = level;
    options.scp02_i = setup.options;
    options.random = [this](std::size_t size) -> Result<Bytes> { return octets(size); };
    return cms::gp::SecureChannel::open([this](const apdu::Command& command) { return exchange(command); },
                                        keys, options);
  }
  cms::gp::SecureChannel open(cms::gp::SecurityLevel level) { return open(level, initial_keys()); }
  cms::gp::SecureChannel open(cms::gp::SecurityLevel level, const cms::gp::Keyset& keys) {
    auto channel = try_open(level, keys);
    REQUIRE_MESSAGE(channel.has_value(), (channel ? "" : channel.error().what));
    return *std::move(channel);
  }

  /// Randomness of the test, apart from the card's.
  Bytes octets(std::size_t size) {
    Bytes out(size);
    rng.fill(out);
    return out;
  }
  std::size_t below(std::size_t limit) { return read_be(octets(4)) % limit; }

  DomainSetup setup;
  TestCard card;
  SeededRng rng;
};

inline constexpr std::string_view kSelectIssuer = "00A4040008A00000015100000000";
inline constexpr std::string_view kSelectPiv = "00A4040009A0000003080000100000";

inline std::string send(cms::gp::SecureChannel& channel, const apdu::Command& command) {
  const auto answer = channel.send(command);
  if (!answer) return answer.error().what;
  return to_hex(apdu::encode(*answer));
}
inline std::string send(cms::gp::SecureChannel& channel, std::string_view hex) {
  return send(channel, apdu::parse_command(CardAndHost::from(hex)).value());
}

}  // namespace cardea::test
