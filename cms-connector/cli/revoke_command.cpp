#include <iostream>
#include <nlohmann/json.hpp>

#include "authority_options.h"
#include "card_connection.h"
#include "cardea/cms/ca/files.h"
#include "cardea/cms/perso/inspect.h"
#include "cardea/cms/perso/state.h"
#include "interrupt.h"
#include "key_options.h"

namespace cardea::cms::cli {

namespace {

using Json = nlohmann::json;

struct Condemned {
  std::string where;  ///< "9A", or a file
  Bytes certificate;
};

Outcome<std::vector<Condemned>> from_card(const Options& options, const std::set<std::uint8_t>& slots) {
  CARDEA_TRY(const auto connected, connect(options, options.reader));
  const auto card = piv::make_piv_card(*connected.channel);
  const auto report = perso::inspect(*card, nullptr);
  if (!report) {
    return tl::unexpected{Failure{
        report.error().code == Errc::unavailable ? Exit::interrupted : Exit::refused, report.error().what}};
  }
  std::vector<Condemned> out;
  for (const auto& slot : report->slots) {
    if (slot.certificate && (slots.empty() || slots.contains(slot.slot.reference)))
      out.push_back({piv::name(slot.slot), slot.der});
  }
  return out;
}

Outcome<std::vector<Condemned>> from_state(const Options& options, const std::set<std::uint8_t>& slots) {
  CARDEA_TRY(const auto state, or_usage(perso::StateFile{options.state}.load()));
  std::vector<Condemned> out;
  for (const auto& [reference, slot] : state.slots) {
    if (!slot.certificate.empty() && (slots.empty() || slots.contains(reference)))
      out.push_back({piv::name(piv::Slot{reference, 0}), slot.certificate});
  }
  return out;
}

Outcome<std::vector<Condemned>> collect(const Options& options) {
  CARDEA_TRY(const auto slots, named_slots(options.care.slots));
  std::vector<Condemned> out;
  for (const auto& file : options.care.certificates) {
    CARDEA_TRY(const auto text, or_usage(ca::read_file(file)));
    const auto certificate = ca::certificate_from_pem(text);
    if (!certificate) return usage(file + ": " + certificate.error().what);
    out.push_back({file, *certificate});
  }
  if (!options.state.empty()) {
    CARDEA_TRY(const auto more, from_state(options, slots));
    out.insert(out.end(), more.begin(), more.end());
  }
  if (options.state.empty() && options.care.certificates.empty()) {
    CARDEA_TRY(out, from_card(options, slots));
  }
  if (out.empty()) return tl::unexpected{Failure{Exit::refused, "there is no certificate to revoke"}};
  return out;
}

Outcome<Json> revoke(const Options& options) {
  const auto reason = ca::reason_named(options.care.reason);
  if (!reason) return usage("\"" + options.care.reason + "\" is no reason of RFC 5280");
  CARDEA_TRY(const auto authority, open_authority(options));
  CARDEA_TRY(const auto condemned, collect(options));
  Json out = Json::object();
  for (const auto& one : condemned) {
    if (interrupted())
      return tl::unexpected{
          Failure{Exit::interrupted, "interrupted by request; what is revoked stays revoked"}};
    const auto about = ca::describe_certificate(one.certificate);
    const auto revoked = authority->revoke(one.certificate, *reason);
    if (!revoked) return tl::unexpected{Failure{Exit::ca_failed, one.where + ": " + revoked.error().what}};
    out[one.where] = about ? about->serial : "";
    if (options.execute && !options.json)
      std::cout << one.where << ": certificate " << (about ? about->serial : "") << " is revoked\n";
  }
  return out;
}

}  // namespace

int revoke_certificates(const Options& options) {
  listen_for_signals();
  const auto revoked = revoke(options);
  if (!revoked) {
    complain(revoked.error().what);
    if (options.json) {
      std::cout << Json{{"result", "failed"},
                        {"exit", static_cast<int>(revoked.error().exit)},
                        {"error", revoked.error().what}}
                       .dump(2, ' ', false, Json::error_handler_t::replace)
                << "\n";
    }
    return static_cast<int>(revoked.error().exit);
  }
  // With --wipe the recycling says how it ended.
  if (options.care.wipe) return recycle_card(options);
  if (options.json)
    std::cout << Json{{"result", options.execute ? "revoked" : "dry-run"}, {"certificates", *revoked}}.dump(2)
              << "\n";
  if (!options.execute && !options.json) std::cout << "Nothing was done. Add --execute to do it.\n";
  return 0;
}

}  // namespace cardea::cms::cli
