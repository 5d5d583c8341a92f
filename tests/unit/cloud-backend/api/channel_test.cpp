#include "cardea/api/channel.h"

#include <doctest/doctest.h>

#include "cardea/hex.h"

namespace cardea::api {
namespace {

Bytes hex(std::string_view text) {
  return *from_hex(text);
}

const Exchange kExchange{0x0102030405060708, {ResetStep{}, CommandStep{{0x00, 0xA4, 0x04, 0x00}}}};
const Bytes kExchangeOctets = hex("01 0102030405060708 0002 00 01 00000004 00A40400");

const ExchangeReply kReply{
    7,
    {StepResult{{}, false, {0xAA}},
     StepResult{{0x90, 0x00}, true, {0xBB, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xCC}}}};
const Bytes kReplyOctets =
    hex("01 0000000000000007 0002"
        "00 AA000000000000000000000000000000 00000000"
        "01 BB0000000000000000000000000000CC 00000002 9000");

bool refused(const Bytes& octets) {
  const auto parsed = parse_exchange(octets);
  return !parsed && parsed.error() == Error{Errc::invalid, "this is not a well-formed exchange"};
}
bool refused_reply(const Bytes& octets) {
  const auto parsed = parse_exchange_reply(octets);
  return !parsed && parsed.error() == Error{Errc::invalid, "this is not a well-formed reply to an exchange"};
}

TEST_CASE("channel: an exchange on the wire, and back") {
  CHECK(encode(kExchange) == kExchangeOctets);
  CHECK(parse_exchange(kExchangeOctets) == kExchange);
}

TEST_CASE("channel: a reply on the wire, and back") {
  CHECK(encode(kReply) == kReplyOctets);
  CHECK(parse_exchange_reply(kReplyOctets) == kReply);
}

TEST_CASE("channel: an opening on the wire with each of its flags, and back; no others are known") {
  for (std::uint8_t flags = 0; flags < 8; ++flags) {
    const PinOpeningStep step{{0x00}, {0x01}, {}, (flags & 1U) != 0, (flags & 2U) != 0, (flags & 4U) != 0};
    const Exchange exchange{1, {step}};
    const auto octets =
        concat({hex("01 0000000000000001 0001 02"), Bytes{flags}, hex("00000001 00 00000001 01 00000000")});
    CHECK(encode(exchange) == octets);
    CHECK(parse_exchange(octets) == exchange);
  }
  CHECK(refused(hex("01 0000000000000001 0001 02 08 00000001 00 00000001 01 00000000")));
}

TEST_CASE("channel: a late proof on the wire, and back; 63 octets are none") {
  LateProofStep step{0x81, {}};
  step.ke3.fill(0xC3);
  const Exchange exchange{2, {step, ResetStep{}}};
  auto octets = concat({hex("01 0000000000000002 0002 04 81"), Bytes(64, 0xC3), hex("00")});
  CHECK(encode(exchange) == octets);
  CHECK(parse_exchange(octets) == exchange);
  octets.erase(octets.end() - 2);
  CHECK(refused(octets));
}

TEST_CASE("channel: every truncation and every octet too many is refused") {
  for (std::size_t n = 0; n < kExchangeOctets.size(); ++n) {
    CAPTURE(n);
    CHECK(refused(Bytes(kExchangeOctets.begin(), kExchangeOctets.begin() + static_cast<std::ptrdiff_t>(n))));
  }
  for (std::size_t n = 0; n < kReplyOctets.size(); ++n) {
    CAPTURE(n);
    CHECK(refused_reply(Bytes(kReplyOctets.begin(), kReplyOctets.begin() + static_cast<std::ptrdiff_t>(n))));
  }
  CHECK(refused(concat({kExchangeOctets, hex("00")})));
  CHECK(refused_reply(concat({kReplyOctets, hex("00")})));
}

TEST_CASE("channel: versions, kinds, flags, sequence numbers and lengths out of range are refused") {
  CHECK(refused(hex("02 0000000000000001 0000")));
  CHECK(refused(hex("01 0000000000000000 0000")));
  CHECK(refused(hex("01 0000000000000001 0001 02")));
  CHECK(refused(hex("01 0000000000000001 0001 05")));
  CHECK(refused(hex("01 0000000000000001 0001 01 FFFFFFFF 00")));
  CHECK(refused_reply(hex("02 0000000000000001 0000")));
  CHECK(refused_reply(hex("01 0000000000000000 0000")));
  CHECK(refused_reply(hex("01 0000000000000001 0001 02 00000000000000000000000000000000 00000000")));
}

TEST_CASE("channel: 64 steps fit, 65 do not") {
  Exchange full{1, std::vector<Step>(kMaxSteps, ResetStep{})};
  CHECK(parse_exchange(encode(full)) == full);
  full.steps.emplace_back(ResetStep{});
  CHECK(refused(encode(full)));

  ExchangeReply reply{1, std::vector<StepResult>(kMaxSteps)};
  CHECK(parse_exchange_reply(encode(reply)) == reply);
  reply.results.emplace_back();
  CHECK(refused_reply(encode(reply)));
}

TEST_CASE("channel: a body of one MiB is read, one octet more is not") {
  constexpr std::size_t kOverhead = 11 + 5;
  Exchange large{1, {CommandStep{Bytes(kMaxExchangeSize - kOverhead)}}};
  CHECK(encode(large).size() == kMaxExchangeSize);
  CHECK(parse_exchange(encode(large)) == large);
  std::get<CommandStep>(large.steps[0]).apdu.push_back(0);
  CHECK(refused(encode(large)));
}

}  // namespace
}  // namespace cardea::api
