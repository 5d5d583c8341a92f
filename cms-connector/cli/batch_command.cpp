#include <unistd.h>

#include <array>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "authority_options.h"
#include "batch_listener.h"
#include "cardea/cms/batch/batch.h"
#include "cardea/cms/ca/files.h"
#include "cardea/cms/ca/seal.h"
#include "command_line.h"
#include "interrupt.h"
#include "key_options.h"
#include "reader_source.h"
#include "secret_options.h"

namespace cardea::cms::cli {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int kNotEverybody = 6;

constexpr const char* kBatchFooter =
    "The table is CSV (RFC 4180, UTF-8) with a header: subject, or cn with any of ou, o, l, st, c, "
    "serialnumber,\n"
    "title, givenname, surname; and, where wanted, upn, email, id. It is checked as a whole before a card "
    "is\n"
    "touched. PIN, PUK and management key are made up for each card into OUT/secrets/GUID.secrets (mode "
    "0600),\n"
    "or, with --seal-to, into an envelope GUID.p7m that only these certificates' holders can open\n"
    "(openssl cms -decrypt -inform PEM -inkey KEY -in GUID.p7m).\n\n"
    "OUT/batch.json says how far each person's card has come. After kill -9, a power cut, or a failure that "
    "was\n"
    "mended: cardea-cms batch --resume OUT/batch.json --ca … --execute. A card that was begun comes "
    "first.\n\n"
    "The next-card command is run by the shell when another card is wanted. CARDEA_REASON says why: first "
    "(the\n"
    "reader is empty), issued, refused, failed (the card in the reader is to be replaced), lost (the card\n"
    "CARDEA_GUID was taken away half issued and is wanted back). Exit code 0: a card is coming; 75: "
    "call\n"
    "again (until --wait is over); any other ends the batch with exit code 3.";

/// Everything that is known before the first card is looked for.
struct Prepared {
  perso::Plan plan;
  perso::Credentials current;
  batch::Record record;
  batch::Folder folder{fs::path{}};
  std::unique_ptr<ca::Authority> authority;
  CardMaker card;
  std::unique_ptr<perso::KeySource> keys;
};

fs::path default_folder() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  std::array<char, 32> text{};
  (void)::gmtime_r(&now, &parts);
  (void)std::strftime(text.data(), text.size(), "batch-%Y%m%dT%H%M%SZ", &parts);
  return perso::state_directory() / text.data();
}

Outcome<batch::Record> record_from_table(const Options& options, const perso::Plan& plan) {
  CARDEA_TRY(const auto text, or_usage(ca::read_file(options.batch.csv)));
  const auto people = batch::read_people(text);
  if (!people) {
    std::string all;
    for (const auto& problem : people.error())
      all += "\n  " + problem;
    return usage(options.batch.csv + " cannot be used as it is; no card was touched:" + all);
  }
  auto out = batch::new_record(plan.text, *people);
  out.reader = options.reader;
  out.keep_secrets = options.keep_secrets;
  if (!options.batch.seal_to.empty()) {
    CARDEA_TRY(const auto recipients, or_usage(ca::Recipients::load(options.batch.seal_to)));
    out.seal_to = recipients.pem();
  }
  return out;
}

Outcome<Prepared> begin_batch(const Options& options) {
  Prepared out;
  if (options.plan.empty()) return usage("name the plan with --plan");
  if (options.batch.retry_failed || options.batch.give_up_interrupted)
    return usage("--retry-failed and --give-up-interrupted go with --resume");
  CARDEA_TRY(out.plan, or_usage(perso::load_plan(plan_file(options.plan))));
  CARDEA_TRY(out.record, record_from_table(options, out.plan));
  const fs::path directory = options.batch.out.empty() ? default_folder() : fs::path{options.batch.out};
  out.folder = batch::Folder{directory};
  if (fs::exists(out.folder.record())) {
    return usage(out.folder.record().string() + " is the record of another batch: go on with it (--resume " +
                 out.folder.record().string() + "), or name another directory with --out");
  }
  return out;
}

Outcome<Prepared> resume_batch(const Options& options) {
  Prepared out;
  if (!options.plan.empty() || !options.batch.seal_to.empty() || options.keep_secrets ||
      !options.batch.out.empty())
    return usage(
        "--resume takes plan, people, secrets and directory from the record; leave --plan, --out, --seal-to "
        "and --keep-secrets away");
  const fs::path file = options.batch.resume;
  CARDEA_TRY(out.record, or_usage(batch::RecordFile{file}.load()));
  CARDEA_TRY(out.plan, or_usage(perso::parse_plan(out.record.plan)));
  out.folder = batch::Folder{file.has_parent_path() ? file.parent_path() : fs::path{"."}};
  if (out.folder.record().filename() != file.filename())
    return usage("the record of a batch is called batch.json and lies in the batch's directory");
  if (!options.reader.empty()) out.record.reader = options.reader;
  return out;
}

