// The two ends of GlobalPlatform secure channels against each other: the card's (card-os/src/gp) and the
// host's (cms-connector/gp), which share no code. What they agree on is what the specifications say, or a
// mistake that two wrote.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "bench.h"
#include "cardea/cms/gp/secure_channel.h"
#include "cardea/hex.h"
#include "cardea/test/print.h"

namespace cardea::test {

namespace {

using apdu::Command;
using apdu::Response;
using card::Algorithm;
using card::gp::Protocol;
using cms::gp::SecureChannel;
using cms::gp::SecurityLevel;

struct Kind {
  Protocol protocol;
  std::uint8_t options;
  Algorithm algorithm;
  std::vector<SecurityLevel> levels;
};

const std::vector<SecurityLevel> kCommandsOnly{SecurityLevel::c_mac, SecurityLevel::c_mac_c_enc};
const std::vector<SecurityLevel> kAll{SecurityLevel::c_mac, SecurityLevel::c_mac_c_enc,
                                      SecurityLevel::c_mac_r_mac, SecurityLevel::c_mac_c_enc_r_mac,
                                      SecurityLevel::all};

const std::vector<Kind> kKinds{
    {Protocol::scp02, 0x15, Algorithm::tdes, kCommandsOnly},
    {Protocol::scp02, 0x55, Algorithm::tdes, kCommandsOnly},
    {Protocol::scp03, 0x00, Algorithm::aes128, kCommandsOnly},
    {Protocol::scp03, 0x10, Algorithm::aes192, kCommandsOnly},
    {Protocol::scp03, 0x60, Algorithm::aes128, kAll},
    {Protocol::scp03, 0x60, Algorithm::aes192, kAll},
    {Protocol::scp03, 0x60, Algorithm::aes256, kAll},
    {Protocol::scp03, 0x70, Algorithm::aes128, kAll},
    {Protocol::scp03, 0x70, Algorithm::aes192, kAll},
    {Protocol::scp03, 0x70, Algorithm::aes256, kAll},
};

/// The keys that ChannelBench::add_keys makes.
cms::gp::Keyset host_keys(Algorithm algorithm, std::uint8_t version) {
  Bytes key(card::key_size(algorithm));
  for (std::size_t i = 0; i < key.size(); ++i)
    key[i] = static_cast<std::uint8_t>(0x40 + (algorithm == Algorithm::tdes ? i % 16 : i));
  if (algorithm == Algorithm::tdes) key.resize(16);
  return cms::gp::Keyset::same(algorithm == Algorithm::tdes ? cms::gp::KeyType::tdes : cms::gp::KeyType::aes,
                               SecretBytes{key}, version);
}

/// A card, and the line to it on which the test may change what passes.
struct Line {
  explicit Line(const Kind& of) : kind{of} {
    card.add_keys(kVersion, kind.protocol, kind.options, kind.algorithm);
  }

  Result<SecureChannel> open(SecurityLevel level) {
    cms::gp::Options options;
    options.level = level;
    options.scp02_i = kind.options;
    options.security_domain = ChannelBench::from("A000000151000000");
    return SecureChannel::open(
        [this](const Command& command) -> Result<Response> { return card.send(command); },
        host_keys(kind.algorithm, kVersion), options);
  }

  std::size_t below(std::size_t limit) {
    Bytes four(4);
    card.rng.fill(four);
    return read_be(four) % limit;
  }
  Bytes octets(std::size_t size) {
    Bytes out(size);
    card.rng.fill(out);
    return out;
  }
  Command any_command(std::size_t room) {
    const auto header = octets(2);
    const auto size = below(4) == 0 ? 0 : below(room + 1);
    return {0x80,         static_cast<std::uint8_t>(0xE0 + below(12)),
            header[0],    header[1],
            octets(size), below(2) == 0 ? std::optional<std::uint32_t>{256} : std::nullopt,
            false};
  }

