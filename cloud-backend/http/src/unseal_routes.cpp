// Shares and PINs. What comes in here is wiped as soon as it was read.

#include <array>

#include "act.h"
#include "cardea/hex.h"
#include "cardea/http/interface.h"
#include "json.h"

namespace cardea::http {
namespace {

const std::string kActor = "administrator";  // NOLINT(cert-err58-cpp): allocates at most

Json describe(const unseal::Status& status) {
  return {{"sealed", status.sealed},       {"in_shares", status.owned}, {"key", status.key},
          {"threshold", status.threshold}, {"shares", status.shares},   {"given", status.given},
          {"sentence", status.sentence}};
}

/// A member of the body that holds a share; its text does not stay in the document.
Result<unseal::Share> share_member(Json& body, const char* name) {
  const auto member = body.find(name);
  if (member == body.end() || !member->is_string()) {
    return fail(Errc::invalid, "the member \"" + std::string{name} + "\" must be a share as text");
  }
  auto& text = member->get_ref<std::string&>();
  auto share = unseal::parse_share(text);
  wipe(std::span{reinterpret_cast<std::uint8_t*>(text.data()),
                 text.size()});  // NOLINT(*-reinterpret-cast): characters as octets
  return share;
}

Result<Json> status(const Application& app, const Request&) {
  return describe(app.keeper.status());
}

Result<Json> give(const Application& app, const Request& request) {
  CARDEA_TRY(auto body, json_object(request));
  CARDEA_TRY(const auto share, share_member(body, "share"));
  const auto given = app.keeper.give(share);
  const Json detail{{"share", share.number}, {"key", unseal::text(share.key)}};
  CARDEA_CHECK(app.key_care.note("hsm.unseal", given.has_value(), detail.dump(), kActor));
  if (!given) return tl::unexpected{given.error()};
  return describe(*given);
}

Result<Json> abort(const Application& app, const Request&) {
  return describe(app.keeper.abort());
}

Result<Json> take_over(const Application& app, const Request& request) {
  CARDEA_TRY(auto body, json_object(request));
  CARDEA_TRY(const auto whole, share_member(body, "key"));
  if (whole.number != 0) return fail(Errc::invalid, "the key must be whole");
  CARDEA_TRY(auto key, unseal::combine({&whole, 1}));
  const auto threshold = body.value("threshold", 0U);
  std::vector<std::array<std::uint8_t, 32>> digests;
  for (const auto& item : body.value("digests", Json::array())) {
    const auto octets = item.is_string() ? from_hex(item.get<std::string>()) : std::nullopt;
    if (!octets || octets->size() != 32) return fail(Errc::invalid, "a digest has 32 octets");
    std::copy(octets->begin(), octets->end(), digests.emplace_back().begin());
  }
  const Json detail{{"key", unseal::text(whole.key)}, {"threshold", threshold}, {"shares", digests.size()}};
  CARDEA_CHECK(app.key_care.note("hsm.shares.intent", true, detail.dump(), kActor));
  const auto done = app.keeper.take_over(std::move(key), threshold, std::move(digests));
  CARDEA_CHECK(app.key_care.note("hsm.shares", done.has_value(), detail.dump(), kActor));
  if (!done) return tl::unexpected{done.error()};
  return describe(*done);
}

Result<Json> change_pins(const Application& app, const Request&) {
  CARDEA_CHECK(app.key_care.note("hsm.pin.intent", true, "{}", kActor));
  const auto done = app.keeper.change_pins();
  CARDEA_CHECK(app.key_care.note("hsm.pin", done.has_value(), "{}", kActor));
  if (!done) return tl::unexpected{done.error()};
  return describe(*done);
}

Result<Json> keep_in_tpm(const Application& app, const Request& request) {
  CARDEA_TRY(auto body, json_object(request));
  CARDEA_TRY(const auto whole, share_member(body, "key"));
  if (whole.number != 0) return fail(Errc::invalid, "the key must be whole");
  CARDEA_TRY(const auto key, unseal::combine({&whole, 1}));
  CARDEA_CHECK(app.keeper.verify(key));
  const auto done = app.keep_in_tpm(key);
  CARDEA_CHECK(app.key_care.note("hsm.local_share", done.has_value(), "{}", kActor));
  if (!done) return tl::unexpected{done.error()};
  return describe(app.keeper.status());
}

}  // namespace

std::vector<Route> unseal_routes(const Application& application) {
  const Answering answer{application};
  return {
      {"GET", "/v1/admin/unseal", answer(200, status)},
      {"POST", "/v1/admin/unseal", answer(200, give), kJson},
      {"DELETE", "/v1/admin/unseal", answer(200, abort)},
      {"POST", "/v1/admin/hsm/shares", answer(200, take_over), kJson},
      {"POST", "/v1/admin/hsm/pin", answer(200, change_pins)},
      {"POST", "/v1/admin/hsm/local-share", answer(200, keep_in_tpm), kJson},
  };
}

}  // namespace cardea::http
