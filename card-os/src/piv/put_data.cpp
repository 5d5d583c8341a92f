#include <algorithm>

#include "cardea/apdu/tlv.h"
#include "engine/error_map.h"
#include "piv/objects.h"
#include "piv/piv.h"

namespace cardea::card::piv {

namespace {

CardResult<PutRequest> read(const std::vector<apdu::Tlv>& objects) {
  if (objects.empty()) return refuse(sw::kWrongData);
  const auto& first = objects.front();
  if (objects.size() == 1 && is_own_template(first.tag)) {
    return PutRequest{first.tag, first.value.empty() ? BytesView{} : first.whole};
  }

  constexpr std::size_t kTagSize = 3;
  if (objects.size() != 2 || first.tag != 0x5C || first.value.size() != kTagSize)
    return refuse(sw::kWrongData);
  const auto& second = objects.back();
  if (second.tag != 0x53) return refuse(sw::kWrongData);
  return PutRequest{static_cast<std::uint32_t>(read_be(first.value)), second.value};
}

}  // namespace

CardResult<PutRequest> parse_put(const std::vector<apdu::Tlv>& objects) {
  CARDEA_TRY(const auto request, read(objects));
  const auto* const rule = find_object(request.tag);
  if (rule == nullptr) return refuse(sw::kWrongData);
  if (request.content.size() > rule->capacity) return refuse(sw::kNoMemory);
  return request;
}

// SP 800-73-4 Part 2, 3.3.1 PUT DATA. Content is stored as it comes and never encoded anew; `53 00` deletes.
CardResult<Reply> Piv::put_data(const Command& command) {
  const auto objects = apdu::read_tlvs(command.data);
  if (!objects) return refuse(sw::kWrongData);
  CARDEA_TRY(const auto request, parse_put(*objects));
  CARDEA_CHECK(registration_.commit(changes_of({request})));
  CARDEA_CHECK(tell_of({request}));
  return Reply{};
}

/// Of an object that is there twice, the last.
std::vector<Change> Piv::changes_of(const std::vector<PutRequest>& requests) {
  std::vector<Change> out;
  for (const auto& request : requests) {
    Change change{{RecordSpace::object, request.tag}, std::nullopt};
    if (!request.content.empty()) change.value = to_bytes(request.content);
    std::erase_if(out, [&](const Change& earlier) { return earlier.id == change.id; });
    out.push_back(std::move(change));
  }
  return out;
}

CardResult<void> Piv::tell_of(const std::vector<PutRequest>& requests) {
  for (const auto& request : requests) {
    const auto size = static_cast<std::uint32_t>(request.content.size());
    CARDEA_CHECK(lift(ports_.audit.record(ObjectWritten{request.tag, size})));
  }
  return {};
}

}  // namespace cardea::card::piv
