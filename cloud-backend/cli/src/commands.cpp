#include "commands.h"

#include <memory>

#include "cardea/config/settings.h"
#include "verbs.h"

namespace cardea::cli {

CLI::App* noun(CLI::App& app, const char* name, const char* text) {
  auto* sub = app.add_subcommand(name, text);
  sub->require_subcommand(1);
  sub->fallthrough();
  return sub;
}

CLI::App* verb(CLI::App* to, const char* name, const char* text, Call& out, std::function<void(Call&)> fill) {
  auto* sub = to->add_subcommand(name, text);
  sub->fallthrough();
  sub->callback([&out, fill = std::move(fill)] { fill(out); });
  return sub;
}

namespace {

const Columns kOrganisation{
    {"ID", "id"}, {"NAME", "name"}, {"ESCROW KEY", "escrow_key"}, {"CREATED", "created_at"}};
const Columns kPerson{{"ID", "id"}, {"NAME", "name"}, {"E-MAIL", "email"}, {"CREATED", "created_at"}};
const Columns kCard{{"ID", "id"},         {"LABEL", "label"}, {"PROFILE", "profile"},
                    {"SERIAL", "serial"}, {"STATE", "state"}, {"HOLDER", "holder_name"}};
const Columns kCardSheet{{"ID", "id"},
                         {"Label", "label"},
                         {"Profile", "profile"},
                         {"Serial", "serial"},
                         {"State", "state"},
                         {"Frozen", "frozen"},
                         {"PIN", "pins/pin"},
                         {"PUK", "pins/puk"},
                         {"Keys protected", "passcode/keys_protected"},
                         {"In issuance", "passcode/in_issuance"},
                         {"Secret held by", "passcode/holders"},
                         {"Tenant escrow", "passcode/tenant_escrow"},
                         {"Card manager", "card_manager/note"},
                         {"Its key versions", "card_manager/key_versions"},
                         {"Holder", "holder_name"},
                         {"Missing", "issuing/missing"},
                         {"Organisation", "organisation"},
                         {"Created", "created_at"}};
const Columns kIssuedSheet{
    {"ID", "id"},       {"Label", "label"},   {"Profile", "profile"},  {"Serial", "serial"},
    {"State", "state"}, {"Holder", "holder"}, {"Named", "named/name"}, {"E-mail", "named/email"}};
const Columns kDevice{{"ID", "id"},         {"NAME", "name"},          {"ROLE", "role"},
                      {"PERSON", "person"}, {"CREATED", "created_at"}, {"REVOKED", "revoked_at"}};
const Columns kSession{{"ID", "id"},
                       {"CARD", "card"},
                       {"DEVICE", "device"},
                       {"OPENED", "opened_at"},
                       {"LAST USED", "last_used_at"},
                       {"EXCHANGES", "exchanges"}};
const Columns kAudit{{"NUMBER", "number"}, {"TIME", "at"},      {"ACTOR", "actor"},  {"CARD", "card"},
                     {"ACTION", "action"}, {"GOOD", "success"}, {"DETAIL", "detail"}};
const Columns kCode{{"Code", "code"}, {"Valid until", "expires_at"}};
const Columns kStatus{{"Ready", "ready"},
                      {"Database", "database"},
                      {"Vault", "vault"},
                      {"Open sessions", "sessions"},
                      {"Signers alive", "signers"},
                      {"Signer restarts", "signer_restarts"},
                      {"Key operations", "key_operations"},
                      {"Database commits", "database_commits"}};

/// Text that verbs read their options into. Lives as long as the application object that refers to it.
struct Options {
  std::string id, organisation, user, name, email, label, card, key, state;
  bool off = false;
  bool assisted = false;
  std::string profile = "piv-yubikey5";
  std::string role = "user";
  std::string valid = "15m";
  unsigned limit = 100;
};
using Shared = std::shared_ptr<Options>;

void add_organisation(CLI::App* to, const Shared& o, bool required = true) {
  to->add_option("--org", o->organisation, "Organisation, by id or name.")->required(required);
}

std::string card_path(const Shared& o) {
  return "/v1/admin/cards/" + percent_encoded(o->id);
}

std::string with_organisation(const char* path, const Shared& o) {
  return std::string{path} + "?organisation=" + percent_encoded(o->organisation);
}

void add_list(CLI::App* to, const Shared& o, Call& out, const char* text, const char* path,
              const Columns& columns) {
  add_organisation(verb(to, "list", text, out,
                        [o, path, columns](Call& c) {
                          c.path = with_organisation(path, o);
                          c.list = true;
                          c.columns = columns;
                        }),
                   o);
}

void declare_escrow_policy(CLI::App* org, const Shared& o, Call& out) {
  auto* escrow = verb(org, "escrow", "Who can open, without their holders, the cards made from now on.", out,
                      [o](Call& c) {
                        if (o->key.empty() && !o->off)
                          throw CLI::ValidationError("--public-key, --off", "name one of the two");
                        c.method = "PUT";
                        c.path = "/v1/admin/organisations/" + percent_encoded(o->name) + "/escrow-key";
                        c.body = {{"public_key", o->key.empty() ? Json(nullptr) : Json(o->key)}};
                        c.columns = kOrganisation;
                        c.sentence = o->key.empty() ? "Escrow is off." : "Escrow is on for new cards.";
                      });
  escrow->add_option("NAME", o->name, "The organisation.")->required();
  auto* key = escrow->add_option("--public-key", o->key, "The escrow's X25519 public key, base64url.");
  auto* off = escrow->add_flag("--off", o->off, "Nobody.");
  off->excludes(key);
}

void declare_organisations(CLI::App& app, const Shared& o, Call& out) {
  auto* org = noun(app, "org", "Organisations: tenants whose cards, people and keys are kept apart.");
  verb(org, "create", "Make an organisation and its keys in the HSM.", out,
       [o](Call& c) {
         c.method = "POST";
         c.path = "/v1/admin/organisations";
         c.body = {{"name", o->name}};
         c.columns = kOrganisation;
       })
      ->add_option("NAME", o->name, "Its name; must be new.")
      ->required();
  declare_escrow_policy(org, o, out);
  verb(org, "list", "All organisations.", out, [](Call& c) {
    c.path = "/v1/admin/organisations";
    c.list = true;
    c.columns = kOrganisation;
  });
}

void declare_users(CLI::App& app, const Shared& o, Call& out) {
  auto* user = noun(app, "user", "People who hold cards.");
  auto* create = verb(user, "create", "Make a person known.", out, [o](Call& c) {
    c.method = "POST";
    c.path = "/v1/admin/people";
    c.body = {{"organisation", o->organisation}, {"name", o->name}, {"email", o->email}};
    c.columns = kPerson;
  });
  add_organisation(create, o);
  create->add_option("--name", o->name, "Name, as it is to be shown.")->required();
  create->add_option("--email", o->email, "E-mail address; unique in the organisation.");
  add_list(user, o, out, "The people of an organisation.", "/v1/admin/people", kPerson);
}

void declare_card_act(CLI::App* card, const Shared& o, Call& out, const char* name, const char* text,
                      const char* sentence) {
  const std::string act = name;
  verb(card, name, text, out,
       [o, act, sentence](Call& c) {
         c.method = "POST";
         c.path = card_path(o) + "/" + act;
         c.columns = kCardSheet;
         c.sentence = sentence;
       })
      ->add_option("ID", o->id, "The card.")
      ->required();
}

void declare_card_list(CLI::App* card, const Shared& o, Call& out) {
  auto* list = verb(card, "list", "The cards of an organisation.", out, [o](Call& c) {
    c.path = with_organisation("/v1/admin/cards", o);
    if (!o->state.empty()) c.path += "&state=" + o->state;
    c.list = true;
    c.columns = kCard;
  });
  add_organisation(list, o);
  list->add_option("--state", o->state,
                   "Only those: blank, issuing (half-issued), issued (not enrolled), active, blocked.")
      ->check(CLI::IsMember({"blank", "issuing", "issued", "active", "blocked"}));
}

void declare_cards(CLI::App& app, const Shared& o, Call& out, bool& execute) {
  auto* card = noun(app, "card", "Virtual smart cards.");
  auto* create = verb(card, "create", "Make a card in its factory state.", out, [o](Call& c) {
    c.method = "POST";
    c.path = "/v1/admin/cards";
    c.body = {{"organisation", o->organisation}, {"profile", o->profile}, {"label", o->label}};
    if (!o->user.empty()) c.body["holder"] = o->user;
    c.columns = kCardSheet;
  });
  add_organisation(create, o);
  create->add_option("--user", o->user, "Who holds it, by id or e-mail. Nobody without this.");
  create->add_option("--profile", o->profile, "What kind of card: piv-yubikey5 or piv-nist.")
      ->capture_default_str();
  create->add_option("--label", o->label, "Name of the card. From its serial number without this.");
  declare_card_list(card, o, out);
  verb(card, "show", "One card.", out,
       [o](Call& c) {
         c.path = card_path(o);
         c.columns = kCardSheet;
       })
      ->add_option("ID", o->id, "The card.")
      ->required();
  declare_card_act(card, o, out, "block", "End its sessions everywhere and let none begin.", "Card blocked.");
  declare_card_act(card, o, out, "unblock", "Let it be used again.", "Card unblocked.");
  declare_card_act(card, o, out, "activate",
                   "End its issuance: from then on only its holder can open its keys.", "Card activated.");
  verb(card, "finish",
       "Count a card as issued that a registration authority has written: checks that nothing is missing, "
       "and gives it "
       "to the holder whom its certificates name.",
       out,
       [o](Call& c) {
         c.method = "POST";
         c.path = card_path(o) + "/issued";
         c.columns = kIssuedSheet;
         c.sentence = "Card issued. It waits until its holder is enrolled.";
       })
      ->add_option("ID", o->id, "The card.")
      ->required();
  auto* link = verb(
      card, "recovery-link",
      "Let its holder set a new PIN: by a printed code or two of three answers, within half an hour. The "
      "link is "
      "shown once; hand it to the holder and to nobody else.",
      out, [o](Call& c) {
        c.method = "POST";
        c.path = card_path(o) + "/recovery-links";
        c.body = {{"assisted", o->assisted}};
        c.columns = {{"LINK", "link"}, {"EXPIRES", "expires_at"}};
      });
  link->add_option("ID", o->id, "The card.")->required();
  link->add_flag(
      "--assisted", o->assisted,
      "You have made sure that the bearer is the holder: a workstation of the holder that keeps a half "
      "may be used too.");
  auto* assign = verb(card, "assign", "Give it to another holder; its sessions end.", out, [o](Call& c) {
    c.method = "PUT";
    c.path = card_path(o) + "/holder";
    c.body = {{"holder", o->user}};
    c.columns = kCardSheet;
    c.sentence = "Card assigned.";
  });
  assign->add_option("ID", o->id, "The card.")->required();
  assign->add_option("--user", o->user, "The holder, by id or e-mail.")->required();
  auto* remove = verb(card, "delete", "Destroy a card with its keys. A dry run unless --execute is given.",
                      out, [o](Call& c) {
                        c.method = "DELETE";
                        c.path = card_path(o);
                        c.destructive = true;
                        c.sentence = "Card deleted.";
                      });
  remove->add_option("ID", o->id, "The card.")->required();
  remove->add_flag("--execute", execute, "Really do it. There is no way back.");
}

void declare_devices(CLI::App& app, const Shared& o, Call& out) {
  auto* device = noun(app, "device", "Workstations and other devices that open cards.");
  auto* code =
      verb(device, "code", "A one-time code with which one device enrols itself.", out, [o](Call& c) {
        c.method = "POST";
        c.path = "/v1/admin/device-codes";
        const auto valid = config::parse_duration(o->valid);
        if (!valid) throw CLI::ValidationError("--valid", valid.error().what);
        c.body = {{"organisation", o->organisation}, {"role", o->role}, {"valid_seconds", valid->count()}};
        if (!o->user.empty()) c.body["person"] = o->user;
        c.columns = kCode;
      });
  add_organisation(code, o);
  code->add_option("--user", o->user, "Whose device it will be, by id or e-mail.");
  code->add_option("--role", o->role,
                   "user: opens the cards of its person; registrar: every card of the organisation.")
      ->check(CLI::IsMember({"user", "registrar"}))
      ->capture_default_str();
  code->add_option("--valid", o->valid, "How long the code is good: 90s, 15m, 12h, up to 7d.")
      ->capture_default_str();
  add_list(device, o, out, "The devices of an organisation.", "/v1/admin/devices", kDevice);
  verb(device, "revoke", "End its sessions and trust it no more. It can only enrol anew.", out,
       [o](Call& c) {
         c.method = "POST";
         c.path = "/v1/admin/devices/" + percent_encoded(o->id) + "/revoke";
         c.columns = kDevice;
         c.sentence = "Device revoked.";
       })
      ->add_option("ID", o->id, "The device.")
      ->required();
}

void declare_views(CLI::App& app, const Shared& o, Call& out) {
  verb(noun(app, "session", "Open card sessions."), "list", "All open sessions.", out, [](Call& c) {
    c.path = "/v1/admin/sessions";
    c.list = true;
    c.columns = kSession;
  });
  auto* audit = verb(noun(app, "audit", "The log of every use."), "list", "Its latest lines, newest first.",
                     out, [o](Call& c) {
                       c.path = "/v1/admin/audit?limit=" + std::to_string(o->limit);
                       if (!o->organisation.empty())
                         c.path += "&organisation=" + percent_encoded(o->organisation);
                       if (!o->card.empty()) c.path += "&card=" + percent_encoded(o->card);
                       c.list = true;
                       c.columns = kAudit;
                     });
  add_organisation(audit, o, false);
  audit->add_option("--card", o->card, "Only lines about this card.");
  audit->add_option("--limit", o->limit, "How many lines.")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  verb(&app, "status", "Whether the server and what it needs are well.", out, [](Call& c) {
    c.path = "/v1/admin/status";
    c.columns = kStatus;
  });
}

}  // namespace

void declare_commands(CLI::App& app, Call& out, bool& execute) {
  const auto options = std::make_shared<Options>();
  app.require_subcommand(1);
  declare_organisations(app, options, out);
  declare_users(app, options, out);
  declare_cards(app, options, out, execute);
  declare_devices(app, options, out);
  declare_views(app, options, out);
  declare_audit(app, out);
  declare_thaw(app, out);
  declare_keys(app, out);
  declare_card_keys(app, out, execute);
  declare_unseal(app, out);
  declare_escrow(app, out);
}

}  // namespace cardea::cli
