// Whole sessions against a host of the tests' own: every protocol, key size and level.

#include <doctest/doctest.h>

#include "cardea/test/print.h"
#include "host.h"

using namespace cardea;
using apdu::Command;
using apdu::Response;
using card::Algorithm;
using card::gp::Protocol;
using test::ChannelBench;
using test::ChannelHost;

namespace {

struct Kind {
  Protocol protocol;
  std::uint8_t options;
  Algorithm algorithm;
  std::vector<std::uint8_t> levels;
};

const std::vector<Kind> kKinds = {
    {Protocol::scp02, 0x15, Algorithm::tdes, {0x00, 0x01, 0x03}},
    {Protocol::scp02, 0x55, Algorithm::tdes, {0x00, 0x01, 0x03}},
    {Protocol::scp03, 0x00, Algorithm::aes128, {0x00, 0x01, 0x03}},
    {Protocol::scp03, 0x10, Algorithm::aes128, {0x00, 0x01, 0x03}},
    {Protocol::scp03, 0x20, Algorithm::aes128, {0x01, 0x11, 0x13}},
    {Protocol::scp03, 0x60, Algorithm::aes128, {0x00, 0x01, 0x03, 0x11, 0x13, 0x33}},
    {Protocol::scp03, 0x70, Algorithm::aes128, {0x00, 0x01, 0x03, 0x11, 0x13, 0x33}},
    {Protocol::scp03, 0x70, Algorithm::aes192, {0x00, 0x01, 0x03, 0x11, 0x13, 0x33}},
    {Protocol::scp03, 0x60, Algorithm::aes256, {0x00, 0x01, 0x03, 0x11, 0x13, 0x33}},
};

std::size_t below(ChannelBench& card, std::size_t limit) {
  Bytes four(4);
  card.rng.fill(four);
  return read_be(four) % limit;
}

Bytes octets(ChannelBench& card, std::size_t size) {
  Bytes out(size);
  card.rng.fill(out);
  return out;
}

/// Short and extended, with and without data and Le; short ones leave room for padding and MAC.
Command any_command(ChannelBench& card) {
  const auto any = octets(card, 3);
  const bool extended = below(card, 4) == 0;
  const auto size = below(card, 3) == 0 ? 0 : below(card, extended ? 3000 : 232);
  // An extended command with neither data nor Le has no length field, hence no form.
  const bool le = size == 0 || below(card, 2) == 0;
  const auto cla = static_cast<std::uint8_t>(below(card, 4) == 0 ? 0x00 : 0x80);
  return {cla,
          static_cast<std::uint8_t>((any[0] & 0x0FU) | 0xE0U),
          any[1],
          any[2],
          octets(card, size),
          le ? std::optional<std::uint32_t>{extended ? 65536 : 256} : std::nullopt,
          extended};
}

constexpr apdu::StatusWord kWords[] = {apdu::sw::kOk, apdu::StatusWord{0x6310}, apdu::StatusWord{0x6283},
                                       apdu::sw::kReferencedDataNotFound, apdu::sw::kWrongData};

/// What a card with room may answer, as the host should see it: errors have no data.
Response any_answer(ChannelBench& card, std::uint8_t level) {
  const auto word = kWords[below(card, 8) < 5 ? 0 : below(card, std::size(kWords))];
  const auto size = below(card, 4) == 0 ? 0 : below(card, 600);
  const bool error = word.sw1() == 0x6A && (level & 0x10U) != 0;
  const auto data = octets(card, size);
  card.will_answer(to_hex(data), word);
  return {error ? Bytes{} : data, word};
}

}  // namespace

TEST_CASE("random sessions of every kind and level come through unchanged") {
  ChannelBench card;
  CAPTURE(card.rng.describe());
  for (const auto& kind : kKinds) {
    for (const auto level : kind.levels) {
      CAPTURE(std::string{card::name(kind.algorithm)});
      CAPTURE(static_cast<int>(kind.options));
      CAPTURE(static_cast<int>(level));
      card.add_keys(0x21, kind.protocol, kind.options, kind.algorithm);
      ChannelHost host{card, 0x21};
      REQUIRE(host.open(level));
      for (int i = 0; i < 30; ++i) {
        const auto command = any_command(card);
        const auto answer = any_answer(card, level);
        CAPTURE(to_hex(apdu::encode(command)));
        CHECK(host.exchange(command) == answer);
        CHECK(card.arrived() == to_hex(apdu::encode(command)));
      }
      CHECK(card.channel.security_level() == level);
    }
  }
}

TEST_CASE("a wrong host cryptogram under a right MAC: 6300, and the attempt is over") {
  for (const auto& kind : kKinds) {
    ChannelBench card;
    card.add_keys(0x21, kind.protocol, kind.options, kind.algorithm);
    ChannelHost host{card, 0x21};
    REQUIRE(host.initialize());
    CHECK(card.send(host.authentication(0x01, true)).sw == apdu::sw::kVerificationFailed);
    CHECK_FALSE(card.channel.authenticated());
    CHECK(card.send(host.authentication(0x01)).sw == apdu::sw::kConditionsNotSatisfied);
    CHECK(card.counters.current(0x21).value() == 0);
    CHECK(host.open(0x01));
  }
}

