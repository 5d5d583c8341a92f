#include "cardea/apdu/tlv.h"

#include <algorithm>

namespace cardea::apdu {

namespace {

constexpr std::size_t kMaxTagOctets = 4;
constexpr std::size_t kMaxLengthOctets = 4;

/// A tag whose first octet has all five low bits set goes on for as long as bit 8 is set.
std::optional<std::size_t> tag_size(BytesView octets) {
  if (octets.empty()) return std::nullopt;
  if ((octets[0] & 0x1FU) != 0x1FU) return 1;
  for (std::size_t n = 1; n < std::min(octets.size(), kMaxTagOctets); ++n) {
    if ((octets[n] & 0x80U) == 0) return n + 1;
  }
  return std::nullopt;
}

void append_length(Bytes& out, std::size_t length) {
  if (length < 0x80) {
    out.push_back(static_cast<std::uint8_t>(length));
    return;
  }
  std::size_t octets = 1;
  while (octets < kMaxLengthOctets && (length >> (8 * octets)) != 0)
    ++octets;
  out.push_back(static_cast<std::uint8_t>(0x80U | octets));
  for (; octets > 0; --octets)
    out.push_back(static_cast<std::uint8_t>(length >> (8 * (octets - 1))));
}

void append_tag(Bytes& out, std::uint32_t tag) {
  bool started = false;
  for (int shift = 24; shift >= 0; shift -= 8) {
    const auto octet = static_cast<std::uint8_t>(tag >> static_cast<unsigned>(shift));
    started = started || octet != 0 || shift == 0;
    if (started) out.push_back(octet);
  }
}

}  // namespace

std::optional<Tlv> read_tlv(BytesView octets) {
  const auto tag_octets = tag_size(octets);
  if (!tag_octets || octets.size() == *tag_octets) return std::nullopt;
  Tlv out;
  out.tag = static_cast<std::uint32_t>(read_be(octets.first(*tag_octets)));

  std::size_t at = *tag_octets;
  std::uint64_t length = octets[at++];
  if (length >= 0x80) {
    const std::size_t count = length & 0x7FU;
    if (count == 0 || count > kMaxLengthOctets || octets.size() - at < count) return std::nullopt;
    length = read_be(octets.subspan(at, count));
    at += count;
  }
  if (length > octets.size() - at) return std::nullopt;
  out.value = octets.subspan(at, static_cast<std::size_t>(length));
  out.whole = octets.first(at + out.value.size());
  return out;
}

std::optional<std::vector<Tlv>> read_tlvs(BytesView octets) {
  std::vector<Tlv> out;
  while (!octets.empty()) {
    const auto one = read_tlv(octets);
    if (!one) return std::nullopt;
    out.push_back(*one);
    octets = octets.subspan(one->whole.size());
  }
  return out;
}

std::optional<BytesView> find(const std::vector<Tlv>& objects, std::uint32_t tag) {
  const auto it = std::find_if(objects.begin(), objects.end(), [tag](const Tlv& t) { return t.tag == tag; });
  if (it == objects.end()) return std::nullopt;
  return it->value;
}

void append_tlv(Bytes& out, std::uint32_t tag, BytesView value) {
  append_tag(out, tag);
  append_length(out, value.size());
  append(out, value);
}

Bytes make_tlv(std::uint32_t tag, BytesView value) {
  Bytes out;
  append_tlv(out, tag, value);
  return out;
}

Bytes make_template(std::uint32_t tag, std::initializer_list<BytesView> objects) {
  return make_tlv(tag, concat(objects));
}

}  // namespace cardea::apdu