  static constexpr std::uint8_t kVersion = 0x21;
  const Kind& kind;
  ChannelBench card;
};

std::string name(const Kind& kind, SecurityLevel level) {
  return std::string{card::name(kind.algorithm)} + ", i=" + to_hex(Bytes{kind.options}) +
         ", level=" + to_hex(Bytes{static_cast<std::uint8_t>(level)});
}

}  // namespace

TEST_CASE("random sessions, host half against card half: every protocol, key size and level [A2]") {
  for (const auto& kind : kKinds) {
    for (const auto level : kind.levels) {
      CAPTURE(name(kind, level));
      Line line{kind};
      CAPTURE(line.card.rng.describe());
      for (int session = 0; session < 3; ++session) {
        auto host = line.open(level);
        REQUIRE_MESSAGE(host.has_value(), (host ? "" : host.error().what));
        CHECK(line.card.channel.security_level() == static_cast<std::uint8_t>(level));
        for (int n = 0; n < 25; ++n) {
          const auto command = line.any_command(host->max_data());
          CAPTURE(to_hex(apdu::encode(command)));
          const auto data = line.octets(line.below(3) == 0 ? 0 : line.below(220));
          line.card.will_answer(to_hex(data));
          const auto answer = host->send(command);
          REQUIRE_MESSAGE(answer.has_value(), (answer ? "" : answer.error().what));
          CHECK(to_hex(answer->data) == to_hex(data));
          CHECK(answer->sw == apdu::sw::kOk);
          const auto arrived = apdu::parse_command(ChannelBench::from(line.card.arrived())).value();
          CHECK(arrived.ins == command.ins);
          CHECK(arrived.p1 == command.p1);
          CHECK(arrived.p2 == command.p2);
          CHECK(to_hex(arrived.data) == to_hex(command.data));
        }
      }
    }
  }
}

TEST_CASE("a command that is played again, or in another order, is 6982 and the end of the session") {
  for (const auto& kind : kKinds) {
    for (const auto level : kind.levels) {
      CAPTURE(name(kind, level));
      Line line{kind};
      auto host = line.open(level).value();
      const Command command{0x80, 0xE2, 0x00, 0x00, line.octets(16), std::nullopt, false};
      line.card.will_answer("");
      const auto first = host.wrap(command).value();
      CHECK(line.card.send(first).sw == apdu::sw::kOk);
      CHECK(line.card.send(first) == Response{{}, apdu::sw::kSecurityNotSatisfied});
      CHECK_FALSE(line.card.channel.authenticated());

      auto next = line.open(level).value();
      const auto skipped = next.wrap(command).value();
      (void)next.unwrap(Response{{}, apdu::sw::kOk});  // as if it had been sent
      if (!next.is_open()) continue;                   // with R-MAC a host is not told that
      const auto second = next.wrap(command).value();
      CHECK(line.card.send(second) == Response{{}, apdu::sw::kSecurityNotSatisfied});
      CHECK(line.card.send(skipped) == Response{{}, apdu::sw::kSecurityNotSatisfied});
    }
  }
}

TEST_CASE("with R-MAC, every bit of an answer counts for the host") {
  for (const auto& kind : kKinds) {
    for (const auto level : kind.levels) {
      if ((static_cast<unsigned>(level) & 0x10U) == 0) continue;
      CAPTURE(name(kind, level));
      Line line{kind};
      for (int n = 0; n < 40; ++n) {
        auto host = line.open(level).value();
        line.card.will_answer(to_hex(line.octets(20)));
        auto answer = line.card.send(host.wrap({0x80, 0xCA, 0x00, 0x66, {}, 256, false}).value());
        auto& octet = answer.data[line.below(answer.data.size())];
        octet = static_cast<std::uint8_t>(octet ^ (1U << line.below(8)));
        CHECK(host.unwrap(answer).error().code == Errc::corrupt);
        CHECK_FALSE(host.is_open());
      }
    }
  }
}

TEST_CASE("keys that are not the card's: the host sees it, and the card loses no try") {
  for (const auto& kind : kKinds) {
    Line line{kind};
    const auto right = host_keys(kind.algorithm, Line::kVersion);
    const auto wrong = cms::gp::Keyset::same(
        right.type, SecretBytes{BytesView{Bytes(right.mac.size(), 0x11)}}, Line::kVersion);
    unsigned authentications = 0;
    cms::gp::Options options;
    options.level = SecurityLevel::c_mac;
    options.scp02_i = kind.options;
    const auto opened = SecureChannel::open(
        [&](const Command& command) -> Result<Response> {
          if (command.ins == 0x82) ++authentications;
          return line.card.send(command);
        },
        wrong, options);
    CHECK(opened.error().code == Errc::denied);
    CHECK(authentications == 0);
    CHECK_FALSE(line.card.channel.authenticated());
  }
}

}  // namespace cardea::test