Outcome<Prepared> prepare(const Options& options) {
  if (options.batch.csv.empty() == options.batch.resume.empty())
    return usage("name the people with --csv FILE, or a batch to go on with by --resume FILE");
  CARDEA_TRY(auto out, options.batch.resume.empty() ? begin_batch(options) : resume_batch(options));
  if (!out.plan.chuid)
    return usage("the plan writes no CHUID (objects.chuid), by which a batch tells one card from another");
  CARDEA_TRY(out.current, or_usage(current_credentials(options)));
  CARDEA_TRY(out.authority, open_authority(options));
  CARDEA_TRY(out.card, open_card_maker(options, out.plan));
  CARDEA_TRY(out.keys, open_key_source(options, out.plan, {}));
  return out;
}

void rehearse(const Options& options, const Prepared& job) {
  std::ostream& out = options.json ? std::cerr : std::cout;
  for (const auto& entry : job.record.entries) {
    const bool done = entry.stage == batch::Stage::done;
    out << (done ? "done         " : "would issue  ") << entry.person.holder.subject
        << (entry.person.holder.upn.empty() ? "" : ", " + entry.person.holder.upn)
        << (entry.person.holder.email.empty() ? "" : ", " + entry.person.holder.email) << "\n";
  }
  const auto tally = batch::count(job.record);
  out << tally.left + tally.failed << " cards, each with plan " << job.plan.name << " ("
      << perso::plan_steps(job.plan,
                           {job.plan.pin.change, job.plan.change_puk, job.plan.management_key.has_value()})
             .size()
      << " steps; see: cardea-cms plan show). Nothing was done. Add --execute to do it.\n";
  if (options.json) {
    std::cout << Json{{"event", "summary"},
                      {"result", "dry-run"},
                      {"done", tally.done},
                      {"left", tally.left + tally.failed}}
                     .dump()
              << "\n";
  }
}

void summarise(const Options& options, const Prepared& job, int exit, const std::string& why) {
  const auto tally = batch::count(job.record);
  const std::string record = job.folder.record().string();
  Json given_up = Json::array();
  for (const auto& entry : job.record.entries) {
    for (const auto& guid : entry.given_up)
      given_up.push_back(guid);
  }
  if (options.json) {
    Json out = {{"event", "summary"},     {"result", exit == 0 ? "issued" : "failed"},
                {"exit", exit},           {"done", tally.done},
                {"failed", tally.failed}, {"left", tally.left},
                {"given_up", given_up},   {"record", record}};
    if (!why.empty()) out["error"] = why;
    std::cout << out.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
  } else {
    std::cout << tally.done << " of " << job.record.entries.size() << " cards are issued, " << tally.failed
              << " failed, " << tally.left << " are left\n";
    for (const auto& guid : given_up)
      std::cout << "half issued and given up: " << guid.get<std::string>() << "; recycle it\n";
  }
  if (exit != 0) {
    std::cerr << "How far each card has come is in " << record << ". Go on with \"cardea-cms batch --resume "
              << record << (tally.left == 0 ? " --retry-failed" : "") << "\".\n";
  }
}

Outcome<batch::Tally> execute(const Options& options, Prepared& job) {
  CARDEA_CHECK(or_usage(job.folder.make()));
  CARDEA_TRY(const auto lock, or_usage(ca::FileLock::try_take(job.folder.lock())));
  batch::RecordFile record{job.folder.record()};
  // Whoever waited for the lock of a batch that ended meanwhile must not go on with what it was before.
  if (!options.batch.resume.empty()) {
    const std::string reader = job.record.reader;
    CARDEA_TRY(job.record, or_usage(record.load()));
    job.record.reader = reader;
  }
  CARDEA_CHECK(or_usage(record.save(job.record)));

  const BatchView view = options.json                   ? BatchView::json
                         : ::isatty(STDERR_FILENO) == 1 ? BatchView::bar
                                                        : BatchView::lines;
  const auto listener =
      make_batch_listener(view, options.json ? std::cout : std::cerr, batch::count(job.record).done);
  WaitOptions wait;
  wait.deadline = std::chrono::seconds{options.batch.wait_seconds};
  wait.tell = [&](const std::string& sentence) { listener->remark(sentence); };
  wait.interrupted = &interrupted;
  ReaderSource source{
      job.record.reader,
      {options.batch.next_card_command, std::chrono::seconds{options.batch.next_card_timeout_seconds}},
      wait,
      job.card};
  const batch::Terms terms{job.plan,
                           job.current,
                           options.batch.keep_going,
                           options.batch.retry_failed,
                           options.batch.give_up_interrupted,
                           std::time(nullptr),
                           job.keys.get()};
  batch::Tools tools{source, *job.authority, record, job.folder, *listener, &interrupted};
  return batch::run(job.record, terms, tools);
}

}  // namespace

