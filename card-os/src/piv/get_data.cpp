#include "cardea/apdu/tlv.h"
#include "engine/error_map.h"
#include "piv/objects.h"
#include "piv/piv.h"

namespace cardea::card::piv {

namespace {

/// `5C L tag`, and nothing else.
CardResult<std::uint32_t> parse(const Command& command) {
  constexpr std::size_t kMaxTag = 3;
  const auto list = apdu::read_tlv(command.data);
  if (!list || list->tag != 0x5C || list->whole.size() != command.data.size()) return refuse(sw::kWrongData);
  if (list->value.empty() || list->value.size() > kMaxTag) return refuse(sw::kWrongData);
  return static_cast<std::uint32_t>(read_be(list->value));
}

}  // namespace

// SP 800-73-4 Part 2, 3.1.2 GET DATA. The access rule comes before existence, so that nobody learns whether
// there is something to protect.
CardResult<Reply> Piv::get_data(const Command& command) {
  CARDEA_TRY(const auto tag, parse(command));
  const auto* const rule = find_object(tag);
  if (rule == nullptr) return refuse(sw::kNotFound);
  if (rule->needs_pin) {
    CARDEA_TRY(const bool verified, pin_verified());
    if (!verified) return refuse(sw::kSecurityNotSatisfied);
  }
  CARDEA_TRY(auto content, lift(ports_.store.get({RecordSpace::object, tag})));
  if (!content && tag == kAttestationCertificate && profile_.yubico) {
    CARDEA_TRY(content, attestation_object());
  }
  if (!content || content->empty()) return refuse(sw::kNotFound);
  if (is_own_template(tag)) return Reply{std::move(*content)};
  return Reply{apdu::make_tlv(0x53, *content)};
}

}  // namespace cardea::card::piv
