// What a vpcd may say, in pieces, and what a command line may say of where it is. Every stream is messages:
// all that is whole is taken, nothing is taken twice, and how the octets are cut makes no difference.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "cardea/vpcd/endpoint.h"
#include "cardea/vpcd/message.h"

namespace {

using namespace cardea;
using Kind = vpcd::Message::Kind;

void require(bool law) {
  if (!law) std::abort();
}

Bytes payload_of(const vpcd::Message& message) {
  switch (message.kind) {
    case Kind::power_off:
      return {0};
    case Kind::power_on:
      return {1};
    case Kind::reset:
      return {2};
    case Kind::get_atr:
      return {4};
    case Kind::command:
      break;
  }
  return message.command;
}

void check_stream(BytesView stream, std::size_t step) {
  vpcd::Assembler assembler;
  BytesView left = stream;
  Bytes again;
  while (!left.empty()) {
    const auto room = assembler.room();
    require(!room.empty());
    const auto count = std::min({room.size(), left.size(), step});
    std::copy_n(left.begin(), count, room.begin());
    left = left.subspan(count);
    const auto message = assembler.filled(count);
    if (!message) {
      require(assembler.in_the_middle());
      continue;
    }
    require(!assembler.in_the_middle());
    require(message->kind == Kind::command || message->command.empty());
    append(again, vpcd::encode(payload_of(*message)));
    require(again.size() == stream.size() - left.size());
  }
  require(equal(again, stream.first(again.size())));
}

void check_endpoint(const std::string& text) {
  const auto endpoint = vpcd::parse_endpoint(text);
  if (!endpoint) return;
  require(endpoint->port != 0 && !endpoint->host.empty());
  const auto again = vpcd::parse_endpoint(vpcd::to_text(*endpoint));
  require(again && *again == *endpoint);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView octets{data, size};
  check_endpoint({octets.begin(), octets.end()});
  // The first octet says how the rest arrives.
  if (!octets.empty()) check_stream(octets.subspan(1), 1U + octets[0]);
  return 0;
}
