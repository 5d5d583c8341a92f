#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "authority_options.h"
#include "cardea/cms/ca/authority.h"
#include "cardea/cms/ca/files.h"
#include "cardea/cms/pcsc.h"
#include "cardea/cms/perso/issue.h"
#include "cardea/hex.h"
#include "options.h"

namespace cardea::cms::cli {

namespace {

using Json = nlohmann::json;

constexpr int kOk = 0;
constexpr int kUsage = 2;
constexpr int kNoCard = 3;
constexpr int kCaFailed = 4;

Json slot_json(const perso::SlotPlan& slot) {
  return {{"slot", piv::name(slot.slot)},
          {"algorithm", std::string{piv::info(slot.algorithm).name}},
          {"pin_policy", std::string{piv::name(slot.pin_policy)}},
          {"touch_policy", std::string{piv::name(slot.touch_policy)}},
          {"key_usage", slot.certificate.key_usage},
          {"extended_key_usage", slot.certificate.extended_key_usage},
          {"valid_days", slot.certificate.valid_days}};
}

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words)
    out += (out.empty() ? "" : ", ") + word;
  return out;
}

}  // namespace

void complain(const std::string& sentence) {
  std::cerr << "cardea-cms: " << sentence << "\n";
}

std::string plan_file(const std::string& plan) {
  if (std::filesystem::exists(plan) || plan.find('/') != std::string::npos || plan.ends_with(".json"))
    return plan;
  return std::string{CARDEA_PLAN_DIRECTORY} + "/" + plan + ".json";
}

int show_readers(const Options& options) {
  const auto readers = list_readers();
  if (!readers) {
    complain(readers.error().what);
    return kNoCard;
  }
  Json list = Json::array();
  for (const auto& reader : *readers) {
    list.push_back({{"name", reader.name},
                    {"card", reader.card_present},
                    {"in_use", reader.in_use},
                    {"exclusive", reader.exclusive},
                    {"atr", to_hex(reader.atr)}});
    if (options.json) continue;
    std::cout << reader.name << ": " << (reader.card_present ? "card " + to_hex(reader.atr) : "no card")
              << (reader.exclusive ? ", held by another program"
                  : reader.in_use  ? ", in use"
                                   : "")
              << "\n";
  }
  if (options.json) std::cout << list.dump(2) << "\n";
  if (!options.json && readers->empty()) std::cerr << "no readers\n";
  return kOk;
}

int show_plan(const Options& options) {
  const auto plan = perso::load_plan(plan_file(options.plan));
  if (!plan) {
    complain(plan.error().what);
    return kUsage;
  }
  const auto steps =
      perso::plan_steps(*plan, {plan->pin.change, plan->change_puk, plan->management_key.has_value()});
  if (options.json) {
    Json out = {{"name", plan->name},
                {"description", plan->description},
                {"slots", Json::array()},
                {"steps", Json::array()}};
    for (const auto& slot : plan->slots)
      out["slots"].push_back(slot_json(slot));
    for (const auto& step : steps)
      out["steps"].push_back({{"id", step.id}, {"title", step.title}});
    std::cout << out.dump(2) << "\n";
    return kOk;
  }
  std::cout << plan->name << ": " << plan->description << "\n\nKeys\n";
  for (const auto& slot : plan->slots) {
    std::cout << "  " << piv::name(slot.slot) << "  " << piv::info(slot.algorithm).title << ", PIN "
              << piv::name(slot.pin_policy) << ", touch " << piv::name(slot.touch_policy)
              << "; certificate for " << slot.certificate.valid_days
              << " days: " << listed(slot.certificate.key_usage) << "; "
              << listed(slot.certificate.extended_key_usage) << "\n";
  }
  std::cout << "\nSteps\n";
  for (std::size_t i = 0; i < steps.size(); ++i)
    std::cout << "  " << i + 1 << ". " << steps[i].title << "\n";
  return kOk;
}

int make_authority(const Options& options) {
  const auto made = ca::make_local_authority(options.ca_directory, {options.ca_subject, options.ca_days});
  if (!made) {
    complain(made.error().what);
    return made.error().code == Errc::invalid || made.error().code == Errc::conflict ? kUsage : kCaFailed;
  }
  if (options.json) {
    std::cout
        << Json{{"certificate", options.ca_directory + "/ca.pem"}, {"subject", options.ca_subject}}.dump(2)
        << "\n";
  } else {
    std::cout << "certificate authority made: " << options.ca_directory << "/ca.pem\n";
  }
  return kOk;
}

int sign_crl(const Options& options) {
  const auto signed_list = ca::sign_local_crl(options.ca_directory, options.crl_days);
  if (!signed_list) {
    complain(signed_list.error().what);
    return kCaFailed;
  }
  std::cout << "revocation list signed: " << options.ca_directory << "/ca.crl\n";
  return kOk;
}

int show_authorities(const Options& options) {
  const auto certificates = ca::est_ca_certificates(remote_settings(options));
  if (!certificates) {
    complain(certificates.error().what);
    return certificates.error().code == Errc::invalid ? kUsage : kCaFailed;
  }
  std::string text;
  for (const auto& der : *certificates)
    text += ca::certificate_pem(der).value_or("");
  if (options.out_file.empty()) {
    std::cout << text;
    return kOk;
  }
  if (const auto written = ca::replace_file(options.out_file, text, 0644); !written) {
    complain(written.error().what);
    return kUsage;
  }
  std::cout << certificates->size() << " certificates written to " << options.out_file << "\n";
  return kOk;
}

}  // namespace cardea::cms::cli
