#include <memory>

#include "commands.h"
#include "verbs.h"

namespace cardea::cli {
namespace {

const Columns kPool{
    {"ORGANISATION", "organisation"}, {"ALGORITHM", "algorithm"}, {"READY", "ready"}, {"WANTED", "wanted"}};
const Columns kVersions{{"ORGANISATION", "name"}, {"KEYS", "key_mode"},
                        {"VERSION", "version"},   {"OLDEST", "oldest_version"},
                        {"STATE", "state"},       {"REWRAPPED", "rewrapped"},
                        {"LEFT", "left"},         {"WAITING", "waiting_for_holders"}};
const Columns kVersionSheet{{"Organisation", "organisation"},
                            {"Version", "version"},
                            {"Oldest version", "oldest_version"},
                            {"State", "state"},
                            {"Keys wrapped anew", "rewrapped"},
                            {"Keys of earlier versions", "left"},
                            {"Of these until their holders log in", "waiting_for_holders"}};
const Columns kMode{{"ID", "id"}, {"Name", "name"}, {"Keys", "key_mode"}};

struct Options {
  std::string organisation, mode;
};

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

  auto* set = verb(app.get_subcommand("org"), "set", "Change how an organisation's keys are kept.", out,
                   [o](Call& c) {
                     c.method = "PATCH";
                     c.path = "/v1/admin/organisations/" + percent_encoded(o->organisation);
                     c.body = {{"key_mode", o->mode}};
                     c.columns = kMode;
                   });
  set->add_option("ORG", o->organisation, "Organisation, by id or name.")->required();
  set->add_option("--key-mode", o->mode,
                  "wrapped: in the database, as many as you like; resident: in the HSM, up to [vault] "
                  "resident_keys. Holds for "
                  "keys that are made from now on.")
      ->check(CLI::IsMember({"wrapped", "resident"}))
      ->required();
}

}  // namespace cardea::cli
