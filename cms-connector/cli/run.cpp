#include <ctime>
#include <filesystem>
#include <iostream>

#include "authority_options.h"
#include "card_connection.h"
#include "cardea/cms/ca/authority.h"
#include "cardea/cms/pcsc.h"
#include "cardea/cms/perso/issue.h"
#include "cardea/cms/perso/renew.h"
#include "channel_options.h"
#include "interrupt.h"
#include "key_options.h"
#include "options.h"
#include "outcome.h"
#include "progress.h"
#include "secret_options.h"
#include "summary.h"

namespace cardea::cms::cli {

namespace {

namespace fs = std::filesystem;
/// Everything that is known before a card is looked for.
struct Prepared {
  perso::Plan plan;
  perso::State state;
  perso::Credentials current;
  perso::NewCredentials fresh;
  fs::path state_file;
  std::unique_ptr<ca::Authority> authority;
  std::unique_ptr<perso::KeySource> keys;
  CardMaker card;
};

/// A secret that the run will need and nobody gave.
Outcome<void> require(bool needed, bool given, const std::string& what, const std::string& option) {
  if (!needed || given) return {};
  return usage("the " + what + " is missing: give it with " + option + " or --secrets" +
               (what == "PIN" || what == "PUK" ? " or --pin-prompt" : ""));
}

Outcome<void> require_secrets(const Prepared& job, const std::function<bool(const char*, bool)>& needed) {
  const auto& changes = job.state.changes;
  CARDEA_CHECK(require(needed("pin", changes.pin), job.fresh.pin.has_value(), "PIN", "--pin-file"));
  CARDEA_CHECK(require(needed("puk", changes.puk), job.fresh.puk.has_value(), "PUK", "--puk-file"));
  return require(needed("management-key", changes.management_key), job.fresh.management_key.has_value(),
                 "management key", "--management-key-file");
}

Outcome<Prepared> prepare_issue(const Options& options) {
  Prepared out;
  CARDEA_TRY(out.plan, or_usage(perso::load_plan(plan_file(options.plan))));
  if (const auto subject = ca::check_subject(options.subject); !subject) return usage(subject.error().what);
  CARDEA_TRY(out.current, or_usage(current_credentials(options)));
  const perso::Changes changes{out.plan.pin.change && !options.keep_secrets,
                               out.plan.change_puk && !options.keep_secrets,
                               out.plan.management_key.has_value() && !options.keep_secrets};
  CARDEA_TRY(out.state, or_usage(perso::new_state(out.plan, {options.subject, options.upn, options.email},
                                                  changes, std::time(nullptr))));
  out.state_file = options.state.empty()
                       ? perso::state_directory() / (perso::guid_text(out.state.guid) + ".json")
                       : fs::path{options.state};
  if (fs::exists(out.state_file)) {
    return usage(out.state_file.string() +
                 " is the state of another issuance: resume it, roll it back, or name another file");
  }
  CARDEA_TRY(out.authority, open_authority(options));
  CARDEA_TRY(out.keys, open_key_source(options, out.plan, {}));
  CARDEA_TRY(out.card, open_card_maker(options, out.plan));
  CARDEA_TRY(out.fresh, or_usage(fresh_credentials(options, out.plan)));
  const bool will_generate = !options.generate_secrets.empty();
  if (will_generate && fs::exists(options.generate_secrets))
    return usage(options.generate_secrets + " exists already");
  CARDEA_CHECK(require_secrets(out, [&](const char*, bool changed) { return changed && !will_generate; }));
  return out;
}

Outcome<fs::path> pick_state(const Options& options) {
  if (!options.state.empty()) return fs::path{options.state};
  const auto files = perso::unfinished_states(perso::state_directory());
  if (files.size() == 1) return files.front();
  if (files.empty())
    return usage("no unfinished issuance in " + perso::state_directory().string() +
                 "; name its file with --state");
  std::string list;
  for (const auto& file : files)
    list += "\n  " + file.string();
  return usage("several unfinished issuances; name one with --state:" + list);
}

Outcome<Prepared> prepare_from_state(Verb verb, const Options& options) {
  Prepared out;
  CARDEA_TRY(out.state_file, pick_state(options));
  CARDEA_TRY(out.state, or_usage(perso::StateFile{out.state_file}.load()));
  CARDEA_TRY(out.plan, or_usage(perso::parse_plan(out.state.plan)));
  CARDEA_TRY(out.card, open_card_maker(options, out.plan));
  CARDEA_TRY(out.current, or_usage(current_credentials(options)));
  CARDEA_TRY(out.fresh, or_usage(fresh_credentials(options, out.plan)));
  const auto& state = out.state;
  if (verb == Verb::resume) {
    CARDEA_TRY(out.authority, open_authority(options));
    CARDEA_TRY(out.keys, open_key_source(options, out.plan, state.done));
    CARDEA_CHECK(require_secrets(out, [&](const char* id, bool changed) {
      return changed && !(state.done.contains(id) && std::string_view{id} != "management-key");
    }));
  } else {
    out.authority = ca::make_dry_run_authority("nobody", std::cerr);
    CARDEA_CHECK(require_secrets(
        out, [&](const char* id, bool) { return state.done.contains(id) || state.begun.contains(id); }));
  }
  return out;
}

Outcome<std::vector<std::string>> perform(Verb verb, const Options& options, Prepared& job, piv::Card& card,
                                          perso::StateStore& states, perso::Progress& progress) {
  perso::Desk desk{card, *job.authority, states, progress, &interrupted};
  const perso::Job what{job.plan, job.current, job.fresh, options.replace, job.keys.get()};
  return verb == Verb::roll_back ? perso::roll_back(what, job.state, desk)
                                 : perso::issue(what, job.state, desk);
}

/// A renewal is known only once the card was looked at; a rehearsal looks, too.
Outcome<std::vector<std::string>> renew(const Options& options, Prepared& job,
                                        const perso::RenewalTerms& terms) {
  CARDEA_TRY(const auto connected, connect(options, options.reader));
  const auto card = job.card(*connected.channel);
  CARDEA_TRY(auto renewal, perso::plan_renewal(*card, terms));
  job.plan = std::move(renewal.plan);
  job.state = std::move(renewal.state);
  job.state.reader = connected.reader;
  if (job.state_file.empty())
    job.state_file = perso::state_directory() / (perso::guid_text(job.state.guid) + "-renewal.json");
  if (fs::exists(job.state_file)) {
    const auto before = perso::StateFile{job.state_file}.load();
    if (!before || (!before->finished && !before->rolled_back))
      return usage(job.state_file.string() +
                   " is the state of an unfinished renewal: resume it, or roll it back");
    if (options.execute) fs::remove(job.state_file);
  }
  if (!options.execute) {
    std::ostream& out = options.json ? std::cerr : std::cout;
    for (const auto& step : perso::plan_steps(job.plan, job.state.changes))
      out << (job.state.done.contains(step.id) ? "as it is " : "would ") << step.title << "\n";
    return std::vector<std::string>{};
  }
  CARDEA_TRY(job.keys, open_key_source(options, job.plan, {}));
  perso::StateFile states{job.state_file};
  LiveProgress progress{std::cerr};
  return perform(Verb::renew, options, job, *card, states, progress);
}

Outcome<std::vector<std::string>> prepare_and_renew(const Options& options, Prepared& job) {
  CARDEA_TRY(const auto plan, or_usage(perso::load_plan(plan_file(options.plan))));
  perso::RenewalTerms terms{plan, {}, options.care.new_keys, {}};
  CARDEA_TRY(terms.slots, named_slots(options.care.slots));
  CARDEA_TRY(terms.imported, imported_slots(options));
  CARDEA_TRY(job.current, or_usage(current_credentials(options)));
  CARDEA_TRY(job.authority, open_authority(options));
  CARDEA_TRY(job.card, open_card_maker(options, plan));
  job.state_file = options.state;
  return renew(options, job, terms);
}

Outcome<std::vector<std::string>> execute(Verb verb, const Options& options, Prepared& job) {
  CARDEA_TRY(const auto connected,
             connect(options, options.reader.empty() ? job.state.reader : options.reader));
  job.state.reader = connected.reader;
  // Only now that there is a card: an attempt that finds none leaves no secrets lying about.
  if (!options.generate_secrets.empty() && !options.keep_secrets) {
    CARDEA_TRY(job.fresh, or_usage(perso::generate_secrets_file(options.generate_secrets, job.plan)));
  }
  const auto card = job.card(*connected.channel);
  perso::StateFile states{job.state_file};
  LiveProgress progress{std::cerr};
  return perform(verb, options, job, *card, states, progress);
}

Outcome<std::vector<std::string>> rehearse(Verb verb, const Options& options, Prepared& job) {
  std::ostream& out = options.json ? std::cerr : std::cout;
  if (verb == Verb::issue) {
    const auto card = piv::make_dry_run_card(out, channel_name(job.plan));
    perso::NoState states;
    DryRunProgress progress{out};
    // Secrets that would be made up have to be something; the dry run shows none of them.
    if (!options.generate_secrets.empty() && !options.keep_secrets) {
      job.fresh.pin = job.current.pin.clone();
      job.fresh.puk = job.current.puk.clone();
      if (job.plan.management_key) {
        const auto algorithm = job.plan.management_key->algorithm;
        job.fresh.management_key = piv::AdminKey{algorithm, SecretBytes{piv::info(algorithm).key_size}};
      }
    }
    return perform(verb, options, job, *card, states, progress);
  }
  const auto steps = perso::plan_steps(job.plan, job.state.changes);
  for (const auto& step : steps) {
    const bool done = job.state.done.contains(step.id);
    out << (done == (verb == Verb::roll_back) || perso::is_volatile(step.kind) ? "would " : "done  ")
        << (verb == Verb::roll_back ? "undo " : "") << step.title << "\n";
  }
  return std::vector<std::string>{};
}

}  // namespace

int run(Verb verb, const Options& options) {
  listen_for_signals();
  Summary summary{verb, !options.execute, "", {}, {}};
  Outcome<Prepared> job = Prepared{};
  if (verb != Verb::renew)
    job = verb == Verb::issue ? prepare_issue(options) : prepare_from_state(verb, options);
  if (!job) {
    print_failure(summary, job.error(), options.json, false);
    return static_cast<int>(job.error().exit);
  }

  const auto began = std::chrono::steady_clock::now();
  auto outcome = verb == Verb::renew ? prepare_and_renew(options, *job)
                 : options.execute   ? execute(verb, options, *job)
                                     : rehearse(verb, options, *job);
  if (options.execute) summary.state_file = job->state_file.string();
  summary.took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  if (!outcome) {
    const bool resumable = options.execute && fs::exists(job->state_file) && !job->state.rolled_back;
    print_failure(summary, outcome.error(), options.json, resumable);
    return static_cast<int>(outcome.error().exit);
  }
  summary.remarks = *std::move(outcome);
  print_summary(summary, job->state, job->plan, options.json);
  return 0;
}

}  // namespace cardea::cms::cli
