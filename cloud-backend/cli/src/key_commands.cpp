#include <memory>

#include "commands.h"
#include "verbs.h"

namespace cardea::cli {
namespace {

const Columns kPool{
    {"ORGANISATION", "organisation"}, {"ALGORITHM", "algorithm"}, {"READY", "ready"}, {"WANTED", "wanted"}};
const Columns kVersions{{"ORGANISATION", "name"},
                        {"KEYS", "key_mode"},
                        {"RESIDENT", "resident_keys"},
                        {"CAP", "resident_keys_cap"},
                        {"VERSION", "version"},
                        {"OLDEST", "oldest_version"},
                        {"STATE", "state"},
                        {"REWRAPPED", "rewrapped"},
                        {"LEFT", "left"},
                        {"WAITING", "waiting_for_holders"}};
const Columns kVersionSheet{{"Organisation", "organisation"},
                            {"Version", "version"},
                            {"Oldest version", "oldest_version"},
                            {"State", "state"},
                            {"Keys wrapped anew", "rewrapped"},
                            {"Keys of earlier versions", "left"},
                            {"Of these until their holders log in", "waiting_for_holders"}};
const Columns kOrganisationSheet{{"ID", "id"},
                                 {"Name", "name"},
                                 {"Created", "created_at"},
                                 {"Keys", "key_mode"},
                                 {"Resident keys", "resident_keys"},
                                 {"It may have", "resident_keys_cap"},
                                 {"By a cap of its own", "resident_keys_cap_is_own"},
                                 {"Resident keys of all", "resident_keys_in_all"},
                                 {"All may have", "resident_keys_cap_in_all"}};

struct Options {
  std::string organisation, mode, cap;
};

/// What is to be changed, and nothing else.
Json changes(const Options& o) {
  auto out = Json::object();
  if (!o.mode.empty()) out["key_mode"] = o.mode;
  if (o.cap == "default") out["resident_keys"] = nullptr;
  if (!o.cap.empty() && o.cap != "default") out["resident_keys"] = std::stoul(o.cap);
  return out;
}

std::string cap_mistake(const std::string& text) {
  constexpr std::size_t kDigits = 8;
  const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
  const bool number = digits && !text.empty() && text.size() <= kDigits && std::stoul(text) <= 10'000'000;
  return number || text == "default" ? std::string{} : R"(must be 0 to 10000000, or "default")";
}

std::string keys_path(const std::shared_ptr<Options>& o, const char* act) {
  return "/v1/admin/organisations/" + percent_encoded(o->organisation) + "/keys/" + act;
}

}  // namespace

void declare_keys(CLI::App& app, Call& out) {
  const auto o = std::make_shared<Options>();
  verb(noun(app, "pool", "Keys that are made ahead, so that nobody waits for them."), "status",
       "How many are ready, by organisation and algorithm.", out, [](Call& c) {
         c.path = "/v1/admin/pool";
         c.list = true;
         c.columns = kPool;
       });

  auto* hsm = noun(app, "hsm", "The organisations' keys in the HSM, and its PIN.");
  verb(hsm, "status", "Which versions there are, and how far wrapping anew has come.", out, [](Call& c) {
    c.path = "/v1/admin/hsm";
    c.list = true;
    c.columns = kVersions;
  });
  verb(hsm, "rotate",
       "Make a new key-encryption key; the keys of all cards are wrapped by it in the background.", out,
       [o](Call& c) {
         c.method = "POST";
         c.path = keys_path(o, "rotate");
         c.columns = kVersionSheet;
         c.sentence = "A new version is in use.";
       })
      ->add_option("--org", o->organisation, "Organisation, by id or name.")
      ->required();
  verb(hsm, "retire", "Refuse the earlier versions from now on. Only when no key names one of them any more.",
       out,
       [o](Call& c) {
         c.method = "POST";
         c.path = keys_path(o, "retire");
         c.columns = kVersionSheet;
         c.sentence = "Earlier versions retired.";
       })
      ->add_option("--org", o->organisation, "Organisation, by id or name.")
      ->required();

  auto* org = app.get_subcommand("org");
  verb(org, "show", "One organisation: where its keys are, and how many of them are in the HSM.", out,
       [o](Call& c) {
         c.path = "/v1/admin/organisations/" + percent_encoded(o->organisation);
         c.columns = kOrganisationSheet;
       })
      ->add_option("ORG", o->organisation, "Organisation, by id or name.")
      ->required();
  auto* set = verb(org, "set", "Change where an organisation's keys are kept, and how many in the HSM.", out,
                   [o](Call& c) {
                     c.method = "PATCH";
                     c.path = "/v1/admin/organisations/" + percent_encoded(o->organisation);
                     c.body = changes(*o);
                     c.columns = kOrganisationSheet;
                   });
  set->add_option("ORG", o->organisation, "Organisation, by id or name.")->required();
  auto* what = set->add_option_group("what", "At least one of");
  what->add_option(
          "--key-mode", o->mode,
          "wrapped: in the database, as many as you like; resident: in the HSM, up to a cap. Holds for "
          "keys that are made from now on.")
      ->check(CLI::IsMember({"wrapped", "resident"}));
  what->add_option("--resident-keys", o->cap,
                   "How many keys it may have in the HSM; default: as many as [vault] "
                   "resident_keys_per_organisation. Keys that are there stay.")
      ->check(CLI::Validator{cap_mistake, "N|default"});
  what->require_option(1, 2);
}

}  // namespace cardea::cli
