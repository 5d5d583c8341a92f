#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "authority_options.h"
#include "card_connection.h"
#include "cardea/cms/ca/files.h"
#include "cardea/cms/perso/inspect.h"
#include "cardea/cms/perso/state.h"
#include "interrupt.h"
#include "key_options.h"
#include "summary.h"

namespace cardea::cms::cli {

namespace {

using Json = nlohmann::json;

struct Condemned {
  std::string where;  ///< "9A", or a file
  Bytes certificate;
};

/// What is to be revoked, and of which card it is.
struct Collection {
  std::vector<Condemned> certificates;
  std::optional<piv::Guid> guid;
};

struct Revoked {
  Json certificates = Json::object();  ///< serial numbers by slot or file
  std::string guid;                    ///< of the card to wipe
};

Outcome<Collection> from_card(const Options& options, const std::set<std::uint8_t>& slots) {
  CARDEA_TRY(const auto connected, connect(options, options.reader));
  const auto card = piv::make_piv_card(*connected.channel);
  const auto report = perso::inspect(*card, nullptr);
  if (!report) return tl::unexpected{perso::to_failure(report.error())};
  Collection out{{}, report->guid};
  for (const auto& slot : report->slots) {
    if (slot.certificate && (slots.empty() || slots.contains(slot.slot.reference)))
      out.certificates.push_back({piv::name(slot.slot), slot.der});
  }
  return out;
}

Outcome<Collection> from_state(const Options& options, const std::set<std::uint8_t>& slots) {
  CARDEA_TRY(const auto state, or_usage(perso::StateFile{options.state}.load()));
  Collection out{{}, state.guid};
  for (const auto& [reference, slot] : state.slots) {
    if (!slot.certificate.empty() && (slots.empty() || slots.contains(reference)))
      out.certificates.push_back({piv::name(piv::Slot{reference, 0}), slot.certificate});
  }
  return out;
}

Outcome<Collection> collect(const Options& options) {
  CARDEA_TRY(const auto slots, named_slots(options.care.slots));
  Collection out;
  for (const auto& file : options.care.certificates) {
    CARDEA_TRY(const auto text, or_usage(ca::read_file(file)));
    const auto certificate = ca::certificate_from_pem(text);
    if (!certificate) return usage(file + ": " + certificate.error().what);
    out.certificates.push_back({file, *certificate});
  }
  if (!options.state.empty()) {
    CARDEA_TRY(auto more, from_state(options, slots));
    out.guid = more.guid;
    std::move(more.certificates.begin(), more.certificates.end(), std::back_inserter(out.certificates));
  }
  if (options.state.empty() && options.care.certificates.empty()) {
    CARDEA_TRY(out, from_card(options, slots));
  }
  if (out.certificates.empty())
    return tl::unexpected{Failure{Exit::refused, "there is no certificate to revoke"}};
  return out;
}

/// Before anything is revoked: the card in the reader has to be the one that is to be wiped.
Outcome<void> check_wipe(const Options& options, const std::optional<piv::Guid>& guid) {
  if (!guid) {
    return tl::unexpected{Failure{Exit::refused,
                                  "the card has no CHUID, by which --wipe would know it again; nothing was "
                                  "revoked: leave --wipe away, and recycle it afterwards"}};
  }
  if (options.state.empty() || !options.execute) return {};
  CARDEA_TRY(const auto connected, connect(options, options.reader));
  const auto card = piv::make_piv_card(*connected.channel);
  const auto report = perso::inspect(*card, nullptr);
  if (!report) return tl::unexpected{perso::to_failure(report.error())};
  if (report->guid == guid) return {};
  return tl::unexpected{
      Failure{Exit::refused, "the card in the reader is not " + perso::guid_text(*guid) +
                                 "; it was left alone, and nothing was revoked: without --wipe only the "
                                 "certificates are"}};
}

Outcome<Revoked> revoke(const Options& options) {
  if (options.care.wipe && !options.care.certificates.empty())
    return usage(
        "--wipe does not go with --certificate, which does not say of which card it is: revoke without it, "
        "then recycle --guid GUID");
  const auto reason = ca::reason_named(options.care.reason);
  if (!reason) return usage("\"" + options.care.reason + "\" is no reason of RFC 5280");
  CARDEA_TRY(const auto authority, open_authority(options));
  CARDEA_TRY(const auto condemned, collect(options));
  Revoked out;
  if (options.care.wipe) {
    CARDEA_CHECK(check_wipe(options, condemned.guid));
    out.guid = perso::guid_text(*condemned.guid);
  }
  for (const auto& one : condemned.certificates) {
    if (interrupted())
      return tl::unexpected{
          Failure{Exit::interrupted, "interrupted by request; what is revoked stays revoked"}};
    const auto about = ca::describe_certificate(one.certificate);
    const auto revoked = authority->revoke(one.certificate, *reason);
    if (!revoked) return tl::unexpected{Failure{Exit::ca_failed, one.where + ": " + revoked.error().what}};
    out.certificates[one.where] = about ? about->serial : "";
    if (options.execute && !options.json)
      std::cout << one.where << ": certificate " << (about ? about->serial : "") << " is revoked\n";
  }
  return out;
}

}  // namespace

int revoke_certificates(const Options& options) {
  listen_for_signals();
  const auto revoked = revoke(options);
  if (!revoked) return end_with(revoked.error(), options.json);
  // With --wipe the recycling says how it ended.
  if (options.care.wipe) {
    Options same_card = options;
    same_card.care.guid = revoked->guid;
    return recycle_card(same_card);
  }
  if (options.json)
    std::cout << Json{{"result", options.execute ? "revoked" : "dry-run"},
                      {"certificates", revoked->certificates}}
                     .dump(2)
              << "\n";
  if (!options.execute && !options.json) std::cout << "Nothing was done. Add --execute to do it.\n";
  return 0;
}

}  // namespace cardea::cms::cli
