#include "cardea/cms/perso/plan.h"

#include <algorithm>

#include "cardea/cms/ca/files.h"
#include "cardea/cms/perso/json_object.h"
#include "cardea/cms/piv/objects.h"
#include "cardea/hex.h"

namespace cardea::cms::perso {

namespace {

constexpr int kMaxDays = 20 * 366;
constexpr std::int64_t kMaxRetired = 20;

/// A member that may be absent, `true`, or an object of its own.
Result<const Json*> section(JsonObject& parent, const std::string& key) {
  static const Json kEmpty = Json::object();
  const Json* value = parent.find(key);
  if (value == nullptr || (value->is_boolean() && !value->get<bool>()))
    return static_cast<const Json*>(nullptr);
  if (value->is_boolean()) return &kEmpty;
  if (!value->is_object()) return parent.wrong(key, "must be true, false or an object");
  return value;
}

Result<ChuidPlan> read_chuid(const Json& json) {
  CARDEA_TRY(auto in, JsonObject::from(json, "objects.chuid"));
  ChuidPlan out;
  CARDEA_TRY(const auto fasc_n, in.text("fasc_n", "non-federal"));
  if (fasc_n == "non-federal") {
    out.fasc_n = to_bytes(piv::non_federal_fasc_n());
  } else {
    const auto octets = from_hex(fasc_n);
    if (!octets || octets->size() != piv::non_federal_fasc_n().size()) {
      return in.wrong("fasc_n", "must be \"non-federal\" or 25 octets in hexadecimal");
    }
    out.fasc_n = *octets;
  }
  CARDEA_TRY(const auto days, in.number("valid_days", 5 * 365, 1, kMaxDays));
  out.valid_days = static_cast<int>(days);
  CARDEA_CHECK(in.nothing_else());
  return out;
}

Result<std::uint16_t> read_discovery(const Json& json) {
  CARDEA_TRY(auto in, JsonObject::from(json, "objects.discovery"));
  CARDEA_TRY(const auto usage, in.text("pin_usage", "4000"));
  const auto octets = from_hex(usage);
  if (!octets || octets->size() != 2) return in.wrong("pin_usage", "must be two octets in hexadecimal");
  CARDEA_CHECK(in.nothing_else());
  return static_cast<std::uint16_t>(read_be(*octets));
}

/// `retired`: how many retired slots the plan fills.
Result<KeyHistoryPlan> read_key_history(const Json& json, std::int64_t retired) {
  CARDEA_TRY(auto in, JsonObject::from(json, "objects.key_history"));
  CARDEA_TRY(const auto on_card, in.number("on_card", retired, 0, kMaxRetired));
  CARDEA_TRY(const auto off_card, in.number("off_card", 0, 0, kMaxRetired));
  CARDEA_CHECK(in.nothing_else());
  return KeyHistoryPlan{static_cast<std::uint8_t>(on_card), static_cast<std::uint8_t>(off_card)};
}

Result<void> read_objects(JsonObject& document, Plan& plan) {
  const Json* json = document.find("objects");
  if (json == nullptr) return {};
  const auto retired = std::count_if(plan.slots.begin(), plan.slots.end(),
                                     [](const SlotPlan& slot) { return piv::is_retired(slot.slot); });
  CARDEA_TRY(auto in, JsonObject::from(*json, "objects"));
  CARDEA_TRY(const Json* chuid, section(in, "chuid"));
  if (chuid != nullptr) {
    CARDEA_TRY(plan.chuid, read_chuid(*chuid));
  }
  CARDEA_TRY(plan.ccc, in.flag("ccc", false));
  CARDEA_TRY(const Json* discovery, section(in, "discovery"));
  if (discovery != nullptr) {
    CARDEA_TRY(plan.discovery, read_discovery(*discovery));
  }
  CARDEA_TRY(const Json* history, section(in, "key_history"));
  if (history != nullptr) {
    CARDEA_TRY(plan.key_history, read_key_history(*history, retired));
  }
  return in.nothing_else();
}

Result<void> read_usages(JsonObject& in, const std::string& key, bool (*known)(std::string_view),
                         std::vector<std::string>& out) {
  CARDEA_TRY(out, in.texts(key));
  for (const auto& usage : out) {
    if (!known(usage)) return in.wrong(key, "has no usage \"" + usage + "\"");
  }
  return {};
}

Result<void> read_origin(JsonObject& slot, SlotPlan& out) {
  const bool encrypts = out.slot.reference == 0x9D || piv::is_retired(out.slot);
  CARDEA_TRY(const auto import, slot.text("import", ""));
  if (import == "key") {
    out.origin = KeyOrigin::imported;
  } else if (import == "key-and-certificate") {
    out.origin = KeyOrigin::imported_certificate;
  } else if (!import.empty()) {
    return slot.wrong("import", "must be key or key-and-certificate");
  }
  // A signature is somebody's because nobody else ever had the key.
  if (!import.empty() && !encrypts) return slot.wrong("import", "is for encryption keys: 9D and 82 to 95");
  CARDEA_TRY(const auto retire, slot.text("retire_to", ""));
  if (retire.empty()) return {};
  out.retire_to = piv::slot_named(retire);
  if (!out.retire_to || !piv::is_retired(*out.retire_to) || out.slot.reference != 0x9D)
    return slot.wrong("retire_to", "must be 82 to 95, and goes with 9D");
  return {};
}

Result<void> read_certificate(JsonObject& slot, SlotPlan& out) {
  const Json* json = slot.find("certificate");
  if (json == nullptr && out.origin == KeyOrigin::imported_certificate) return {};
  if (json == nullptr) return slot.wrong("certificate", "is missing");
  CARDEA_TRY(auto in, JsonObject::from(*json, slot.place() + ".certificate"));
  auto& profile = out.certificate;
  CARDEA_CHECK(read_usages(in, "key_usage", &ca::known_key_usage, profile.key_usage));
  if (profile.key_usage.empty()) return in.wrong("key_usage", "must name at least one usage");
  CARDEA_CHECK(
      read_usages(in, "extended_key_usage", &ca::known_extended_key_usage, profile.extended_key_usage));
  CARDEA_TRY(const auto days, in.number("valid_days", 365, 1, kMaxDays));
  profile.valid_days = static_cast<int>(days);
  CARDEA_TRY(profile.upn, in.flag("upn", false));
  CARDEA_TRY(profile.email, in.flag("email", false));
  CARDEA_TRY(const auto compression, in.text("compress", "when-large"));
  if (compression == "never") {
    out.compression = Compression::never;
  } else if (compression == "always") {
    out.compression = Compression::always;
  } else if (compression != "when-large") {
    return in.wrong("compress", "must be never, when-large or always");
  }
  return in.nothing_else();
}

Result<SlotPlan> read_slot(const Json& json, const std::string& place) {
  CARDEA_TRY(auto in, JsonObject::from(json, place));
  SlotPlan out;
  CARDEA_TRY(const auto slot, in.text("slot", ""));
  const auto named = piv::slot_named(slot);
  if (!named) return in.wrong("slot", "must be 9A, 9C, 9D, 9E or 82 to 95");
  out.slot = *named;
  CARDEA_TRY(const auto algorithm, in.text("algorithm", ""));
  const auto key_algorithm = piv::key_algorithm_named(algorithm);
  if (!key_algorithm) return in.wrong("algorithm", "must be rsa2048, rsa3072, rsa4096, p256 or p384");
  out.algorithm = *key_algorithm;
  CARDEA_TRY(const auto pin, in.text("pin_policy", "default"));
  const auto pin_policy = piv::pin_policy_named(pin);
  if (!pin_policy) return in.wrong("pin_policy", "must be default, never, once or always");
  out.pin_policy = *pin_policy;
  CARDEA_TRY(const auto touch, in.text("touch_policy", "default"));
  const auto touch_policy = piv::touch_policy_named(touch);
  if (!touch_policy) return in.wrong("touch_policy", "must be default, never, always or cached");
  out.touch_policy = *touch_policy;
  CARDEA_CHECK(read_origin(in, out));
  CARDEA_CHECK(read_certificate(in, out));
  CARDEA_CHECK(in.nothing_else());
  return out;
}

Result<void> read_slots(JsonObject& document, Plan& plan) {
  const Json* slots = document.find("slots");
  if (slots == nullptr || !slots->is_array() || slots->empty())
    return document.wrong("slots", "must be a list of at least one slot");
  for (std::size_t i = 0; i < slots->size(); ++i) {
    const std::string place = "slots[" + std::to_string(i) + "]";
    CARDEA_TRY(auto slot, read_slot((*slots)[i], place));
    if (std::any_of(plan.slots.begin(), plan.slots.end(),
                    [&](const SlotPlan& other) { return other.slot == slot.slot; })) {
      return fail(Errc::invalid, place + ": " + piv::name(slot.slot) + " is there twice");
    }
    plan.slots.push_back(std::move(slot));
  }
  return {};
}

Result<std::uint8_t> read_octet(JsonObject& in, const std::string& key, const std::string& absent) {
  CARDEA_TRY(const auto text, in.text(key, absent));
  const auto octets = from_hex(text);
  if (!octets || octets->size() != 1) return in.wrong(key, "must be one octet in hexadecimal");
  return octets->front();
}

Result<ChannelPlan> read_channel(const Json& json) {
  CARDEA_TRY(auto in, JsonObject::from(json, "channel"));
  ChannelPlan out;
  CARDEA_TRY(const auto protocol, in.text("protocol", "scp03"));
  if (protocol != "scp02" && protocol != "scp03") return in.wrong("protocol", "must be scp02 or scp03");
  out.protocol = protocol == "scp02" ? 2 : 3;
  CARDEA_TRY(const auto level, read_octet(in, "level", out.protocol == 2 ? "03" : "33"));
  // Keys and PINs go through it: without encryption it is not a channel for them.
  const bool known = level == 0x03 || (out.protocol == 3 && (level == 0x13 || level == 0x33));
  if (!known) return in.wrong("level", "must be 03, 13 or 33, and with SCP02 03");
  out.level = static_cast<gp::SecurityLevel>(level);
  CARDEA_TRY(out.key_version, read_octet(in, "kvn", "00"));
  CARDEA_TRY(const auto scheme, in.text("diversification", "none"));
  if (scheme == "kdf3") {
    out.diversification = gp::Diversification::kdf3;
  } else if (scheme == "visa2") {
    out.diversification = gp::Diversification::visa2;
  } else if (scheme == "emv") {
    out.diversification = gp::Diversification::emv;
  } else if (scheme != "none") {
    return in.wrong("diversification", "must be none, kdf3, visa2 or emv");
  }
  CARDEA_TRY(out.keys, in.text("keys", ""));
  CARDEA_CHECK(in.nothing_else());
  return out;
}

Result<void> read_secrets(JsonObject& document, Plan& plan) {
  static const Json kEmpty = Json::object();
  const Json* pin = document.find("pin");
  CARDEA_TRY(auto in_pin, JsonObject::from(pin == nullptr ? kEmpty : *pin, "pin"));
  CARDEA_TRY(plan.pin.change, in_pin.flag("change", true));
  CARDEA_TRY(const auto minimum, in_pin.number("minimum_length", 6, 1, 8));
  plan.pin.minimum = static_cast<std::size_t>(minimum);
  CARDEA_TRY(plan.pin.digits_only, in_pin.flag("digits_only", true));
  CARDEA_CHECK(in_pin.nothing_else());

  const Json* puk = document.find("puk");
  CARDEA_TRY(auto in_puk, JsonObject::from(puk == nullptr ? kEmpty : *puk, "puk"));
  CARDEA_TRY(plan.change_puk, in_puk.flag("change", true));
  CARDEA_CHECK(in_puk.nothing_else());

  const Json* key = document.find("management_key");
  CARDEA_TRY(auto in_key, JsonObject::from(key == nullptr ? kEmpty : *key, "management_key"));
  CARDEA_TRY(const bool change, in_key.flag("change", true));
  ManagementKeyPlan out;
  CARDEA_TRY(const auto name, in_key.text("algorithm", "aes256"));
  const auto algorithm = piv::admin_algorithm_named(name);
  if (!algorithm) return in_key.wrong("algorithm", "must be tdes, aes128, aes192 or aes256");
  out.algorithm = *algorithm;
  CARDEA_TRY(const auto unsupported, in_key.text("if_unsupported", "fail"));
  if (unsupported != "fail" && unsupported != "keep")
    return in_key.wrong("if_unsupported", "must be fail or keep");
  out.keep_if_unsupported = unsupported == "keep";
  if (change) plan.management_key = out;
  return in_key.nothing_else();
}

}  // namespace

Result<Plan> parse_plan(std::string_view text) {
  CARDEA_TRY(const Json json, parse_json(text, "the plan"));
  CARDEA_TRY(auto in, JsonObject::from(json, "plan"));
  Plan plan;
  plan.text = text;
  CARDEA_TRY(plan.name, in.text("name", ""));
  if (plan.name.empty()) return in.wrong("name", "is missing");
  CARDEA_TRY(plan.description, in.text("description", ""));
  CARDEA_TRY(const auto application, in.text("application", "piv"));
  if (application != "piv") return in.wrong("application", "must be piv");
  CARDEA_TRY(const auto capacity, in.number("certificate_capacity", 1905, 256, 16384));
  plan.certificate_capacity = static_cast<std::size_t>(capacity);
  CARDEA_CHECK(read_slots(in, plan));
  CARDEA_CHECK(read_objects(in, plan));
  if (const Json* channel = in.find("channel")) {
    CARDEA_TRY(plan.channel, read_channel(*channel));
  }
  CARDEA_CHECK(read_secrets(in, plan));
  CARDEA_CHECK(in.nothing_else());
  return plan;
}

Result<Plan> load_plan(const std::filesystem::path& file) {
  CARDEA_TRY(const auto text, ca::read_file(file));
  auto plan = parse_plan(text);
  if (!plan) return fail(plan.error().code, file.string() + ": " + plan.error().what);
  return plan;
}

}  // namespace cardea::cms::perso
