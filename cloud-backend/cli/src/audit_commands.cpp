#include <fstream>
#include <iostream>
#include <iterator>

#include "cardea/audit/receipt.h"
#include "verbs.h"

namespace cardea::cli {
namespace {

struct Options {
  std::uint64_t line = 0;
  std::string card;
  std::string file;
  std::string key_file;
};

int refuse(const std::string& sentence) {
  std::cerr << "cardea: " << sentence << '\n';
  return 1;
}

/// Exit status 0 with the document in `out`, else what it is.
int ask(Client& client, const std::string& path, Json& out) {
  const auto answer = client.send("GET", path, nullptr);
  if (!answer) {
    std::cerr << "cardea: " << answer.error().what << '\n';
    return 3;
  }
  if (answer->status >= 400) return refuse(answer->body.value("detail", "the server refuses"));
  out = answer->body;
  return 0;
}

int verify(Client& client, bool json) {
  Json found;
  if (const int status = ask(client, "/v1/admin/audit-log/verify", found); status != 0) return status;
  const bool good = found.value("good", false);
  if (json) {
    std::cout << found.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  } else if (good) {
    std::cout << found["rows"] << " rows are what " << found["leaves"] << " changes made them.\n";
  }
  for (const auto& problem : found["problems"])
    std::cerr << "cardea: " << problem.get<std::string>() << '\n';
  return good ? 0 : 1;
}

int receipt(const Options& o, Client& client, bool json) {
  Json made;
  if (const int status =
          ask(client, "/v1/admin/audit-log/lines/" + std::to_string(o.line) + "/receipt", made);
      status != 0) {
    return status;
  }
  std::cout << (json ? made.dump(2) + "\n" : made.value("receipt", ""));
  return 0;
}

int key(Client& client, bool json) {
  Json made;
  if (const int status = ask(client, "/v1/admin/audit-log/key", made); status != 0) return status;
  std::cout << (json ? made.dump(2) : made.value("key", "")) << '\n';
  return 0;
}

std::string contents(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// Needs no server: only the receipt and the log's key.
int check(const Options& o, bool json) {
  auto text = contents(o.key_file);
  while (text.ends_with('\n'))
    text.pop_back();
  const auto log_key = audit::parse_note_key(text);
  if (!log_key) return refuse(o.key_file + ": " + log_key.error().what);
  const auto proven = audit::check_receipt(contents(o.file), *log_key);
  if (!proven) return refuse(o.file + ": " + proven.error().what);
  Json entry = Json::object();
  for (const auto& column : proven->row.columns) {
    if (const auto* number = std::get_if<std::int64_t>(&column.value)) entry[column.name] = *number;
    if (const auto* string = std::get_if<std::string>(&column.value)) entry[column.name] = *string;
  }
  const Json out{{"table", proven->row.table},
                 {"entry", entry},
                 {"leaf", proven->number},
                 {"size", proven->size},
                 {"log", proven->origin}};
  std::cout << (json ? out.dump(2)
                     : "Good: " + entry.dump() + " is change " + std::to_string(proven->number) + " of " +
                           std::to_string(proven->size) + " in " + proven->origin + ".")
            << '\n';
  return 0;
}

}  // namespace

void declare_audit(CLI::App& app, Call& out) {
  const auto o = std::make_shared<Options>();
  auto* audit = app.get_subcommand("audit");
  verb(audit, "verify",
       "Compare every row with the log of its changes. Exit status 1 names what is not right.", out,
       [&out](Call&) { out.act = [](Client& client, bool json) { return verify(client, json); }; });
  verb(audit, "receipt", "Proof that a line is in the log, for whoever has the log's key.", out,
       [o, &out](Call&) { out.act = [o](Client& client, bool json) { return receipt(*o, client, json); }; })
      ->add_option("NUMBER", o->line, "The line's number in `cardea audit list`.")
      ->required();
  verb(audit, "key", "The key that receipts and checkpoints are checked with.", out,
       [&out](Call&) { out.act = [](Client& client, bool json) { return key(client, json); }; });
  auto* offline = verb(audit, "check-receipt", "Check a receipt. Needs no server.", out,
                       [o, &out](Call&) { out.act = [o](Client&, bool json) { return check(*o, json); }; });
  offline->add_option("FILE", o->file, "The receipt.")->required()->check(CLI::ExistingFile);
  offline->add_option("--key", o->key_file, "File with the log's key, as `cardea audit key` prints it.")
      ->required()
      ->check(CLI::ExistingFile);
}

void declare_thaw(CLI::App& app, Call& out) {
  const auto o = std::make_shared<Options>();
  verb(app.get_subcommand("card"), "thaw", "Let a frozen card be used again, once its rows are right.", out,
       [o](Call& c) {
         c.method = "POST";
         c.path = "/v1/admin/cards/" + percent_encoded(o->card) + "/thaw";
         c.sentence = "Card thawed.";
       })
      ->add_option("ID", o->card, "The card.")
      ->required();
}

}  // namespace cardea::cli
