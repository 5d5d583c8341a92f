#include "card_json.h"

#include <algorithm>
#include <array>

namespace cardea::http {
namespace {

constexpr std::array<std::string_view, 5> kStates{"active", "blocked", "blank", "issuing", "issued"};

Json describe(const service::SlotCertificate& one) {
  return {{"slot", one.slot},
          {"subject", one.facts.subject},
          {"issuer", one.facts.issuer},
          {"serial", one.facts.serial},
          {"not_before", rfc3339(one.facts.not_before)},
          {"not_after", rfc3339(one.facts.not_after)}};
}

}  // namespace

std::string_view state_name(const store::CardRow& row) {
  if (row.state == store::CardState::blocked) return "blocked";
  switch (row.issuance) {
    case store::Issuance::blank:
      return "blank";
    case store::Issuance::issuing:
      return "issuing";
    case store::Issuance::issued:
      return "issued";
    case store::Issuance::none:
      break;
  }
  return "active";
}

Result<bool> in_state(const Request& request, const store::CardRow& row) {
  const auto wanted = request.parameter("state");
  if (wanted.empty()) return true;
  if (std::ranges::find(kStates, wanted) == kStates.end())
    return fail(Errc::invalid, "a state is active, blocked, blank, issuing or issued");
  return wanted == state_name(row);
}

Json describe_issuing(const service::IssuingView& view) {
  auto certificates = Json::array();
  for (const auto& one : view.certificates)
    certificates.push_back(describe(one));
  Json holder = nullptr;
  if (view.holder) {
    holder = {{"name", view.holder->name}, {"email", view.holder->email}};
    auto identifiers = Json::array();
    for (const auto& one : view.holder->identifiers)
      identifiers.push_back({{"kind", one.kind}, {"value", one.value}});
    holder["identifiers"] = std::move(identifiers);
  }
  return {{"missing", view.missing},
          {"certificates", std::move(certificates)},
          {"named", std::move(holder)},
          {"in_use", view.in_use}};
}

}  // namespace cardea::http
