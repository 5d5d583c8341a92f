// cardea-cms: issues cards through PC/SC. This file is the command line and nothing else.
#include <CLI/CLI.hpp>
#include <exception>
#include <filesystem>
#include <iostream>

#include "cardea/utf8.h"
#include "command_line.h"

namespace {

using namespace cardea::cms::cli;

constexpr const char* kFooter =
    "Exit codes: 0 done, 1 refused by the card, 2 usage, 3 no reader or card, 4 the authority failed,\n"
    "5 interrupted (resume or roll back), 6 the batch is through, but not everybody has a card. Secrets are "
    "read from files, or from standard input where the file "
    "is -.";

int parse_and_run(int argc, char** argv) {
  Options options;
  int exit = 0;
  CLI::App app{"Issues smart cards through PC/SC: keys made on the card, certificates from your authority."};
  app.footer(kFooter);
  app.set_version_flag("--version", "cardea-cms " CARDEA_VERSION);
  app.require_subcommand(1);

  auto* readers = app.add_subcommand("readers", "List readers and cards");
  readers->add_flag("--json", options.json, "As JSON");
  readers->callback([&] { exit = show_readers(options); });

  auto* plan = app.add_subcommand("plan", "Personalisation plans")->require_subcommand(1);
  auto* show = plan->add_subcommand("show", "Check a plan and show its steps");
  show->add_option("plan", options.plan, "File, or name of an installed plan")->required();
  show->add_flag("--json", options.json, "As JSON");
  show->callback([&] { exit = show_plan(options); });

  auto* ca = app.add_subcommand("ca", "Local certificate authority")->require_subcommand(1);
  auto* init = ca->add_subcommand("init", "Make one");
  init->add_option("directory", options.ca_directory, "Where")->required();
  init->add_option("--subject", options.ca_subject, "Its name")->capture_default_str();
  init->add_option("--days", options.ca_days, "How long it is valid")
      ->capture_default_str()
      ->check(CLI::Range(1, 36600));
  init->add_flag("--json", options.json, "As JSON");
  init->callback([&] { exit = make_authority(options); });

  auto* crl = ca->add_subcommand("crl", "Sign a new revocation list: ca.crl");
  crl->add_option("directory", options.ca_directory, "Where the authority is")->required();
  crl->add_option("--days", options.crl_days, "How long it is valid")
      ->capture_default_str()
      ->check(CLI::Range(1, 3660));
  crl->callback([&] { exit = sign_crl(options); });
  auto* certificates =
      ca->add_subcommand("certificates", "Fetch the authorities' certificates from an EST server");
  certificates->add_option("--ca-est", options.ca.est, "URL of the EST server")->required();
  add_remote_options(*certificates, options);
  certificates->add_option("--out", options.out_file, "File for them (PEM); default: standard output");
  certificates->callback([&] { exit = show_authorities(options); });

  auto* issue = app.add_subcommand("issue", "Issue a card");
  add_card_options(*issue, options);
  issue->add_option("--plan", options.plan, "File, or name of an installed plan")->required();
  add_authority_options(*issue, options);
  issue
      ->add_option("--subject", options.subject,
                   "Holder, as RFC 4514 writes it: CN=Ada Example,O=Example Trust")
      ->required();
  issue->add_option("--upn", options.upn, "Holder's user principal name");
  issue->add_option("--email", options.email, "Holder's e-mail address");
  add_secret_options(*issue, options);
  issue->add_option("--generate-secrets", options.generate_secrets,
                    "Make up PIN, PUK and management key, and write them to this new file");
  issue->add_flag("--keep-secrets", options.keep_secrets, "Leave PIN, PUK and management key as they are");
  issue->add_flag("--replace", options.replace, "Issue anew a card that is issued already");
  add_key_options(*issue, options);
  add_channel_option(*issue, options);
  issue->callback([&] { exit = run(Verb::issue, options); });

  auto* resume = app.add_subcommand("resume", "Go on with an interrupted issuance");
  add_card_options(*resume, options);
  add_authority_options(*resume, options);
  add_secret_options(*resume, options);
  add_key_options(*resume, options);
  add_channel_option(*resume, options);
  resume->callback([&] { exit = run(Verb::resume, options); });

  add_batch_command(app, options, exit);
  add_care_commands(app, options, exit);
  add_gp_commands(app, options, exit);

  auto* rollback = app.add_subcommand("rollback", "Bring the card back to what it was before an issuance");
  add_card_options(*rollback, options);
  add_secret_options(*rollback, options);
  add_channel_option(*rollback, options);
  rollback->callback([&] { exit = run(Verb::roll_back, options); });

  for (int i = 1; i < argc; ++i) {
    if (cardea::is_utf8(argv[i])) continue;
    std::cerr << "cardea-cms: argument " << i << " is not text in UTF-8\n";
    return 2;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return exit;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int status = parse_and_run(argc, argv);
    if (status != 0 || std::cout.flush()) return status;
    std::cerr << "cardea-cms: standard output cannot be written\n";
    return 5;
  } catch (const std::filesystem::filesystem_error& error) {
    std::cerr << "cardea-cms: " << error.path1().string() << ": " << error.code().message() << "\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "cardea-cms: " << error.what() << "\n";
    return 1;
  }
}
