#include "cardea/apdu/tlv.h"
#include "engine/error_map.h"
#include "piv/objects.h"
#include "piv/piv.h"

namespace cardea::card::piv {

namespace {

struct Request {
  std::uint32_t tag = 0;
  BytesView content;  ///< as it is stored; empty to delete
};

/// `5C L tag 53 L content`, or one of the two templates that come without a tag list.
CardResult<Request> parse(const Command& command) {
  const auto objects = apdu::read_tlvs(command.data);
  if (!objects || objects->empty()) return refuse(sw::kWrongData);
  const auto& first = objects->front();
  if (objects->size() == 1 && is_own_template(first.tag)) {
    return Request{first.tag, first.value.empty() ? BytesView{} : first.whole};
  }

  constexpr std::size_t kTagSize = 3;
  if (objects->size() != 2 || first.tag != 0x5C || first.value.size() != kTagSize)
    return refuse(sw::kWrongData);
  const auto& second = objects->back();
  if (second.tag != 0x53) return refuse(sw::kWrongData);
  return Request{static_cast<std::uint32_t>(read_be(first.value)), second.value};
}

}  // namespace

// SP 800-73-4 Part 2, 3.3.1 PUT DATA. Content is stored as it comes and never encoded anew; `53 00` deletes.
CardResult<Reply> Piv::put_data(const Command& command) {
  CARDEA_TRY(const auto request, parse(command));
  const auto* const rule = find_object(request.tag);
  if (rule == nullptr) return refuse(sw::kWrongData);
  if (request.content.size() > rule->capacity) return refuse(sw::kNoMemory);

  Change change{{RecordSpace::object, request.tag}, std::nullopt};
  if (!request.content.empty()) change.value = to_bytes(request.content);
  CARDEA_CHECK(lift(ports_.store.commit({&change, 1})));
  const auto size = static_cast<std::uint32_t>(request.content.size());
  CARDEA_CHECK(lift(ports_.audit.record(ObjectWritten{request.tag, size})));
  return Reply{};
}

}  // namespace cardea::card::piv
