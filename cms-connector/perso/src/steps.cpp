#include "cardea/cms/perso/steps.h"

namespace cardea::cms::perso {

namespace {

void add_slot(std::vector<Step>& out, const SlotPlan& slot, std::size_t index) {
  const std::string name = piv::name(slot.slot);
  const auto step = [&](StepKind kind, const std::string& verb, const std::string& title) {
    out.push_back({kind, name + "/" + verb, name + " " + title, slot.slot.certificate_tag, index});
  };
  if (slot.retire_to) {
    step(StepKind::retire, "retire", "move the key to " + piv::name(*slot.retire_to));
    const auto tag = slot.retire_to->certificate_tag;
    out.push_back(
        {StepKind::object, name + "/retired-certificate", "write " + piv::object_name(tag), tag, index});
  }
  const std::string kind{piv::info(slot.algorithm).title};
  if (slot.origin == KeyOrigin::generated) {
    step(StepKind::generate, "generate", "generate " + kind);
  } else {
    step(StepKind::import_key, "import", "import " + kind + ", made off the card");
  }
  if (slot.origin == KeyOrigin::imported_certificate) {
    step(StepKind::store, "store", "store the certificate that came with it, read it back");
    return;
  }
  step(StepKind::request, "request", "certificate request, signed by the card");
  step(StepKind::certificate, "certificate", "certificate from the authority");
  step(StepKind::store, "store", "store the certificate, read it back");
}

}  // namespace

std::vector<Step> plan_steps(const Plan& plan, const Changes& changes) {
  std::vector<Step> out;
  out.push_back({StepKind::open, "open", "select PIV", 0, 0});
  out.push_back({StepKind::authenticate, "authenticate",
                 plan.channel ? "open the secure channel" : "authenticate with the management key", 0, 0});
  const auto object = [&](bool wanted, const std::string& id, std::uint32_t tag) {
    if (wanted) out.push_back({StepKind::object, id, "write " + piv::object_name(tag), tag, 0});
  };
  object(plan.chuid.has_value(), "chuid", piv::tag::kChuid);
  object(plan.ccc, "ccc", piv::tag::kCcc);
  object(plan.discovery.has_value(), "discovery", piv::tag::kDiscovery);
  object(plan.key_history.has_value(), "key-history", piv::tag::kKeyHistory);
  for (std::size_t i = 0; i < plan.slots.size(); ++i)
    add_slot(out, plan.slots[i], i);
  // Last, so that a card that is not finished still opens with the values it came with.
  if (changes.puk) out.push_back({StepKind::puk, "puk", "set the PUK", 0, 0});
  if (changes.pin) out.push_back({StepKind::pin, "pin", "set the PIN", 0, 0});
  if (changes.management_key)
    out.push_back({StepKind::management_key, "management-key", "set the management key", 0, 0});
  return out;
}

bool is_volatile(StepKind kind) {
  return kind == StepKind::open || kind == StepKind::authenticate;
}

}  // namespace cardea::cms::perso