int run_batch(const Options& options) {
  listen_for_signals();
  auto job = prepare(options);
  if (!job) {
    complain(job.error().what);
    if (options.json) {
      std::cout << Json{{"event", "summary"},
                        {"result", "failed"},
                        {"exit", static_cast<int>(job.error().exit)},
                        {"error", job.error().what}}
                       .dump(-1, ' ', false, Json::error_handler_t::replace)
                << "\n";
    }
    return static_cast<int>(job.error().exit);
  }
  if (!options.execute) {
    rehearse(options, *job);
    return 0;
  }
  const auto tally = execute(options, *job);
  int exit = 0;
  if (!tally) {
    exit = static_cast<int>(tally.error().exit);
    complain(tally.error().what);
  } else if (tally->failed > 0) {
    exit = kNotEverybody;
  }
  summarise(options, *job, exit, tally ? "" : tally.error().what);
  return exit;
}

void add_batch_command(CLI::App& app, Options& options, int& exit) {
  auto* batch = app.add_subcommand("batch", "Issue a card to each person of a table, one card after another");
  batch->footer(kBatchFooter);
  auto& more = options.batch;
  auto* csv = batch->add_option("--csv", more.csv, "Table of people");
  batch->add_option("--resume", more.resume, "Go on with a batch: its batch.json")->excludes(csv);
  batch->add_option("--plan", options.plan, "File, or name of an installed plan");
  batch->add_option("--out", more.out,
                    "Directory for record, states and secrets; default in ~/.local/state/cardea-cms");
  add_authority_options(*batch, options);
  add_channel_option(*batch, options);
  batch->add_option("--escrow-to", options.care.escrow_to,
                    "Certificate (PEM) for whose holder a copy of each key that is made off the card is "
                    "sealed; may be given several times");
  batch->add_option(
      "--escrow-dir", options.care.escrow_directory,
      "Where the copies go: GUID-9D-KEY.p7m, KEY being 16 digits of the SHA-256 of the public key");
  batch->add_option("--reader", options.reader, "Reader: its name, or a part of it that fits no other");
  batch->add_option("--wait", more.wait_seconds, "Seconds to wait for each next card")->capture_default_str();
  batch->add_option(
      "--next-card-command", more.next_card_command,
      "Shell command that puts the next card into the reader; default: wait for somebody to do it");
  batch->add_option("--next-card-timeout", more.next_card_timeout_seconds, "Seconds that command may take")
      ->capture_default_str();
  batch->add_option(
      "--seal-to", more.seal_to,
      "Certificate (PEM) for whose holder the cards' secrets are sealed; may be given several times");
  batch->add_flag("--keep-secrets", options.keep_secrets, "Leave PIN, PUK and management key as they are");
  batch->add_option("--current-pin-file", options.current_pin_file,
                    "File with the cards' PIN; default: the factory's");
  batch->add_option("--current-puk-file", options.current_puk_file,
                    "File with the cards' PUK; default: the factory's");
  batch->add_option("--current-management-key-file", options.current_management_key_file,
                    "File with the cards' management key; default: the factory's");
  batch->add_flag("--keep-going", more.keep_going,
                  "When card or authority refuse, go on with the next person");
  batch->add_flag("--retry-failed", more.retry_failed,
                  "With --resume: those who failed before as well, on the card they had");
  batch->add_flag("--give-up-interrupted", more.give_up_interrupted,
                  "With --resume: a new card for those whose half issued card does not come back");
  batch->add_flag("--execute", options.execute, "Do it; without it, only say what would be done");
  batch->add_flag("--json", options.json, "One JSON document for each event, one a line, on standard output");
  batch->callback([&] { exit = run_batch(options); });
}

}  // namespace cardea::cms::cli
