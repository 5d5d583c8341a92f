#include <iostream>
#include <nlohmann/json.hpp>

#include "card_connection.h"
#include "cardea/cms/perso/recycle.h"
#include "cardea/hex.h"
#include "command_line.h"
#include "interrupt.h"
#include "progress.h"
#include "secret_options.h"
#include "summary.h"

namespace cardea::cms::cli {

namespace {

using Json = nlohmann::json;

constexpr perso::PinPlan kPinRules{true, 6, false};

/// Ends a verb: a JSON document or a sentence, and the exit code.
int finish(const Options& options, const Outcome<std::vector<std::string>>& outcome, const std::string& word,
           const std::string& sentence) {
  if (!outcome) return end_with(outcome.error(), options.json);
  if (options.json) {
    std::cout << Json{{"result", options.execute ? word : "dry-run"}, {"left", *outcome}}.dump(
                     2, ' ', false, Json::error_handler_t::replace)
              << "\n";
    return 0;
  }
  for (const auto& remark : *outcome)
    std::cerr << "note: " << remark << "\n";
  std::cout << (options.execute ? sentence : "Nothing was done. Add --execute to do it.") << "\n";
  return 0;
}

std::ostream& rehearsal(const Options& options) {
  return options.json ? std::cerr : std::cout;
}

/// A new PIN or PUK, from its file or from the terminal.
Outcome<SecretBytes> new_value(const Options& options, bool puk) {
  const std::string& file = puk ? options.puk_file : options.pin_file;
  if (file.empty() && !options.pin_prompt)
    return usage(std::string{"give the new "} + (puk ? "PUK with --puk-file" : "PIN with --pin-file") +
                 ", or type it with --pin-prompt");
  CARDEA_TRY(const auto text, or_usage(file.empty() ? perso::prompt_secret(puk ? "PUK" : "PIN")
                                                    : perso::read_secret_line(file)));
  return or_usage(puk ? perso::make_puk(text) : perso::make_pin(text, kPinRules));
}

/// Opens PIV on the card in the reader and does one thing with it, or says what it would do.
template <class Act>
Outcome<std::vector<std::string>> with_card(const Options& options, Act act) {
  if (!options.execute) {
    const auto card = piv::make_dry_run_card(rehearsal(options));
    (void)card->open();
    (void)act(*card);
    return std::vector<std::string>{};
  }
  CARDEA_TRY(const auto connected, connect(options, options.reader));
  const auto card = piv::make_piv_card(*connected.channel);
  Result<void> done = card->begin();
  if (done) {
    const auto facts = card->open();
    done = facts ? act(*card) : Result<void>{tl::unexpected{facts.error()}};
  }
  card->end();
  if (!done) return tl::unexpected{perso::to_failure(done.error())};
  return std::vector<std::string>{};
}

Outcome<std::optional<piv::Guid>> wanted_guid(const std::string& text) {
  if (text.empty()) return std::optional<piv::Guid>{};
  const auto octets = from_hex(text);
  piv::Guid out{};
  if (!octets || octets->size() != out.size()) return usage("--guid is 32 hexadecimal digits");
  std::copy(octets->begin(), octets->end(), out.begin());
  return std::optional{out};
}

void add_reader_options(CLI::App& command, Options& options) {
  command.add_option("--reader", options.reader, "Reader: its name, or a part of it that fits no other");
  command.add_option("--wait", options.wait_seconds, "Seconds to wait for reader and card")
      ->capture_default_str();
  command.add_flag("--json", options.json, "Result as JSON on standard output");
}

void add_execute(CLI::App& command, Options& options) {
  command.add_flag("--execute", options.execute, "Do it; without it, only say what would be done");
}

Outcome<std::vector<std::string>> recycle(const Options& options) {
  CARDEA_TRY(const auto guid, wanted_guid(options.care.guid));
  CARDEA_TRY(const auto current, or_usage(current_credentials(options)));
  const perso::RecycleTerms terms{current, guid};
  if (!options.execute) {
    rehearsal(options) << "would empty the card"
                       << (guid ? " " + options.care.guid : " in the reader, whichever it is")
                       << ": RESET where it has that command (PIN and PUK are blocked first, on purpose),\n"
                          "else delete its objects, replace its keys, and set the factory's PUK and PIN\n";
    return std::vector<std::string>{};
  }
  CARDEA_TRY(const auto connected, connect(options, options.reader));
  const auto card = piv::make_piv_card(*connected.channel);
  LiveProgress progress{std::cerr};
  return perso::recycle(terms, *card, progress, &interrupted);
}

}  // namespace

int unblock_pin(const Options& options) {
  listen_for_signals();
  const auto run = [&]() -> Outcome<std::vector<std::string>> {
    CARDEA_TRY(const auto current, or_usage(current_credentials(options)));
    CARDEA_TRY(const auto pin, new_value(options, false));
    return with_card(options, [&](piv::Card& card) { return card.unblock(current.puk, pin); });
  };
  return finish(options, run(), "unblocked", "the PIN is set, and all its tries are there again");
}

int change_secret(const Options& options, bool puk) {
  listen_for_signals();
  const auto run = [&]() -> Outcome<std::vector<std::string>> {
    CARDEA_TRY(const auto current, or_usage(current_credentials(options)));
    CARDEA_TRY(const auto fresh, new_value(options, puk));
    return with_card(options, [&](piv::Card& card) {
      return puk ? card.change_reference(piv::kPukReference, current.puk, fresh)
                 : card.change_reference(piv::kPinReference, current.pin, fresh);
    });
  };
  return finish(options, run(), "changed", std::string{"the "} + (puk ? "PUK" : "PIN") + " is changed");
}

int recycle_card(const Options& options) {
  listen_for_signals();
  return finish(options, recycle(options), "recycled", "the card is as it left the factory");
}

void add_care_commands(CLI::App& app, Options& options, int& exit) {
  auto& care = options.care;
  auto* inspect = app.add_subcommand("inspect", "Show what is on a card, and what is not as it should be");
  add_reader_options(*inspect, options);
  inspect->add_option("--plan", options.plan, "Compare with this plan: file, or name of an installed one");
  inspect->callback([&] { exit = inspect_card(options); });

  auto* unblock = app.add_subcommand("unblock", "Set a new PIN by the PUK, which is tried once");
  add_reader_options(*unblock, options);
  unblock->add_option("--current-puk-file", options.current_puk_file,
                      "File with the card's PUK; default: the factory's");
  unblock->add_option("--pin-file", options.pin_file, "File with the new PIN");
  unblock->add_flag("--pin-prompt", options.pin_prompt, "Ask for the new PIN on the terminal");
  add_execute(*unblock, options);
  unblock->callback([&] { exit = unblock_pin(options); });

  auto* pin = app.add_subcommand("change-pin", "Change the PIN; the old one is tried once");
  add_reader_options(*pin, options);
  pin->add_option("--current-pin-file", options.current_pin_file,
                  "File with the card's PIN; default: the factory's");
  pin->add_option("--pin-file", options.pin_file, "File with the new PIN");
  pin->add_flag("--pin-prompt", options.pin_prompt, "Ask for the new PIN on the terminal");
  add_execute(*pin, options);
  pin->callback([&] { exit = change_secret(options, false); });

  auto* puk = app.add_subcommand("change-puk", "Change the PUK; the old one is tried once");
  add_reader_options(*puk, options);
  puk->add_option("--current-puk-file", options.current_puk_file,
                  "File with the card's PUK; default: the factory's");
  puk->add_option("--puk-file", options.puk_file, "File with the new PUK");
  puk->add_flag("--pin-prompt", options.pin_prompt, "Ask for the new PUK on the terminal");
  add_execute(*puk, options);
  puk->callback([&] { exit = change_secret(options, true); });

  auto* renew =
      app.add_subcommand("renew", "New certificates for an issued card, for its keys or for new ones");
  add_card_options(*renew, options);
  renew
      ->add_option("--plan", options.plan,
                   "What the certificates are for: file, or name of an installed plan")
      ->required();
  renew->add_option("--slot", care.slots, "Only this slot of the plan; may be given several times");
  renew->add_flag("--new-keys", care.new_keys,
                  "New keys, too; the old encryption key goes to a retired slot: by MOVE KEY (firmware 5.7), "
                  "or by --import-key 82=FILE");
  add_authority_options(*renew, options);
  add_current_secrets(*renew, options);
  add_key_options(*renew, options);
  add_channel_option(*renew, options);
  renew->footer(
      "An interrupted renewal goes on with resume --state FILE, and is undone with rollback --state FILE "
      "(new keys stay).");
  renew->callback([&] { exit = run(Verb::renew, options); });

  auto* revoke =
      app.add_subcommand("revoke", "Tell the authority that certificates are not to be trusted any more");
  add_reader_options(*revoke, options);
  add_authority_options(*revoke, options);
  revoke
      ->add_option("--reason", care.reason,
                   "unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation, "
                   "certificateHold, privilegeWithdrawn")
      ->capture_default_str();
  revoke->add_option("--slot", care.slots, "Only the certificate of this slot; may be given several times");
  revoke->add_option("--state", options.state,
                     "The certificates of an issuance, by its state file: for a card that is lost");
  revoke->add_option("--certificate", care.certificates, "A certificate (PEM); may be given several times");
  revoke->add_flag("--wipe", care.wipe,
                   "Recycle this very card afterwards (not with --certificate); another one in the reader is "
                   "left alone, and then nothing is revoked");
  add_current_secrets(*revoke, options);
  add_execute(*revoke, options);
  revoke->footer(
      "Without --state and --certificate those on the card in the reader are revoked. A certificate that is "
      "revoked already is no\n"
      "error: what was cut off can be repeated.");
  revoke->callback([&] { exit = revoke_certificates(options); });

  auto* recycle = app.add_subcommand("recycle", "Bring a card back to what it was when it left the factory");
  add_reader_options(*recycle, options);
  recycle->add_option("--guid", care.guid, "Only if this is the card; else it is left alone");
  add_current_secrets(*recycle, options);
  add_execute(*recycle, options);
  recycle->footer("What was cut off can be repeated. What cannot be undone is said at the end.");
  recycle->callback([&] { exit = recycle_card(options); });
}

}  // namespace cardea::cms::cli
