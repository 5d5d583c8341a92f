#include "cardea/cms/perso/inspect.h"

#include <algorithm>

#include "cardea/cms/ca/private_key.h"

namespace cardea::cms::perso {

namespace {

class Inspection {
 public:
  Inspection(piv::Card& card, const Plan* plan) : card_{card}, plan_{plan} {}

  Result<CardReport> all() {
    CARDEA_TRY(out_.facts, card_.open());
    if (out_.facts.pin_tries == 0U) problem("the PIN is blocked");
    CARDEA_CHECK(read_objects());
    std::size_t retired = 0;
    for (const auto& slot : piv::all_slots()) {
      CARDEA_CHECK(read_slot(slot));
      if (piv::is_retired(slot) && has(slot) && find(slot)->certificate) ++retired;
    }
    if (retired != (out_.history ? out_.history->on_card : 0U)) {
      problem("there are " + std::to_string(retired) + " retired certificates, and the key history counts " +
              std::to_string(out_.history ? out_.history->on_card : 0U));
    }
    if (plan_ != nullptr) compare();
    return std::move(out_);
  }

 private:
  Result<void> read_objects() {
    CARDEA_TRY(const auto chuid, card_.read_object(piv::tag::kChuid));
    if (chuid) {
      out_.guid = piv::chuid_guid(*chuid);
      out_.expiry = piv::chuid_expiry(*chuid);
      if (!out_.guid) problem("the CHUID cannot be read");
    }
    CARDEA_TRY(const auto history, card_.read_object(piv::tag::kKeyHistory));
    if (history) {
      out_.history = piv::parse_key_history(*history);
      if (!out_.history) problem("the key history cannot be read");
    }
    if (plan_ == nullptr) return {};
    const auto expected = [&](bool wanted, std::uint32_t tag) -> Result<void> {
      if (!wanted) return {};
      CARDEA_TRY(const auto object, card_.read_object(tag));
      if (!object) problem("the " + piv::object_name(tag) + " is missing");
      return {};
    };
    CARDEA_CHECK(expected(plan_->chuid.has_value(), piv::tag::kChuid));
    CARDEA_CHECK(expected(plan_->ccc, piv::tag::kCcc));
    CARDEA_CHECK(expected(plan_->discovery.has_value(), piv::tag::kDiscovery));
    return expected(plan_->key_history.has_value(), piv::tag::kKeyHistory);
  }

  Result<void> read_slot(const piv::Slot& slot) {
    SlotReport report;
    report.slot = slot;
    CARDEA_TRY(const auto metadata, card_.metadata(slot.reference));
    if (metadata && metadata->algorithm) report.algorithm = piv::key_algorithm_of(*metadata->algorithm);
    CARDEA_TRY(const auto object, card_.read_object(slot.certificate_tag));
    if (object) read_certificate(*object, metadata, report);
    if (metadata || object) out_.slots.push_back(std::move(report));
    return {};
  }

  void read_certificate(BytesView object, const std::optional<piv::Metadata>& metadata, SlotReport& report) {
    const std::string what = "the " + piv::object_name(report.slot.certificate_tag);
    const auto stored = piv::parse_certificate(object);
    if (!stored) return problem(what + " is malformed");
    report.der = stored->certificate;
    if (stored->compressed) {
      auto plain = ca::gunzip(stored->certificate);
      if (!plain) return problem(what + " cannot be decompressed");
      report.der = *std::move(plain);
    }
    const auto info = ca::describe_certificate(report.der);
    const auto key = ca::public_key_of(report.der);
    if (!info || !key) return problem(what + " cannot be read");
    report.certificate = *info;
    if (!report.algorithm) report.algorithm = key->algorithm;
    if (metadata && !metadata->public_key.empty() && metadata->public_key != key->encoded)
      problem(what + " is for another key than the slot holds");
    // Old certificates may have expired: that is why they are old.
    if (!piv::is_retired(report.slot) && !ca::check_certificate(report.der, *key))
      problem(what + " has expired");
  }

  [[nodiscard]] std::vector<SlotReport>::const_iterator find(const piv::Slot& slot) const {
    return std::find_if(out_.slots.begin(), out_.slots.end(),
                        [&](const SlotReport& report) { return report.slot == slot; });
  }
  [[nodiscard]] bool has(const piv::Slot& slot) const { return find(slot) != out_.slots.end(); }

  void compare() {
    for (const auto& slot : plan_->slots) {
      const std::string name = piv::name(slot.slot);
      if (!has(slot.slot) || !find(slot.slot)->certificate) {
        problem(name + " holds no certificate");
        continue;
      }
      const auto algorithm = find(slot.slot)->algorithm;
      if (algorithm && *algorithm != slot.algorithm) {
        problem(name + " holds " + std::string{piv::info(*algorithm).title} + " where the plan has " +
                std::string{piv::info(slot.algorithm).title});
      }
    }
  }

  void problem(std::string what) { out_.problems.push_back(std::move(what)); }

  piv::Card& card_;
  const Plan* plan_;
  CardReport out_;
};

}  // namespace

Result<CardReport> inspect(piv::Card& card, const Plan* plan) {
  return Inspection{card, plan}.all();
}

}  // namespace cardea::cms::perso
