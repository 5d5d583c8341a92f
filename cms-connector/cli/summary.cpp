#include "summary.h"

#include <iostream>
#include <nlohmann/json.hpp>

namespace cardea::cms::cli {

namespace {

using Json = nlohmann::json;

std::string result_word(const Summary& summary) {
  if (summary.dry_run) return "dry-run";
  if (summary.verb == Verb::renew) return "renewed";
  return summary.verb == Verb::roll_back ? "rolled-back" : "issued";
}

Json slots_json(const perso::State& state, const perso::Plan& plan) {
  Json out = Json::object();
  for (const auto& slot : plan.slots) {
    const auto known = state.slots.find(slot.slot.reference);
    if (known == state.slots.end() || known->second.certificate.empty()) continue;
    const auto certificate = ca::describe_certificate(known->second.certificate);
    if (!certificate) continue;
    out[piv::name(slot.slot)] = {{"algorithm", std::string{piv::info(slot.algorithm).name}},
                                 {"subject", certificate->subject},
                                 {"issuer", certificate->issuer},
                                 {"serial", certificate->serial},
                                 {"not_after", certificate->not_after}};
  }
  return out;
}

/// On standard output, for programs.
void print_failed(const perso::Failure& failure, const std::string& state_file) {
  Json out = {{"result", "failed"}, {"exit", static_cast<int>(failure.exit)}, {"error", failure.what}};
  if (!state_file.empty()) out["state"] = state_file;
  std::cout << out.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

}  // namespace

void print_summary(const Summary& summary, const perso::State& state, const perso::Plan& plan, bool json) {
  const Json slots = slots_json(state, plan);
  if (json) {
    Json out = {{"result", result_word(summary)},
                {"guid", perso::guid_text(state.guid)},
                {"reader", state.reader},
                {"plan", plan.name},
                {"subject", state.holder.subject},
                {"slots", summary.verb == Verb::roll_back ? Json::object() : slots},
                {summary.verb == Verb::roll_back ? "left" : "warnings", summary.remarks},
                {"milliseconds", summary.took.count()}};
    if (!summary.state_file.empty()) out["state"] = summary.state_file;
    if (state.serial) out["serial"] = *state.serial;
    std::cout << out.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
    return;
  }
  for (const auto& remark : summary.remarks)
    std::cerr << "note: " << remark << "\n";
  if (summary.dry_run) {
    std::cout << "Nothing was done. Add --execute to do it.\n";
    return;
  }
  if (summary.verb == Verb::roll_back) {
    std::cout << "card " << perso::guid_text(state.guid) << " is rolled back\n";
    return;
  }
  std::cout << "card " << perso::guid_text(state.guid)
            << (summary.verb == Verb::renew ? " is renewed for " : " is issued to ") << state.holder.subject
            << " in " << summary.took.count() << " ms\n";
  for (const auto& [name, slot] : slots.items()) {
    std::cout << "  " << name << "  " << slot["algorithm"].get<std::string>() << "  certificate "
              << slot["serial"].get<std::string>() << " until " << slot["not_after"].get<std::string>()
              << "\n";
  }
}

void print_failure(const Summary& summary, const perso::Failure& failure, bool json, bool resumable) {
  complain(failure.what);
  if (resumable) {
    std::cerr << "What was done is recorded in " << summary.state_file
              << ". Go on with \"cardea-cms resume --state " << summary.state_file
              << "\",\nor undo it with \"cardea-cms rollback --state " << summary.state_file << "\".\n";
  }
  if (json) print_failed(failure, resumable ? summary.state_file : "");
}

int end_with(const perso::Failure& failure, bool json) {
  complain(failure.what);
  if (json) print_failed(failure, "");
  return static_cast<int>(failure.exit);
}

}  // namespace cardea::cms::cli
