#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cardea::cms::cli {

/// What was said to `batch` alone.
struct BatchOptions {
  std::string csv, out, resume, next_card_command;
  std::vector<std::string> seal_to;
  unsigned wait_seconds = 300;  ///< people change cards more slowly than programs
  unsigned next_card_timeout_seconds = 60;
  bool keep_going = false;
  bool retry_failed = false;
  bool give_up_interrupted = false;
};

/// Who makes the certificates.
struct AuthorityOptions {
  std::string directory, command, est, cmp;
  std::string certificate, key, key_passphrase_file, basic_file, reference, secret_file, trust,
      server_certificate;
  unsigned timeout_seconds = 120;
};

/// What was said to the verbs that care for a card.
struct CareOptions {
  std::string reason = "unspecified", guid, escrow_directory;
  std::vector<std::string> slots, certificates, import_keys, import_passphrases, escrow_to;
  bool new_keys = false;
  bool wipe = false;
};

/// What was said to the verbs of `gp`.
struct GpOptions {
  std::string keys_file, new_keys_file, aid, kvn = "00", new_kvn, replaces = "00", level = "33";
  std::string protocol = "scp03", diversification = "none", new_diversification = "none";
  std::vector<std::string> objects;
};

/// What was said on the command line; texts are empty where nothing was said.
struct Options {
  std::string reader, plan, ca_directory, subject, upn, email, state;
  std::string pin_file, puk_file, management_key_file, secrets_file, generate_secrets;
  std::string current_pin_file, current_puk_file, current_management_key_file;
  std::string out_file;
  std::string ca_subject = "CN=Cardea local CA";
  int ca_days = 3650;
  int crl_days = 30;
  unsigned wait_seconds = 15;
  bool pin_prompt = false;
  bool keep_secrets = false;
  bool replace = false;
  bool execute = false;
  bool json = false;
  AuthorityOptions ca;
  BatchOptions batch;
  CareOptions care;
  GpOptions gp;
  std::string channel_keys;
};

enum class Verb : std::uint8_t { issue, resume, roll_back, renew };

// Each returns the program's exit code.
int show_readers(const Options& options);
int show_plan(const Options& options);
int make_authority(const Options& options);
/// ca crl, ca certificates
int sign_crl(const Options& options);
int show_authorities(const Options& options);
/// issue, resume and rollback.
int run(Verb verb, const Options& options);
int run_batch(const Options& options);
int inspect_card(const Options& options);
int unblock_pin(const Options& options);
/// change-pin and change-puk
int change_secret(const Options& options, bool puk);
int revoke_certificates(const Options& options);
int recycle_card(const Options& options);

/// `cardea-cms: sentence` on standard error.
void complain(const std::string& sentence);

/// A plan's file: as given, or by its name among the installed ones.
std::string plan_file(const std::string& plan);

}  // namespace cardea::cms::cli
