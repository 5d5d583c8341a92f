// Card keys of an organisation. Keys that come in here are wiped as soon as they were read.

#include <algorithm>
#include <array>

#include "act.h"
#include "cardea/hex.h"
#include "json.h"

namespace cardea::http {
namespace {

using card::Algorithm;
using card::gp::Protocol;
using vault::Diversification;

const std::string kActor = "administrator";  // NOLINT(cert-err58-cpp): allocates at most

struct Kind {
  std::string_view name;
  Algorithm algorithm;
  unsigned parts;
};
constexpr std::array<Kind, 5> kKinds{{{"aes-128", Algorithm::aes128, 0},
                                      {"aes-192", Algorithm::aes192, 0},
                                      {"aes-256", Algorithm::aes256, 0},
                                      {"tdes-2key", Algorithm::tdes, 2},
                                      {"tdes-3key", Algorithm::tdes, 3}}};

struct Scheme {
  std::string_view name;
  Diversification scheme;
};
constexpr std::array<Scheme, 3> kSchemes{
    {{"kdf3", Diversification::kdf3}, {"visa2", Diversification::visa2}, {"emv", Diversification::emv}}};

Json check_values(const Bytes& octets) {
  auto out = Json::array();
  for (std::size_t at = 0; at + vault::kCheckValueSize <= octets.size(); at += vault::kCheckValueSize)
    out.push_back(to_hex(BytesView{octets}.subspan(at, vault::kCheckValueSize)));
  return out;
}

Json describe(const store::CardKeysRow& row) {
  const auto kind = std::ranges::find_if(
      kKinds, [&row](const Kind& one) { return one.algorithm == row.algorithm && one.parts == row.parts; });
  const auto scheme = std::ranges::find_if(
      kSchemes, [&row](const Scheme& one) { return static_cast<std::uint8_t>(one.scheme) == row.scheme; });
  return {{"number", row.number},
          {"key_version", row.key_version},
          {"protocol", row.protocol == 2 ? "scp02" : "scp03"},
          {"i", to_hex(Bytes{row.options})},
          {"algorithm", kind != kKinds.end() ? std::string{kind->name} : std::string{}},
          {"masters", row.check_values.size() / vault::kCheckValueSize},
          {"diversification", scheme != kSchemes.end() ? std::string{scheme->name} : std::string{}},
          {"check_values", check_values(row.check_values)},
          {"origin", row.imported ? "imported" : "made in the HSM"},
          {"state", row.retired_at ? "retired" : "in use"},
          {"made_at", rfc3339(row.made_at)},
          {"retired_at", row.retired_at ? Json(rfc3339(*row.retired_at)) : Json(nullptr)}};
}

Result<unsigned> small_number(const Json& body, const char* name, unsigned otherwise) {
  const auto member = body.find(name);
  if (member == body.end() || member->is_null()) return otherwise;
  if (!member->is_number_unsigned() || member->get<std::uint64_t>() > 255)
    return fail(Errc::invalid, "the member \"" + std::string{name} + "\" must be a number below 256");
  return member->get<unsigned>();
}

Result<service::CardKeySettings> settings_in(const Json& body) {
  service::CardKeySettings out;
  CARDEA_TRY(const auto algorithm, optional_text_member(body, "algorithm"));
  const auto kind = std::ranges::find(kKinds, algorithm.value_or("aes-256"), &Kind::name);
  if (kind == kKinds.end())
    return fail(Errc::invalid, "master keys are aes-128, aes-192, aes-256, tdes-2key or tdes-3key");
  out.algorithm = kind->algorithm;
  out.parts = kind->parts;
  const bool des = kind->parts != 0;

  CARDEA_TRY(const auto protocol, optional_text_member(body, "protocol"));
  if (protocol && *protocol != "scp02" && *protocol != "scp03")
    return fail(Errc::invalid, "the protocol is scp02 or scp03");
  out.protocol = protocol.value_or(des ? "scp02" : "scp03") == "scp02" ? Protocol::scp02 : Protocol::scp03;

  CARDEA_TRY(const auto named, optional_text_member(body, "diversification"));
  const auto scheme = std::ranges::find(kSchemes, named.value_or(des ? "visa2" : "kdf3"), &Scheme::name);
  if (scheme == kSchemes.end()) return fail(Errc::invalid, "the diversification is kdf3, visa2 or emv");
  out.scheme = scheme->scheme;

  CARDEA_TRY(const auto i, optional_text_member(body, "i"));
  const auto octets = from_hex(i.value_or(out.protocol == Protocol::scp02 ? "55" : "70"));
  if (!octets || octets->size() != 1)
    return fail(Errc::invalid, "the parameter i has two hexadecimal digits");
  out.options = octets->front();

  CARDEA_TRY(const auto version, small_number(body, "key_version", 1));
  out.key_version = static_cast<std::uint8_t>(version);
  const auto three = body.find("three");
  if (three != body.end()) {
    if (!three->is_boolean()) return fail(Errc::invalid, "the member \"three\" must be true or false");
    out.three = three->get<bool>();
  }
  return out;
}

/// The member "keys": hexadecimal digits, which do not stay in the document.
Result<std::vector<SecretBytes>> keys_in(Json& body) {
  const auto member = body.find("keys");
  if (member == body.end() || !member->is_array())
    return fail(Errc::invalid, "the member \"keys\" must be a list of keys");
  std::vector<SecretBytes> out;
  bool good = true;
  for (auto& item : *member) {
    if (!item.is_string()) {
      good = false;
      continue;
    }
    auto& text = item.get_ref<std::string&>();
    auto octets = from_hex(text);
    wipe(std::span{reinterpret_cast<std::uint8_t*>(text.data()),
                   text.size()});  // NOLINT(*-reinterpret-cast): characters as octets
    good = good && octets.has_value();
    if (!octets) continue;
    out.emplace_back(BytesView{*octets});
    wipe(*octets);
  }
  if (!good) return fail(Errc::invalid, "a key is given in hexadecimal digits");
  return out;
}

Result<Bytes> expected_check_values(const Json& body) {
  const auto member = body.find("check_values");
  Bytes out;
  if (member == body.end() || member->is_null()) return out;
  const auto refused = fail(Errc::invalid, "a check value is given in six hexadecimal digits");
  if (!member->is_array()) return refused;
  for (const auto& item : *member) {
    const auto octets = item.is_string() ? from_hex(item.get<std::string>()) : std::nullopt;
    if (!octets || octets->size() != vault::kCheckValueSize) return refused;
    append(out, *octets);
  }
  return out;
}

Result<Json> list(const Application& app, const Request& request) {
  CARDEA_TRY(const auto sets, app.card_keys.list(request.parameters[0]));
  auto out = Json::array();
  for (const auto& row : sets)
    out.push_back(describe(row));
  return out;
}

Result<Json> create(const Application& app, const Request& request) {
  CARDEA_TRY(const auto body, json_object(request));
  CARDEA_TRY(const auto settings, settings_in(body));
  CARDEA_TRY(const auto row, app.card_keys.create(request.parameters[0], settings, kActor));
  return describe(row);
}

Result<Json> import(const Application& app, const Request& request) {
  CARDEA_TRY(auto body, json_object(request));
  const auto keys = keys_in(body);
  CARDEA_TRY(const auto settings, settings_in(body));
  if (!keys) return tl::unexpected{keys.error()};
  CARDEA_TRY(const auto expected, expected_check_values(body));
  CARDEA_TRY(const auto row, app.card_keys.import(request.parameters[0], settings, *keys, expected, kActor));
  return describe(row);
}

Result<Json> retire(const Application& app, const Request& request) {
  CARDEA_TRY(const auto row, app.card_keys.retire(request.parameters[0], kActor));
  return describe(row);
}

}  // namespace

std::vector<Route> card_key_routes(const Application& application) {
  const Answering answer{application};
  return {
      {"GET", "/v1/admin/organisations/{id}/card-keys", answer(200, list)},
      {"POST", "/v1/admin/organisations/{id}/card-keys", answer(201, create), kJson},
      {"POST", "/v1/admin/organisations/{id}/card-keys/import", answer(201, import), kJson},
      {"DELETE", "/v1/admin/organisations/{id}/card-keys", answer(200, retire)},
  };
}

}  // namespace cardea::http
