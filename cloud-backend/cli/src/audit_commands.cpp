#include <array>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>

#include "cardea/audit/cosignature.h"
#include "cardea/audit/receipt.h"
#include "verbs.h"

namespace cardea::cli {
namespace {

struct Options {
  std::uint64_t line = 0;
  std::string card;
  std::string file;
  std::string key_file;
  std::string witness_file;
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

/// For people. To stderr what they should do something about.
void print_witness(const Json& witness) {
  if (!witness.is_object()) return;
  const auto name = witness.value("name", "");
  if (witness.contains("at")) {
    std::cout << "The first " << witness["size"] << " were cosigned by " << name << " at "
              << witness.value("at", "") << ".\n";
  } else {
    std::cout << "Nothing was cosigned by " << name << " yet.\n";
  }
  if (witness.value("away", false))
    std::cerr << "cardea: the witness " << name << " does not cosign: " << witness.value("reason", "")
              << '\n';
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
  if (!json && found.contains("witness")) print_witness(found["witness"]);
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

/// The file's one line.
std::string line_of(const std::string& file) {
  auto text = contents(file);
  while (text.ends_with('\n'))
    text.pop_back();
  return text;
}

std::string utc(std::uint64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  std::array<char, 32> text{};
  if (::gmtime_r(&time, &parts) == nullptr) return std::to_string(seconds);
  (void)std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

/// Needs no server: only the receipt, the log's key, and that of a witness where one is asked for.
int check(const Options& o, bool json) {
  const auto log_key = audit::parse_note_key(line_of(o.key_file));
  if (!log_key) return refuse(o.key_file + ": " + log_key.error().what);
  const auto proven = audit::check_receipt(contents(o.file), *log_key);
  if (!proven) return refuse(o.file + ": " + proven.error().what);
  Json entry = Json::object();
  for (const auto& column : proven->row.columns) {
    if (const auto* number = std::get_if<std::int64_t>(&column.value)) entry[column.name] = *number;
    if (const auto* string = std::get_if<std::string>(&column.value)) entry[column.name] = *string;
  }
  Json out{{"table", proven->row.table},
           {"entry", entry},
           {"leaf", proven->number},
           {"size", proven->size},
           {"log", proven->origin}};
  std::string by;
  if (!o.witness_file.empty()) {
    const auto witness = audit::parse_cosigner_key(line_of(o.witness_file));
    if (!witness) return refuse(o.witness_file + ": " + witness.error().what);
    const auto time = audit::open_cosignature(proven->checkpoint, *witness);
    if (!time) return refuse(o.file + ": " + time.error().what);
    out["witness"] = {{"name", witness->name}, {"at", utc(*time)}};
    by = ", cosigned by " + witness->name + " at " + utc(*time);
  }
  const auto dump = [](const Json& what, int indent) {
    return what.dump(indent, ' ', false, Json::error_handler_t::replace);
  };
  std::cout << (json ? dump(out, 2)
                     : "Good: " + dump(entry, -1) + " is change " + std::to_string(proven->number) + " of " +
                           std::to_string(proven->size) + " in " + proven->origin + by + ".")
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
  offline
      ->add_option(
          "--witness-key", o->witness_file,
          "File with a witness' key, as `cardea-witness init` prints it: it must have cosigned, too.")
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
