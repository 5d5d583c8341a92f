#include "gp/store_data.h"

#include <algorithm>
#include <array>

#include "cardea/apdu/tlv.h"
#include "engine/error_map.h"
#include "gp/issuer.h"

namespace cardea::card::gp {

namespace {

constexpr unsigned kLastBlock = 0x80;
constexpr unsigned kEncryption = 0x60;
constexpr unsigned kStructure = 0x18;
constexpr unsigned kReserved = 0x07;

constexpr std::size_t kDiversificationSize = 10;
constexpr std::uint32_t kDiversificationTag = 0xCF;
constexpr std::size_t kLargestObject = 255;
/// What a host may write: issuer identification, card image number, card data, diversification data.
constexpr std::array<std::uint32_t, 4> kWritable{0x42, 0x45, 0x66, kDiversificationTag};

}  // namespace

CardResult<void> Collection::add(std::uint8_t p1, std::uint8_t block, BytesView data) {
  const unsigned encryption = p1 & kEncryption;
  const unsigned structure = p1 & kStructure;
  const bool specified =
      (p1 & kReserved) == 0 && structure != kStructure && (encryption == 0 || encryption == kEncryption);
  const bool in_order = block == (next_ & 0xFFU) && next_ <= 0xFFU;
  if (!specified || !in_order) {
    clear();
    return refuse(apdu::sw::kWrongP1P2);
  }
  if (data.size() > kMaxSize - size_) {
    clear();
    return refuse(apdu::sw::kNoMemory);
  }
  const Segment like{static_cast<Structure>(structure), encryption != 0, {}};
  if (segments_.empty() || segments_.back().structure != like.structure ||
      segments_.back().encrypted != like.encrypted) {
    segments_.push_back(like);
    // All at once: a buffer that grows leaves copies of key material behind.
    segments_.back().data.reserve(kMaxSize - size_);
  }
  append(segments_.back().data, data);
  size_ += data.size();
  ++next_;
  return {};
}

void Collection::clear() noexcept {
  for (auto& segment : segments_)
    wipe(segment.data);
  segments_.clear();
  next_ = 0;
  size_ = 0;
}

std::optional<std::vector<Group>> read_groups(BytesView data) {
  constexpr std::uint8_t kLong = 0xFF;
  std::vector<Group> out;
  while (!data.empty()) {
    if (data.size() < 3) return std::nullopt;
    Group group{static_cast<std::uint16_t>(read_be(data.first(2))), {}};
    std::size_t header = 3;
    std::size_t size = data[2];
    if (data[2] == kLong) {
      if (data.size() < 5) return std::nullopt;
      header = 5;
      size = static_cast<std::size_t>(read_be(data.subspan(3, 2)));
    }
    if (data.size() - header < size) return std::nullopt;
    group.value = data.subspan(header, size);
    out.push_back(group);
    data = data.subspan(header + size);
  }
  return out;
}

// Card Specification 2.3.1, 11.11 STORE DATA. Blocks are collected, and used when the last is there: what
// cannot be read as a whole is written in no part.
CardResult<Reply> Issuer::store_data(const Command& command) {
  CARDEA_TRY(const auto stored, registry_for_change());
  // Locked, deleted or made anew meanwhile, from whichever session.
  const auto& registry = stored.registry;
  if (personalizing_ && (*personalizing_ != registry.instance || !application::is_usable(registry.piv))) {
    collection_.clear();
    return refuse(sw::kConditionsNotSatisfied);
  }
  CARDEA_CHECK(collection_.add(command.p1, command.p2, command.data));
  if ((command.p1 & kLastBlock) == 0) return Reply{};
  const auto taken = personalizing_ ? personalize() : write_own_data();
  collection_.clear();
  CARDEA_CHECK(taken);
  return Reply{};
}

CardResult<void> Issuer::personalize() {
  std::vector<Part> parts;
  std::vector<SecretBytes> decrypted;  // of which parts are views
  for (const auto& segment : collection_.segments()) {
    if (segment.structure != Structure::groups) {
      if (segment.encrypted) return refuse(sw::kWrongData);  // which part of an object would it be?
      parts.push_back({std::nullopt, segment.data, false});
      continue;
    }
    const auto groups = read_groups(segment.data);
    if (!groups) return refuse(sw::kWrongData);
    const bool confidential = segment.encrypted || domain_.has_level(level::kCommandEncryption);
    for (const auto& group : *groups) {
      auto value = group.value;
      if (segment.encrypted) {
        CARDEA_TRY(auto plain, domain_.decrypt_sensitive(group.value));
        value = decrypted.emplace_back(std::move(plain)).expose();
      }
      parts.push_back({group.id, value, confidential});
    }
  }
  return managed_->store(parts);
}

namespace {

/// Errors: 6A80, 6A84, 6A88.
CardResult<Change> change_of(const apdu::Tlv& object) {
  if (std::ranges::find(kWritable, object.tag) == kWritable.end()) return refuse(sw::kReferencedDataNotFound);
  if (object.value.size() > kLargestObject) return refuse(sw::kNoMemory);
  const bool size_fits = object.value.size() == kDiversificationSize;
  if (object.tag == kDiversificationTag && !size_fits) return refuse(sw::kWrongData);
  Change out{domain_data_id(static_cast<std::uint16_t>(object.tag)), std::nullopt};
  if (!object.value.empty()) out.value = to_bytes(object.value);
  return out;
}

}  // namespace

/// The domain's own data are objects.
CardResult<void> Issuer::write_own_data() {
  std::vector<Change> changes;
  std::vector<DomainDataWritten> events;
  for (const auto& segment : collection_.segments()) {
    const auto objects = apdu::read_tlvs(segment.data);
    if (segment.structure == Structure::groups || segment.encrypted || !objects || objects->empty())
      return refuse(sw::kWrongData);
    for (const auto& object : *objects) {
      CARDEA_TRY(auto change, change_of(object));
      std::erase_if(changes, [&](const Change& earlier) { return earlier.id == change.id; });
      changes.push_back(std::move(change));
      events.push_back({object.tag, static_cast<std::uint32_t>(object.value.size())});
    }
  }
  CARDEA_CHECK(lift(ports_.store.commit(changes)));
  for (const auto& event : events)
    CARDEA_CHECK(lift(ports_.audit.record(event)));
  return {};
}

}  // namespace cardea::card::gp
