#include "cardea/cms/perso/state.h"

#include <algorithm>
#include <array>

#include "cardea/cms/perso/json_object.h"
#include "cardea/cms/piv/admin_key.h"
#include "cardea/hex.h"

namespace cardea::cms::perso {

namespace {

constexpr int kVersion = 1;

Result<std::string> expiry_date(std::time_t now, int days) {
  constexpr std::time_t kDay = 24 * 60 * 60;
  const std::time_t then = now + days * kDay;
  std::tm parts{};
  std::array<char, 9> text{};
  if (::gmtime_r(&then, &parts) == nullptr ||
      std::strftime(text.data(), text.size(), "%Y%m%d", &parts) != 8) {
    return fail(Errc::invalid, "the card's expiry date cannot be computed");
  }
  return std::string{text.data()};
}

template <std::size_t N>
Result<std::array<std::uint8_t, N>> random_array() {
  CARDEA_TRY(const Bytes octets, piv::random_octets(N));
  std::array<std::uint8_t, N> out{};
  std::copy(octets.begin(), octets.end(), out.begin());
  return out;
}

Json object_json(const ObjectState& object) {
  return {
      {"content", to_hex(object.content)}, {"touched", object.touched}, {"before", to_hex(object.before)}};
}

Result<ObjectState> read_object(const Json& json, const std::string& place) {
  CARDEA_TRY(auto in, JsonObject::from(json, place));
  ObjectState out;
  CARDEA_TRY(out.content, in.hex("content"));
  CARDEA_TRY(out.touched, in.flag("touched", false));
  CARDEA_TRY(out.before, in.hex("before"));
  CARDEA_CHECK(in.nothing_else());
  return out;
}

Json slot_json(const SlotState& slot) {
  Json out = {{"request", to_hex(slot.request)}, {"certificate", to_hex(slot.certificate)}};
  if (slot.key) {
    out["algorithm"] = std::string{piv::info(slot.key->algorithm).name};
    out["public_key"] = to_hex(slot.key->encoded);
  }
  return out;
}

Result<SlotState> read_slot(const Json& json, const std::string& place) {
  CARDEA_TRY(auto in, JsonObject::from(json, place));
  SlotState out;
  CARDEA_TRY(out.request, in.hex("request"));
  CARDEA_TRY(out.certificate, in.hex("certificate"));
  CARDEA_TRY(const auto name, in.text("algorithm", ""));
  CARDEA_TRY(const auto encoded, in.hex("public_key"));
  if (!name.empty()) {
    const auto algorithm = piv::key_algorithm_named(name);
    if (!algorithm) return in.wrong("algorithm", "is not known");
    out.key = piv::PublicKey{*algorithm, encoded};
  }
  CARDEA_CHECK(in.nothing_else());
  return out;
}

Result<std::set<std::string>> read_set(JsonObject& in, const std::string& key) {
  CARDEA_TRY(const auto list, in.texts(key));
  return std::set<std::string>(list.begin(), list.end());
}

Result<void> read_holder(JsonObject& in, ca::Holder& out) {
  CARDEA_TRY(out.subject, in.text("subject", ""));
  CARDEA_TRY(out.upn, in.text("upn", ""));
  CARDEA_TRY(out.email, in.text("email", ""));
  return {};
}

Result<void> read_changes(JsonObject& in, Changes& out) {
  CARDEA_TRY(const auto list, in.texts("changes"));
  for (const auto& change : list) {
    if (change == "pin") {
      out.pin = true;
    } else if (change == "puk") {
      out.puk = true;
    } else if (change == "management-key") {
      out.management_key = true;
    } else {
      return in.wrong("changes", "has an unknown entry");
    }
  }
  return {};
}

/// Members of a JSON object whose names are hexadecimal numbers.
template <class Number, class Value>
Result<void> read_map(JsonObject& in, const std::string& key,
                      Result<Value> (*read)(const Json&, const std::string&), std::map<Number, Value>& out) {
  const Json* members = in.find(key);
  if (members == nullptr || !members->is_object()) return in.wrong(key, "must be an object");
  for (const auto& [name, value] : members->items()) {
    const auto number = from_hex(name);
    if (!number || number->empty() || number->size() > sizeof(Number))
      return in.wrong(key, "has a member with a strange name");
    CARDEA_TRY(auto parsed, read(value, key + "." + name));
    out.insert_or_assign(static_cast<Number>(read_be(*number)), std::move(parsed));
  }
  return {};
}

std::string tag_text(std::uint32_t tag) {
  Bytes octets;
  append_be32(octets, tag);
  return to_hex(octets);
}

Result<State> read_state(std::string_view text) {
  CARDEA_TRY(const Json json, parse_json(text, "the state file"));
  CARDEA_TRY(auto in, JsonObject::from(json, "state"));
  State out;
  CARDEA_TRY(const auto version, in.number("version", 0, 0, 1000));
  if (version != kVersion)
    return fail(Errc::unsupported, "the state file is of another version of this program");
  CARDEA_TRY(out.plan, in.text("plan", ""));
  CARDEA_TRY(const Bytes guid, in.hex("guid"));
  if (guid.size() != out.guid.size()) return in.wrong("guid", "must have 16 octets");
  std::copy(guid.begin(), guid.end(), out.guid.begin());
  CARDEA_TRY(const auto serial, in.number("serial", -1, -1, 0xFFFFFFFFLL));
  if (serial >= 0) out.serial = static_cast<std::uint32_t>(serial);
  CARDEA_TRY(out.reader, in.text("reader", ""));
  CARDEA_CHECK(read_holder(in, out.holder));
  CARDEA_CHECK(read_changes(in, out.changes));
  CARDEA_CHECK(read_map(in, "objects", &read_object, out.objects));
  CARDEA_CHECK(read_map(in, "slots", &read_slot, out.slots));
  CARDEA_TRY(out.begun, read_set(in, "begun"));
  CARDEA_TRY(out.done, read_set(in, "done"));
  CARDEA_TRY(out.renewal, in.flag("renewal", false));
  CARDEA_TRY(out.finished, in.flag("finished", false));
  CARDEA_TRY(out.rolled_back, in.flag("rolled_back", false));
  CARDEA_CHECK(in.nothing_else());
  return out;
}

}  // namespace

Result<State> new_state(const Plan& plan, const ca::Holder& holder, const Changes& changes, std::time_t now) {
  State out;
  out.plan = plan.text;
  out.holder = holder;
  out.changes = changes;
  CARDEA_TRY(out.guid, random_array<16>());
  // RFC 4122, 4.4: a random UUID says so in its version and variant bits.
  out.guid[6] = static_cast<std::uint8_t>((out.guid[6] & 0x0FU) | 0x40U);
  out.guid[8] = static_cast<std::uint8_t>((out.guid[8] & 0x3FU) | 0x80U);
  if (plan.chuid) {
    CARDEA_TRY(const auto expiry, expiry_date(now, plan.chuid->valid_days));
    out.objects[piv::tag::kChuid].content = piv::encode_chuid({plan.chuid->fasc_n, out.guid, expiry});
  }
  if (plan.ccc) {
    CARDEA_TRY(const auto identifier, random_array<14>());
    out.objects[piv::tag::kCcc].content = piv::encode_ccc(identifier);
  }
  if (plan.discovery) out.objects[piv::tag::kDiscovery].content = piv::encode_discovery(*plan.discovery);
  if (plan.key_history) {
    out.objects[piv::tag::kKeyHistory].content =
        piv::encode_key_history(plan.key_history->on_card, plan.key_history->off_card);
  }
  return out;
}

bool has_begun(const State& state) {
  return !state.begun.empty() || !state.done.empty() ||
         std::any_of(state.objects.begin(), state.objects.end(),
                     [](const auto& entry) { return entry.second.touched; });
}

std::string guid_text(const piv::Guid& guid) {
  return to_hex(guid);
}

std::string to_text(const State& state) {
  Json changes = Json::array();
  if (state.changes.pin) changes.push_back("pin");
  if (state.changes.puk) changes.push_back("puk");
  if (state.changes.management_key) changes.push_back("management-key");
  Json objects = Json::object();
  for (const auto& [tag, object] : state.objects)
    objects[tag_text(tag)] = object_json(object);
  Json slots = Json::object();
  for (const auto& [reference, slot] : state.slots)
    slots[to_hex(Bytes{reference})] = slot_json(slot);
  Json out = {{"version", kVersion},
              {"plan", state.plan},
              {"guid", guid_text(state.guid)},
              {"reader", state.reader},
              {"subject", state.holder.subject},
              {"upn", state.holder.upn},
              {"email", state.holder.email},
              {"changes", changes},
              {"objects", objects},
              {"slots", slots},
              {"begun", state.begun},
              {"done", state.done},
              {"renewal", state.renewal},
              {"finished", state.finished},
              {"rolled_back", state.rolled_back}};
  if (state.serial) out["serial"] = *state.serial;
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<State> parse_state(std::string_view text) {
  auto state = read_state(text);
  if (!state && state.error().code == Errc::invalid)
    return fail(Errc::corrupt, "the state file is damaged: " + state.error().what);
  return state;
}

}  // namespace cardea::cms::perso