TEST_CASE("every bit of a wrapped command counts") {
  for (const auto& kind : kKinds) {
    for (const auto level : kind.levels) {
      if (level == 0) continue;
      ChannelBench card;
      card.add_keys(0x21, kind.protocol, kind.options, kind.algorithm);
      ChannelHost host{card, 0x21};
      for (std::size_t i = 0; i < 40; ++i) {
        REQUIRE(host.open(level));
        auto wrapped = host.wrap({0x80, 0xE2, 0x01, 0x02, octets(card, 20), 256, false});
        const auto bit = static_cast<std::uint8_t>(1U << below(card, 8));
        const auto at = below(card, 3 + wrapped.data.size());
        auto& octet = at == 0   ? wrapped.ins
                      : at == 1 ? wrapped.p1
                      : at == 2 ? wrapped.p2
                                : wrapped.data[at - 3];
        octet ^= bit;
        if (wrapped.ins == 0x82 || wrapped.ins == 0x50) continue;
        CHECK(card.send(wrapped) == Response{{}, apdu::sw::kSecurityNotSatisfied});
        CHECK(card.arrived().empty());
        CHECK_FALSE(card.channel.authenticated());
      }
    }
  }
}

TEST_CASE("replayed, left out, reordered and shortened commands end the session with 6982") {
  for (const auto& kind : kKinds) {
    for (const auto level : kind.levels) {
      if (level == 0) continue;
      CAPTURE(static_cast<int>(level));
      ChannelBench card;
      card.add_keys(0x21, kind.protocol, kind.options, kind.algorithm);
      ChannelHost host{card, 0x21};
      const auto next = [&] { return host.wrap({0x80, 0xE2, 0x00, 0x00, Bytes{1, 2, 3}, {}, false}); };
      const auto refused = [&](const Command& command) {
        const auto answer = card.send(command);
        return answer == Response{{}, apdu::sw::kSecurityNotSatisfied} && !card.channel.authenticated();
      };
      REQUIRE(host.open(level));
      const auto first = next();
      CHECK(card.send(first).sw == apdu::sw::kOk);
      CHECK(refused(first));

      REQUIRE(host.open(level));
      CHECK(refused(first));  // of the session before

      REQUIRE(host.open(level));
      static_cast<void>(next());
      CHECK(refused(next()));

      REQUIRE(host.open(level));
      auto cut = next();
      cut.data.resize(7);
      CHECK(refused(cut));
    }
  }
}

TEST_CASE("a session of level 00 takes plain commands, and no wrapped ones") {
  ChannelBench card;
  card.add_keys(0x21, Protocol::scp03, 0x60, Algorithm::aes128);
  ChannelHost host{card, 0x21};
  REQUIRE(host.open(0x00));
  card.will_answer("0102");
  CHECK(card.send("80F28002024F0000") == "0102 9000");
  CHECK(card.channel.authenticated());
  CHECK(card.send("84F280020A4F00000000000000000000") == "6982");
  CHECK_FALSE(card.channel.authenticated());
}

TEST_CASE("a numbered session cannot be opened twice from a recording") {
  for (const auto& [protocol, options, algorithm] :
       {std::tuple{Protocol::scp02, std::uint8_t{0x55}, Algorithm::tdes},
        std::tuple{Protocol::scp03, std::uint8_t{0x70}, Algorithm::aes128}}) {
    ChannelBench card;
    card.add_keys(0x21, protocol, options, algorithm);
    ChannelHost host{card, 0x21};
    const std::string initialize = "8050210008000102030405060700";
    const auto before = card.send(initialize);
    CHECK(card.send(initialize) == before);
    REQUIRE(host.open(0x01));
    CHECK(card.counters.current(0x21).value() == 1);
    CHECK(card.send(initialize) != before);
    CHECK(card.counters.current(0x21).value() == 1);
  }
}

TEST_CASE("keys inside a command are decrypted with the session's DEK in SCP02 [GP-2.3.1#E.4.7]") {
  ChannelBench card;
  card.add_keys(0x21, Protocol::scp02, 0x15, Algorithm::tdes);
  CHECK(card.channel.decrypt_sensitive(Bytes(16)).error() == apdu::sw::kConditionsNotSatisfied);
  ChannelHost host{card, 0x21};
  REQUIRE(host.open(0x03));
  const auto key = octets(card, 16);
  CHECK(to_bytes(card.channel.decrypt_sensitive(host.encrypt_sensitive(key)).value().expose()) == key);
  CHECK(card.channel.decrypt_sensitive(Bytes(15)).error() == apdu::sw::kWrongData);
  CHECK(card.channel.decrypt_sensitive({}).error() == apdu::sw::kWrongData);
}

TEST_CASE("closing forgets everything") {
  ChannelBench card;
  card.add_keys(0x21, Protocol::scp03, 0x60, Algorithm::aes256);
  Bytes fresh;
  card.channel.append_state(fresh);
  ChannelHost host{card, 0x21};
  REQUIRE(host.open(0x33));
  Bytes opened;
  card.channel.append_state(opened);
  CHECK(opened != fresh);
  card.channel.close();
  Bytes closed;
  card.channel.append_state(closed);
  CHECK(closed == fresh);
  CHECK(card.send(host.wrap({0x80, 0xE2, 0x00, 0x00, {}, 256, false})).sw == apdu::sw::kSecurityNotSatisfied);
}
