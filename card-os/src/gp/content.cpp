#include "gp/content.h"

#include <algorithm>
#include <array>

#include "cardea/apdu/tlv.h"

namespace cardea::card::gp {

namespace {

enum Tag : std::uint32_t {
  kAid = 0x4F,
  kTagList = 0x5C,
  kModuleAid = 0x84,
  kLoadFile = 0xC4,
  kPrivileges = 0xC5,
  kDomain = 0xCC,
  kVersion = 0xCE,
  kEntry = 0xE3,
  kLifeCycle = 0x9F70,
};

bool has_prefix(BytesView aid, BytesView prefix) {
  return prefix.size() <= aid.size() && equal(aid.first(prefix.size()), prefix);
}

/// Tags one after the other, of one octet or two.
std::optional<std::vector<std::uint32_t>> read_tags(BytesView list) {
  constexpr unsigned kFurther = 0x1F;
  std::vector<std::uint32_t> out;
  while (!list.empty()) {
    const std::size_t size = (list[0] & kFurther) == kFurther ? 2 : 1;
    if (list.size() < size) return std::nullopt;
    out.push_back(static_cast<std::uint32_t>(read_be(list.first(size))));
    list = list.subspan(size);
  }
  return out;
}

// Card Specification 2.3.1, table 11-36.
Bytes describe(const RegistryEntry& entry, const StatusQuery& query) {
  Bytes inside;
  const auto tell = [&](Tag tag, BytesView value) {
    const bool asked = query.tags.empty() || std::ranges::find(query.tags, tag) != query.tags.end();
    if (asked && !value.empty()) apdu::append_tlv(inside, tag, value);
  };
  tell(kAid, entry.aid);
  tell(kLifeCycle, std::array{entry.life_cycle});
  tell(kPrivileges, entry.privileges);
  tell(kLoadFile, entry.package);
  tell(kDomain, entry.domain);
  tell(kVersion, entry.version);
  tell(kModuleAid, entry.module);
  return apdu::make_tlv(kEntry, inside);
}

}  // namespace

std::optional<StatusQuery> parse_status_query(BytesView data) {
  const auto objects = apdu::read_tlvs(data);
  if (!objects || objects->empty() || objects->size() > 2 || objects->front().tag != kAid)
    return std::nullopt;
  StatusQuery out{to_bytes(objects->front().value), {}};
  if (objects->size() == 1) return out;
  if (objects->back().tag != kTagList) return std::nullopt;
  auto tags = read_tags(objects->back().value);
  if (!tags) return std::nullopt;
  out.tags = *std::move(tags);
  return out;
}

StatusPage status_page(const std::vector<RegistryEntry>& entries, const StatusQuery& query, std::size_t from,
                       std::size_t room) {
  StatusPage out;
  for (std::size_t i = from; i < entries.size(); ++i) {
    if (!has_prefix(entries[i].aid, query.prefix)) continue;
    const auto one = describe(entries[i], query);
    if (!out.data.empty() && out.data.size() + one.size() > room) {
      out.next = i;
      break;
    }
    append(out.data, one);
  }
  return out;
}

std::optional<std::vector<BytesView>> read_fields(BytesView data, std::size_t count) {
  std::vector<BytesView> out;
  while (!data.empty()) {
    const std::size_t size = data[0];
    if (data.size() - 1 < size) return std::nullopt;
    out.push_back(data.subspan(1, size));
    data = data.subspan(1 + size);
  }
  if (out.size() != count) return std::nullopt;
  return out;
}

}  // namespace cardea::card::gp
