#include "piv/key_record.h"

#include <optional>

namespace cardea::card::piv {

namespace {

constexpr std::uint8_t kVersion = 1;

void append_sized(Bytes& out, BytesView value) {
  append_be32(out, static_cast<std::uint32_t>(value.size()));
  append(out, value);
}

/// Takes fields from the front; after the first that is not there, everything is zero and `complete` is
/// false.
class Reader {
 public:
  explicit Reader(BytesView octets) : rest_{octets} {}

  std::uint64_t number(std::size_t size) { return read_be(take(size)); }
  std::uint8_t octet() { return static_cast<std::uint8_t>(number(1)); }
  Bytes sized() { return to_bytes(take(static_cast<std::size_t>(number(4)))); }

  /// All fields were there, and nothing else.
  [[nodiscard]] bool complete() const { return good_ && rest_.empty(); }

 private:
  BytesView take(std::size_t size) {
    good_ = good_ && size <= rest_.size();
    if (!good_) return {};
    const auto out = rest_.first(size);
    rest_ = rest_.subspan(size);
    return out;
  }

  BytesView rest_;
  bool good_ = true;
};

bool known(Algorithm a) {
  return is_symmetric(a) ? key_size(a) != 0 : field_size(a) != 0;
}

bool fits(const PublicKey& key, Algorithm a) {
  if (is_rsa(a)) return key.modulus.size() == field_size(a) && !key.exponent.empty() && key.point.empty();
  const bool no_rsa = key.modulus.empty() && key.exponent.empty();
  return no_rsa && key.point.size() == point_size(a);
}

bool valid(const KeyRecord& r) {
  const auto in = [](auto value, unsigned low, unsigned high) {
    const auto n = static_cast<unsigned>(value);
    return n >= low && n <= high;
  };
  return known(r.handle.algorithm) && fits(r.handle.public_key, r.handle.algorithm) && in(r.origin, 1, 2) &&
         in(r.pin_policy, 1, 3) && in(r.touch_policy, 1, 3);
}

}  // namespace

Bytes encode(const KeyRecord& record) {
  const auto& handle = record.handle;
  Bytes out{kVersion,
            handle.slot.reference,
            static_cast<std::uint8_t>(handle.algorithm),
            static_cast<std::uint8_t>(record.origin),
            static_cast<std::uint8_t>(record.pin_policy),
            static_cast<std::uint8_t>(record.touch_policy),
            static_cast<std::uint8_t>(record.factory_value ? 1 : 0)};
  append_be64(out, handle.slot.version);
  append_sized(out, handle.sealed);
  append_sized(out, handle.public_key.modulus);
  append_sized(out, handle.public_key.exponent);
  append_sized(out, handle.public_key.point);
  return out;
}

Result<KeyRecord> decode_key_record(BytesView octets) {
  Reader in{octets};
  const bool version_known = in.octet() == kVersion;
  KeyRecord out;
  auto& handle = out.handle;
  handle.slot.reference = in.octet();
  handle.algorithm = static_cast<Algorithm>(in.octet());
  out.origin = static_cast<KeyOrigin>(in.octet());
  out.pin_policy = static_cast<PinPolicy>(in.octet());
  out.touch_policy = static_cast<TouchPolicy>(in.octet());
  const auto factory_value = in.octet();
  out.factory_value = factory_value == 1;
  handle.slot.version = in.number(8);
  handle.sealed = in.sized();
  handle.public_key.algorithm = handle.algorithm;
  handle.public_key.modulus = in.sized();
  handle.public_key.exponent = in.sized();
  handle.public_key.point = in.sized();
  if (!version_known || !in.complete() || factory_value > 1 || !valid(out)) {
    return fail(Errc::corrupt, "a key record of the card is damaged");
  }
  return out;
}

}  // namespace cardea::card::piv
