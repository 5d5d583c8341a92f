#include <iostream>
#include <nlohmann/json.hpp>

#include "card_connection.h"
#include "cardea/cms/perso/inspect.h"
#include "cardea/cms/perso/state.h"
#include "interrupt.h"
#include "summary.h"

namespace cardea::cms::cli {

namespace {

using Json = nlohmann::json;

std::string version_text(const std::array<std::uint8_t, 3>& version) {
  return std::to_string(version[0]) + "." + std::to_string(version[1]) + "." + std::to_string(version[2]);
}

std::string algorithm_text(const perso::SlotReport& slot) {
  return slot.algorithm ? std::string{piv::info(*slot.algorithm).name} : "";
}

void print_json(const perso::CardReport& report, const std::string& reader) {
  Json out = {{"reader", reader}, {"problems", report.problems}, {"slots", Json::object()}};
  if (report.guid) out["guid"] = perso::guid_text(*report.guid);
  if (!report.expiry.empty()) out["expiry"] = report.expiry;
  if (report.facts.version) out["version"] = version_text(*report.facts.version);
  if (report.facts.serial) out["serial"] = *report.facts.serial;
  if (report.facts.pin_tries) out["pin_tries"] = *report.facts.pin_tries;
  if (report.history)
    out["key_history"] = {{"on_card", report.history->on_card}, {"off_card", report.history->off_card}};
  for (const auto& slot : report.slots) {
    Json& entry = out["slots"][piv::name(slot.slot)];
    entry = {{"algorithm", algorithm_text(slot)}};
    if (!slot.certificate) continue;
    entry["subject"] = slot.certificate->subject;
    entry["issuer"] = slot.certificate->issuer;
    entry["serial"] = slot.certificate->serial;
    entry["not_after"] = slot.certificate->not_after;
  }
  std::cout << out.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

void print_text(const perso::CardReport& report) {
  std::cout << "card " << (report.guid ? perso::guid_text(*report.guid) : "without CHUID");
  if (report.facts.serial) std::cout << ", serial number " << *report.facts.serial;
  if (report.facts.version) std::cout << ", firmware " << version_text(*report.facts.version);
  if (!report.expiry.empty()) std::cout << ", until " << report.expiry;
  if (report.facts.pin_tries) std::cout << ", PIN tries left: " << *report.facts.pin_tries;
  std::cout << "\n";
  for (const auto& slot : report.slots) {
    std::cout << "  " << piv::name(slot.slot) << "  " << algorithm_text(slot);
    if (slot.certificate)
      std::cout << "  " << slot.certificate->subject << ", by " << slot.certificate->issuer << ", "
                << slot.certificate->serial << " until " << slot.certificate->not_after;
    else
      std::cout << "  no certificate";
    std::cout << "\n";
  }
  for (const auto& problem : report.problems)
    std::cout << "problem: " << problem << "\n";
}

Outcome<int> look(const Options& options) {
  std::optional<perso::Plan> plan;
  if (!options.plan.empty()) {
    CARDEA_TRY(plan, or_usage(perso::load_plan(plan_file(options.plan))));
  }
  CARDEA_TRY(const auto connected, connect(options, options.reader));
  const auto card = piv::make_piv_card(*connected.channel);
  const auto report = perso::inspect(*card, plan ? &*plan : nullptr);
  if (!report) return tl::unexpected{perso::to_failure(report.error())};
  if (options.json) {
    print_json(*report, connected.reader);
  } else {
    print_text(*report);
  }
  return report->problems.empty() ? 0 : static_cast<int>(Exit::refused);
}

}  // namespace

int inspect_card(const Options& options) {
  listen_for_signals();
  const auto outcome = look(options);
  return outcome ? *outcome : end_with(outcome.error(), options.json);
}

}  // namespace cardea::cms::cli
