#include <algorithm>

#include "opaque_parts.h"

namespace cardea::api::opaque {
namespace {

constexpr std::string_view kVersion = "cardea/1";
constexpr std::uint32_t kLeastMemory = 8U * 1024;
constexpr std::uint32_t kMostMemory = 1024U * 1024;
constexpr std::uint32_t kMostPasses = 16;

void append_counted(Bytes& out, BytesView part) {
  append_be16(out, static_cast<std::uint16_t>(part.size()));
  append(out, part);
}

}  // namespace

std::array<std::uint8_t, kKsfSize> encode(const Ksf& ksf) {
  Bytes octets{static_cast<std::uint8_t>(ksf.function)};
  append_be32(octets, ksf.memory_kib);
  append_be32(octets, ksf.passes);
  std::array<std::uint8_t, kKsfSize> out{};
  std::ranges::copy(octets, out.begin());
  return out;
}

Result<Ksf> parse_ksf(BytesView octets) {
  const auto refused = [] {
    return fail(Errc::invalid, "these are no acceptable parameters for stretching");
  };
  if (octets.size() != kKsfSize || octets[0] != static_cast<std::uint8_t>(Ksf::Function::argon2id)) {
    return refused();
  }
  const Ksf ksf{Ksf::Function::argon2id, static_cast<std::uint32_t>(read_be(octets.subspan(1, 4))),
                static_cast<std::uint32_t>(read_be(octets.subspan(5, 4)))};
  if (ksf.memory_kib < kLeastMemory || ksf.memory_kib > kMostMemory || ksf.passes < 1 ||
      ksf.passes > kMostPasses) {
    return refused();
  }
  return ksf;
}

Bytes encode(const LoginContext& context) {
  const std::uint8_t reference = context.pin_reference;
  Bytes out = to_bytes(as_bytes(kVersion));
  append_counted(out, as_bytes(context.tenant));
  append_counted(out, as_bytes(context.card));
  append_counted(out, {&reference, 1});
  append_counted(out, context.tls_exporter);
  append_counted(out, as_bytes(context.device_thumbprint));
  append_counted(out, context.access_token_hash);
  return out;
}

BytesView password_in(BytesView field) {
  constexpr std::uint8_t kPadding = 0xFF;
  while (!field.empty() && field.back() == kPadding)
    field = field.first(field.size() - 1);
  return field;
}

Bytes credential_identifier(std::string_view tenant, std::string_view card, std::uint8_t pin_reference) {
  Bytes out = to_bytes(as_bytes(kVersion));
  append_counted(out, as_bytes(tenant));
  append_counted(out, as_bytes(card));
  append_counted(out, {&pin_reference, 1});
  return out;
}

}  // namespace cardea::api::opaque
