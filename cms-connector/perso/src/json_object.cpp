#include "cardea/cms/perso/json_object.h"

#include "cardea/hex.h"

namespace cardea::cms::perso {

Result<Json> parse_json(std::string_view text, const std::string& what) {
  Json out = Json::parse(text, nullptr, false);
  if (out.is_discarded()) return fail(Errc::invalid, what + " is not a JSON document");
  return out;
}

Result<JsonObject> JsonObject::from(const Json& json, std::string place) {
  if (!json.is_object()) return fail(Errc::invalid, place + " must be an object");
  return JsonObject{json, std::move(place)};
}

const Json* JsonObject::find(const std::string& key) {
  read_.insert(key);
  const auto it = json_->find(key);
  return it == json_->end() ? nullptr : &*it;
}

Result<std::string> JsonObject::text(const std::string& key, const std::string& absent) {
  const Json* value = find(key);
  if (value == nullptr) return absent;
  if (!value->is_string()) return wrong(key, "must be a text");
  return value->get<std::string>();
}

Result<std::int64_t> JsonObject::number(const std::string& key, std::int64_t absent, std::int64_t least,
                                        std::int64_t most) {
  const Json* value = find(key);
  if (value == nullptr) return absent;
  if (!value->is_number_integer() || value->get<std::int64_t>() < least ||
      value->get<std::int64_t>() > most) {
    return wrong(key, "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return value->get<std::int64_t>();
}

Result<bool> JsonObject::flag(const std::string& key, bool absent) {
  const Json* value = find(key);
  if (value == nullptr) return absent;
  if (!value->is_boolean()) return wrong(key, "must be true or false");
  return value->get<bool>();
}

Result<std::vector<std::string>> JsonObject::texts(const std::string& key) {
  std::vector<std::string> out;
  const Json* value = find(key);
  if (value == nullptr) return out;
  if (!value->is_array()) return wrong(key, "must be a list of texts");
  for (const auto& element : *value) {
    if (!element.is_string()) return wrong(key, "must be a list of texts");
    out.push_back(element.get<std::string>());
  }
  return out;
}

Result<Bytes> JsonObject::hex(const std::string& key) {
  CARDEA_TRY(const auto digits, text(key, ""));
  auto octets = from_hex(digits);
  if (!octets) return wrong(key, "must be hexadecimal");
  return *std::move(octets);
}

Result<void> JsonObject::nothing_else() const {
  for (const auto& [key, value] : json_->items()) {
    if (!read_.contains(key)) return fail(Errc::invalid, place_ + ": unknown key \"" + key + "\"");
  }
  return {};
}

tl::unexpected<Error> JsonObject::wrong(const std::string& key, const std::string& what) const {
  return fail(Errc::invalid, place_ + ": \"" + key + "\" " + what);
}

}  // namespace cardea::cms::perso
