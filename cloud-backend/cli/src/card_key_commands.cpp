// Master keys for the GlobalPlatform keys of an organisation's cards. Keys are put together here, where the
// officers sit; none is ever an argument.

#include <iostream>
#include <memory>

#include "cardea/hex.h"
#include "key_ceremony.h"
#include "verbs.h"

namespace cardea::cli {
namespace {

constexpr int kDone = 0;
constexpr int kRefused = 1;
constexpr int kUnreachable = 3;

const Columns kSheet{{"Key version", "key_version"},
                     {"Protocol", "protocol"},
                     {"Parameter i", "i"},
                     {"Master keys", "masters"},
                     {"Algorithm", "algorithm"},
                     {"Diversification", "diversification"},
                     {"Check values", "check_values"},
                     {"Origin", "origin"},
                     {"State", "state"},
                     {"Made", "made_at"},
                     {"Retired", "retired_at"}};
const Columns kTable{{"KEY VERSION", "key_version"},
                     {"PROTOCOL", "protocol"},
                     {"I", "i"},
                     {"MASTERS", "masters"},
                     {"ALGORITHM", "algorithm"},
                     {"DIVERSIFICATION", "diversification"},
                     {"CHECK VALUES", "check_values"},
                     {"ORIGIN", "origin"},
                     {"STATE", "state"},
                     {"MADE", "made_at"}};

struct Options {
  std::string organisation, protocol, i, diversification, file;
  std::string algorithm = "aes-256";
  bool three = false;
  unsigned key_version = 1;
  unsigned components = 0;
  std::vector<std::string> check_values;
};
using Shared = std::shared_ptr<Options>;

std::string path_of(const Shared& o) {
  return "/v1/admin/organisations/" + percent_encoded(o->organisation) + "/card-keys";
}

Json settings_of(const Options& o) {
  Json out{{"algorithm", o.algorithm}, {"three", o.three}, {"key_version", o.key_version}};
  if (!o.protocol.empty()) out["protocol"] = o.protocol;
  if (!o.i.empty()) out["i"] = o.i;
  if (!o.diversification.empty()) out["diversification"] = o.diversification;
  return out;
}

void add_settings(CLI::App* to, const Shared& o) {
  to->add_option("NAME", o->organisation, "The organisation, by id or name.")->required();
  to->add_option("--algorithm", o->algorithm, "What the master keys are.")
      ->check(CLI::IsMember({"aes-128", "aes-192", "aes-256", "tdes-2key", "tdes-3key"}))
      ->capture_default_str();
  to->add_flag("--three", o->three, "A master key each for ENC, MAC and DEK, instead of one for all three.");
  to->add_option("--key-version", o->key_version,
                 "Key version number under which cards get their keys, 1 to 127.")
      ->check(CLI::Range(1, 127))
      ->capture_default_str();
  to->add_option("--protocol", o->protocol,
                 "Secure channel protocol of the cards: scp03, or scp02 for triple DES, which is what triple "
                 "DES master keys mean without this.")
      ->check(CLI::IsMember({"scp02", "scp03"}));
  to->add_option("--i", o->i,
                 "The protocol's parameter i, two hexadecimal digits: 00, 10, 20, 30, 60 or 70 for SCP03 (70 "
                 "without this), 15 or 55 for SCP02 (55).");
  to->add_option("--diversification", o->diversification,
                 "How a card's keys follow from the master keys: kdf3 for AES; visa2 (without this) or emv "
                 "for triple DES.")
      ->check(CLI::IsMember({"kdf3", "visa2", "emv"}));
}

int explain(const Error& error) {
  std::cerr << "cardea: " << error.what << '\n';
  return error.code == Errc::unavailable ? kUnreachable : kRefused;
}

Result<std::vector<SecretBytes>> keys_of(const Options& o) {
  const KeyForm form{o.algorithm, o.three};
  if (!o.file.empty()) return keys_in_file(form, o.file);
  return keys_from_components(form, o.components);
}

Result<Json> import(const Options& o, const std::string& path, Client& client) {
  CARDEA_TRY(const auto keys, keys_of(o));
  auto body = settings_of(o);
  if (!o.check_values.empty()) body["check_values"] = o.check_values;
  auto& list = body["keys"] = Json::array();
  for (const auto& key : keys)
    list.push_back(to_hex(key.expose()));
  const auto answer = client.send("POST", path + "/import", body);
  for (auto& item : list) {
    auto& text = item.get_ref<std::string&>();
    wipe(std::span{
        reinterpret_cast<std::uint8_t*>(text.data()),  // NOLINT(*-reinterpret-cast): characters as octets
        text.size()});
  }
  if (!answer) return tl::unexpected{answer.error()};
  if (answer->status >= 400) {
    return fail(Errc::denied, answer->body.is_object() && answer->body.contains("detail")
                                  ? answer->body["detail"].get<std::string>()
                                  : "the server refuses with status " + std::to_string(answer->status));
  }
  return answer->body;
}

void declare_import(CLI::App* to, const Shared& o, Call& out) {
  auto* verb_import = verb(
      to, "import",
      "Take master keys that a card management system has, from a file or in components that are typed one "
      "after the other, each by another officer. The check value of each is shown; no key is.",
      out, [o, &out](Call&) {
        if (o->file.empty() == (o->components == 0))
          throw CLI::ValidationError("--file, --components", "name one of the two");
        out.act = [o](Client& client, bool json) {
          const auto done = import(*o, path_of(o), client);
          if (!done) return explain(done.error());
          if (json) {
            std::cout << done->dump(2) << '\n';
          } else {
            std::cout << "Cards that are made from now on get keys of these.\n" << sheet(*done, kSheet);
          }
          return kDone;
        };
      });
  add_settings(verb_import, o);
  verb_import->add_option("--file", o->file,
                          "A file of mode 0600 with the keys in hexadecimal digits, one a line: one key, or "
                          "ENC, MAC, DEK. Destroy it afterwards.");
  verb_import
      ->add_option("--components", o->components,
                   "How many components each key has: they are typed here, or read from standard input, and "
                   "added bit by bit (XOR).")
      ->check(CLI::Range(2, 9));
  verb_import
      ->add_option(
          "--kcv", o->check_values,
          "Check value that the key must have, six hexadecimal digits; for a set three times: of ENC, "
          "MAC, DEK. Other keys are refused.")
      ->allow_extra_args(false);
}

}  // namespace

void declare_card_keys(CLI::App& app, Call& out, bool& execute) {
  const auto o = std::make_shared<Options>();
  auto* keys =
      noun(*app.get_subcommand("org"), "card-keys",
           "Master keys in the HSM from which cards get their GlobalPlatform keys when they are made. "
           "Without them nobody can open a secure channel to a card.");
  add_settings(verb(keys, "create",
                    "Make master keys in the HSM. Nobody ever knows them, so that no management system opens "
                    "a channel to the cards: import those of one that is to.",
                    out,
                    [o](Call& c) {
                      c.method = "POST";
                      c.path = path_of(o);
                      c.body = settings_of(*o);
                      c.columns = kSheet;
                      c.sentence = "Cards that are made from now on get keys of these.";
                    }),
               o);
  declare_import(keys, o, out);
  verb(keys, "show", "Those in use and those that were retired; the keys themselves cannot be shown.", out,
       [o](Call& c) {
         c.path = path_of(o);
         c.list = true;
         c.columns = kTable;
       })
      ->add_option("NAME", o->organisation, "The organisation, by id or name.")
      ->required();
  auto* retire =
      verb(keys, "retire",
           "Give them to no more cards, and destroy them. Cards that have keys of them keep these. "
           "A dry run unless --execute is given.",
           out, [o](Call& c) {
             c.method = "DELETE";
             c.path = path_of(o);
             c.destructive = true;
             c.columns = kSheet;
             c.sentence = "Card keys retired.";
           });
  retire->add_option("NAME", o->organisation, "The organisation, by id or name.")->required();
  retire->add_flag("--execute", execute, "Really do it. There is no way back.");
}

}  // namespace cardea::cli
