#include "cardea/cms/perso/renew.h"

#include <algorithm>

#include "cardea/cms/ca/private_key.h"
#include "cardea/cms/perso/json_object.h"
#include "reference_data.h"

namespace cardea::cms::perso {

namespace {

constexpr std::uint8_t kEncryption = 0x9D;
constexpr std::array<std::uint8_t, 2> kMovesKeys{5, 7};  // Yubico's firmware from which MOVE KEY is there

tl::unexpected<Failure> refuse(std::string what) {
  return tl::unexpected{Failure{Exit::refused, std::move(what)}};
}

template <class T>
Outcome<T> outcome(Result<T> result) {
  if (!result) return tl::unexpected{to_failure(result.error())};
  return *std::move(result);
}

/// A slot as it is on the card.
struct Present {
  Bytes object;       ///< what the certificate's data object holds
  Bytes certificate;  ///< DER
  piv::PublicKey key;
};

Outcome<std::optional<Present>> read_slot(piv::Card& card, const piv::Slot& slot) {
  CARDEA_TRY(const auto object, outcome(card.read_object(slot.certificate_tag)));
  if (!object) return std::optional<Present>{};
  const auto stored = piv::parse_certificate(*object);
  if (!stored) return refuse("the " + piv::object_name(slot.certificate_tag) + " on the card is malformed");
  Present out;
  out.object = *object;
  out.certificate = stored->certificate;
  if (stored->compressed) {
    CARDEA_TRY(out.certificate, outcome(ca::gunzip(stored->certificate)));
  }
  CARDEA_TRY(out.key, outcome(ca::public_key_of(out.certificate)));
  return std::optional{std::move(out)};
}

/// The first retired slot that holds neither a certificate nor, as far as the card tells, a key.
Outcome<piv::Slot> free_retired_slot(piv::Card& card) {
  for (const auto& slot : piv::all_slots()) {
    if (!piv::is_retired(slot)) continue;
    CARDEA_TRY(const auto object, outcome(card.read_object(slot.certificate_tag)));
    if (object) continue;
    CARDEA_TRY(const auto key, outcome(card.metadata(slot.reference)));
    if (!key) return slot;
  }
  return refuse("all twenty retired slots are taken");
}

class Planner {
 public:
  Planner(piv::Card& card, const RenewalTerms& terms) : card_{card}, terms_{terms} {}

  Outcome<Renewal> all() {
    CARDEA_TRY(const auto facts, outcome(card_.open()));
    CARDEA_TRY(const auto chuid, outcome(card_.read_object(piv::tag::kChuid)));
    const auto guid = chuid ? piv::chuid_guid(*chuid) : std::nullopt;
    if (!guid) return refuse("this card has no CHUID: it was not issued, or was emptied since");
    out_.state.renewal = true;
    out_.state.guid = *guid;
    out_.state.serial = facts.serial;
    version_ = facts.version;
    document_ = {{"name", "renewal (" + terms_.plan.name + ")"},
                 {"certificate_capacity", terms_.plan.certificate_capacity},
                 {"slots", Json::array()},
                 {"pin", {{"change", false}}},
                 {"puk", {{"change", false}}},
                 {"management_key", {{"change", false}}}};
    CARDEA_TRY(const Json original, outcome(parse_json(terms_.plan.text, "the plan")));
    if (original.contains("channel")) document_["channel"] = original["channel"];
    for (std::size_t i = 0; i < terms_.plan.slots.size(); ++i)
      CARDEA_CHECK(add(terms_.plan.slots[i], original["slots"][i]));
    if (document_["slots"].empty())
      return refuse("none of the plan's slots holds a certificate that could be renewed");
    CARDEA_TRY(out_.plan, outcome(parse_plan(document_.dump())));
    out_.state.plan = out_.plan.text;
    return std::move(out_);
  }

 private:
  Outcome<void> add(const SlotPlan& slot, Json json) {
    const auto reference = slot.slot.reference;
    const bool wanted = terms_.slots.empty() ? !piv::is_retired(slot.slot) : terms_.slots.contains(reference);
    if (!wanted) return {};
    CARDEA_TRY(const auto present, read_slot(card_, slot.slot));
    if (!present && terms_.slots.empty()) return {};
    if (!present) return refuse(piv::name(slot.slot) + " holds no certificate that could be renewed");
    if (out_.state.holder.subject.empty()) {
      CARDEA_TRY(out_.state.holder, outcome(ca::holder_of(present->certificate)));
    } else {
      // Addresses may stand in one certificate and not in the other.
      CARDEA_TRY(const auto more, outcome(ca::holder_of(present->certificate)));
      if (out_.state.holder.upn.empty()) out_.state.holder.upn = more.upn;
      if (out_.state.holder.email.empty()) out_.state.holder.email = more.email;
    }
    json.erase("retire_to");
    if (!terms_.new_keys) {
      json.erase("import");
      json["algorithm"] = std::string{piv::info(present->key.algorithm).name};
      out_.state.slots[reference].key = present->key;
      out_.state.done.insert(piv::name(slot.slot) + "/generate");
    } else if (reference == kEncryption) {
      CARDEA_CHECK(keep_old_key(slot, *present, json));
    }
    document_["slots"].push_back(std::move(json));
    return {};
  }

  /// What was enciphered for the old key has to be readable after it was replaced.
  Outcome<void> keep_old_key(const SlotPlan& slot, const Present& present, Json& json) {
    CARDEA_TRY(const auto place, free_retired_slot(card_));
    const std::string name = piv::name(place);
    const bool moves =
        version_ && std::pair{(*version_)[0], (*version_)[1]} >= std::pair{kMovesKeys[0], kMovesKeys[1]};
    out_.state.slots[place.reference].key = present.key;
    CARDEA_CHECK(count_one_more());
    if (terms_.imported.contains(place.reference)) {
      out_.state.slots[place.reference].certificate = present.certificate;
      document_["slots"].push_back({{"slot", name},
                                    {"algorithm", std::string{piv::info(present.key.algorithm).name}},
                                    {"import", "key-and-certificate"}});
      return {};
    }
    if (!moves) {
      return refuse(
          "the card cannot move its encryption key to a retired slot, and what was enciphered for it would "
          "be "
          "lost; give a copy of that key with --import-key " +
          name + "=FILE, or leave " + piv::name(slot.slot) + " out with --slot");
    }
    json["retire_to"] = name;
    out_.state.objects[place.certificate_tag].content = present.object;
    return {};
  }

  Outcome<void> count_one_more() {
    CARDEA_TRY(const auto object, outcome(card_.read_object(piv::tag::kKeyHistory)));
    const auto history =
        object ? piv::parse_key_history(*object).value_or(piv::KeyHistory{}) : piv::KeyHistory{};
    const auto on_card = static_cast<std::uint8_t>(history.on_card + 1);
    out_.state.objects[piv::tag::kKeyHistory].content = piv::encode_key_history(on_card, history.off_card);
    document_["objects"] = {{"key_history", {{"on_card", on_card}, {"off_card", history.off_card}}}};
    return {};
  }

  piv::Card& card_;
  const RenewalTerms& terms_;
  std::optional<std::array<std::uint8_t, 3>> version_;
  Json document_;
  Renewal out_;
};

}  // namespace

Outcome<Renewal> plan_renewal(piv::Card& card, const RenewalTerms& terms) {
  return Planner{card, terms}.all();
}

}  // namespace cardea::cms::perso
