#include <iostream>
#include <nlohmann/json.hpp>

#include "cardea/cms/scp/key_file.h"
#include "cardea/hex.h"
#include "channel_options.h"
#include "command_line.h"
#include "gp_session.h"
#include "interrupt.h"
#include "summary.h"

namespace cardea::cms::cli {

namespace {

using Json = nlohmann::json;

/// Ends a verb with its document or its sentence, and the exit code.
int finish(const Options& options, const Outcome<Json>& outcome, const std::string& sentence) {
  if (!outcome) return end_with(outcome.error(), options.json);
  if (options.json) {
    std::cout << outcome->dump(2) << "\n";
  } else if (!sentence.empty()) {
    std::cout << sentence << "\n";
  }
  return 0;
}

std::string key_type_name(std::uint8_t type) {
  if (type == static_cast<std::uint8_t>(gp::KeyType::aes)) return "AES";
  if (type == static_cast<std::uint8_t>(gp::KeyType::tdes)) return "3DES";
  return "type " + to_hex(Bytes{type});
}

Outcome<Json> info(const Options& options) {
  CARDEA_TRY(const auto aid, aid_option(options));
  CARDEA_TRY(const auto connected, connect(options, options.reader));
  const auto facts = scp::read_domain(*connected.channel, aid);
  if (!facts) return tl::unexpected{perso::to_failure(facts.error())};
  Json out = {{"aid", to_hex(facts->aid)},    {"protocols", Json::array()},
              {"keys", Json::array()},        {"cplc", to_hex(facts->production)},
              {"iin", to_hex(facts->issuer)}, {"cin", to_hex(facts->image)}};
  for (const auto& protocol : facts->protocols)
    out["protocols"].push_back("SCP0" + std::to_string(protocol.scp) + " i=" + to_hex(Bytes{protocol.i}));
  for (const auto& key : facts->keys)
    out["keys"].push_back({{"version", to_hex(Bytes{key.version})},
                           {"id", key.id},
                           {"type", key_type_name(key.type)},
                           {"octets", key.size}});
  if (options.json) return out;
  std::cout << "security domain " << out["aid"].get<std::string>() << "\n";
  for (const auto& protocol : out["protocols"])
    std::cout << "  " << protocol.get<std::string>() << "\n";
  for (const auto& key : facts->keys)
    std::cout << "  key version " << to_hex(Bytes{key.version}) << ", identifier "
              << static_cast<unsigned>(key.id) << ": " << key_type_name(key.type) << ", "
              << static_cast<unsigned>(key.size) << " octets\n";
  std::cout << "  CPLC " << out["cplc"].get<std::string>() << "\n  IIN " << out["iin"].get<std::string>()
            << "\n  CIN " << out["cin"].get<std::string>() << "\n";
  return out;
}

Outcome<Json> list(const Options& options) {
  Json out = Json::array();
  const auto add = [&](const std::string& kind, const std::vector<gp::Entry>& entries) {
    for (const auto& entry : entries) {
      Json row = {{"kind", kind},
                  {"aid", to_hex(entry.aid)},
                  {"life_cycle", to_hex(Bytes{entry.life_cycle})},
                  {"privileges", to_hex(entry.privileges)}};
      if (!entry.load_file.empty()) row["load_file"] = to_hex(entry.load_file);
      if (!entry.domain.empty()) row["domain"] = to_hex(entry.domain);
      for (const auto& module : entry.modules)
        row["modules"].push_back(to_hex(module));
      out.push_back(row);
      if (!options.json) {
        std::cout << kind << "  " << to_hex(entry.aid) << "  life cycle " << to_hex(Bytes{entry.life_cycle})
                  << "  privileges " << to_hex(entry.privileges) << "\n";
      }
    }
  };
  const auto done = in_domain(options, [&](gp::SecureChannel& secure) -> Result<void> {
    CARDEA_TRY(const auto domain, gp::read_registry(secure, gp::Scope::issuer_domain));
    add("domain", domain);
    CARDEA_TRY(const auto applications, gp::read_registry(secure, gp::Scope::applications));
    add("application", applications);
    CARDEA_TRY(const auto files, gp::read_registry(secure, gp::Scope::load_files_and_modules));
    add("load file", files);
    return {};
  });
  if (!done) return tl::unexpected{done.error()};
  return out;
}

Outcome<Json> dry_run(const Options& options, const std::string& what) {
  (options.json ? std::cerr : std::cout) << "would " << what << "\n";
  return Json{{"result", "dry-run"}};
}

Outcome<Json> put_key(const Options& options) {
  CARDEA_TRY(const auto keys, domain_keys(options));
  CARDEA_TRY(const auto version, octet_option(options.gp.new_kvn, "--new-kvn"));
  CARDEA_TRY(const auto replaces, octet_option(options.gp.replaces, "--replaces"));
  CARDEA_TRY(const auto scheme, diversification_option(options.gp.new_diversification));
  const auto type = key_type(options.gp.protocol == "scp02" ? 2 : 3, scheme);
  CARDEA_TRY(const auto master, or_usage(scp::read_key_file(options.gp.new_keys_file, type, version)));
  if (version == 0 || (version > 0x7F && version != 0xFF)) return usage("--new-kvn is 01 to 7F");
  const std::string what =
      "put key set " + options.gp.new_kvn +
      (replaces == 0 ? ", beside those that are there" : ", in place of " + options.gp.replaces);
  if (!options.execute) return dry_run(options, what);
  const auto done = in_domain(options, [&](gp::SecureChannel& secure) -> Result<void> {
    const auto wanted = secure.card().protocol == 2 ? gp::KeyType::tdes : gp::KeyType::aes;
    CARDEA_TRY(const auto fresh, gp::diversify(master, secure.card().kdd, scheme, wanted));
    CARDEA_TRY(auto command, gp::put_key(secure, fresh, replaces));
    const WipeOnExit wiper{command.data};
    CARDEA_TRY(const auto answer, scp::ask(secure, command, "putting the keys"));
    return gp::check_put_key_answer(fresh, answer);
  });
  if (!done) return tl::unexpected{done.error()};
  return Json{{"result", "put"}, {"version", options.gp.new_kvn}};
}

Outcome<Json> set_state(const Options& options, gp::CardState state, const std::string& what) {
  if (!options.execute) return dry_run(options, what);
  const auto done = in_domain(options, [&](gp::SecureChannel& secure) -> Result<void> {
    CARDEA_CHECK(scp::ask(secure, gp::set_card_state(state), "setting the card's life cycle"));
    return {};
  });
  if (!done) return tl::unexpected{done.error()};
  return Json{{"result", "set"}, {"life_cycle", to_hex(Bytes{static_cast<std::uint8_t>(state)})}};
}

Outcome<Json> delete_key(const Options& options) {
  CARDEA_TRY(const auto version, octet_option(options.gp.replaces, "--version"));
  if (!options.execute) return dry_run(options, "delete key set " + options.gp.replaces);
  const auto done = in_domain(options, [&](gp::SecureChannel& secure) -> Result<void> {
    CARDEA_CHECK(scp::ask(secure, gp::delete_key(version, std::nullopt), "deleting the key set"));
    return {};
  });
  if (!done) return tl::unexpected{done.error()};
  return Json{{"result", "deleted"}};
}

Outcome<Json> store_data(const Options& options) {
  Bytes objects;
  for (const auto& text : options.gp.objects) {
    const auto octets = from_hex(text);
    if (!octets || octets->empty()) return usage("\"" + text + "\" is no data object in hexadecimal");
    append(objects, *octets);
  }
  if (!options.execute)
    return dry_run(options, "store " + std::to_string(objects.size()) + " octets of data objects");
  const auto done = in_domain(options, [&](gp::SecureChannel& secure) -> Result<void> {
    CARDEA_TRY(const auto commands, gp::store_tlvs(secure, objects));
    for (const auto& command : commands)
      CARDEA_CHECK(scp::ask(secure, command, "storing the data"));
    return {};
  });
  if (!done) return tl::unexpected{done.error()};
  return Json{{"result", "stored"}};
}

void add_reader(CLI::App& command, Options& options) {
  command.add_option("--reader", options.reader, "Reader: its name, or a part of it that fits no other");
  command.add_option("--wait", options.wait_seconds, "Seconds to wait for reader and card")
      ->capture_default_str();
  command.add_option("--aid", options.gp.aid, "AID of the security domain; default: the card manager");
  command.add_flag("--json", options.json, "Result as JSON on standard output");
}

void add_keys(CLI::App& command, Options& options) {
  auto& gp = options.gp;
  command
      .add_option("--keys-file", gp.keys_file,
                  "File with its keys, of mode 0600: lines enc:, mac:, dek:, or one line key:, hexadecimal")
      ->required();
  command.add_option("--kvn", gp.kvn, "Their key version; 00: whichever the card takes")
      ->capture_default_str();
  command.add_option("--protocol", gp.protocol, "scp02 or scp03")->capture_default_str();
  command.add_option("--level", gp.level, "Security level: 01, 03, 11, 13, 33")->capture_default_str();
  command
      .add_option("--diversification", gp.diversification,
                  "How the card's keys follow from those in the file: none, kdf3, visa2, emv")
      ->capture_default_str();
}

void add_execute(CLI::App& command, Options& options) {
  command.add_flag("--execute", options.execute, "Do it; without it, only say what would be done");
}

}  // namespace

void add_gp_commands(CLI::App& app, Options& options, int& exit) {
  auto* group = app.add_subcommand("gp", "GlobalPlatform: the card manager, through SCP02 or SCP03")
                    ->require_subcommand(1);
  const auto verb = [&](const char* name, const char* help, bool keys, bool changes, auto act,
                        const char* sentence) {
    auto* command = group->add_subcommand(name, help);
    add_reader(*command, options);
    if (keys) add_keys(*command, options);
    if (changes) add_execute(*command, options);
    command->callback([&options, &exit, act, sentence, changes] {
      listen_for_signals();
      exit = finish(options, act(options),
                    changes && !options.execute ? "Nothing was done. Add --execute to do it." : sentence);
    });
    return command;
  };
  verb("info", "What the card tells without keys: protocols, key sets, CPLC, IIN, CIN", false, false, &info,
       "");
  verb("list", "The registry: domains, applications, load files", true, false, &list, "");
  auto* put = verb("put-key", "Put a key set: from initial to production keys", true, true, &put_key,
                   "the keys are put, and their check values are right");
  put->add_option("--new-keys-file", options.gp.new_keys_file, "File with the new keys, of mode 0600")
      ->required();
  put->add_option("--new-kvn", options.gp.new_kvn, "Their key version: 01 to 7F")->required();
  put->add_option("--new-diversification", options.gp.new_diversification,
                  "How the card's new keys follow from those in the file")
      ->capture_default_str();
  put->add_option("--replaces", options.gp.replaces, "Key version that goes away; 00: none")
      ->capture_default_str();
  auto* gone = verb("delete-key", "Delete a key set", true, true, &delete_key, "the key set is deleted");
  gone->add_option("--version", options.gp.replaces, "Its key version")->required();
  auto* store = verb("store-data", "Store data objects in the card manager: IIN (42), CIN (45) and the like",
                     true, true, &store_data, "the data are stored");
  store
      ->add_option("--object", options.gp.objects,
                   "A whole data object, tag and length too, hexadecimal; may be given several times")
      ->required();
  verb(
      "secure", "Set the card's life cycle to SECURED", true, true,
      [](const Options& given) {
        // It goes there by way of INITIALIZED (GP Card Specification 2.3.1, 5.1.1).
        auto first = set_state(given, gp::CardState::initialized, "set the card's life cycle to SECURED");
        return given.execute && first ? set_state(given, gp::CardState::secured, "") : first;
      },
      "the card is SECURED");
  verb(
      "lock", "Lock the card: CARD_LOCKED", true, true,
      [](const Options& given) { return set_state(given, gp::CardState::card_locked, "lock the card"); },
      "the card is locked");
  verb(
      "unlock", "Unlock the card: back to SECURED", true, true,
      [](const Options& given) { return set_state(given, gp::CardState::secured, "unlock the card"); },
      "the card is unlocked");
}

}  // namespace cardea::cms::cli
