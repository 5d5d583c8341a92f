#include "command_line.h"

namespace cardea::cms::cli {

void add_card_options(CLI::App& command, Options& options) {
  command.add_option("--reader", options.reader, "Reader: its name, or a part of it that fits no other");
  command.add_option("--wait", options.wait_seconds, "Seconds to wait for reader and card")
      ->capture_default_str();
  command.add_option("--state", options.state, "State file; default in ~/.local/state/cardea-cms");
  command.add_flag("--execute", options.execute, "Do it; without it, only say what would be done");
  command.add_flag("--json", options.json, "Summary as JSON on standard output");
}

void add_current_secrets(CLI::App& command, Options& options) {
  command.add_option("--current-pin-file", options.current_pin_file,
                     "File with the card's PIN; default: the factory's");
  command.add_option("--current-puk-file", options.current_puk_file,
                     "File with the card's PUK; default: the factory's");
  command.add_option("--current-management-key-file", options.current_management_key_file,
                     "File with the card's management key; default: the factory's");
}

void add_secret_options(CLI::App& command, Options& options) {
  command.add_option("--pin-file", options.pin_file, "File with the new PIN");
  command.add_option("--puk-file", options.puk_file, "File with the new PUK");
  command.add_option("--management-key-file", options.management_key_file,
                     "File with the new management key, hexadecimal");
  command.add_option("--secrets", options.secrets_file,
                     "File with all three, as --generate-secrets writes it");
  command.add_flag("--pin-prompt", options.pin_prompt, "Ask for new PIN and PUK on the terminal");
  add_current_secrets(command, options);
}

void add_channel_option(CLI::App& command, Options& options) {
  command.add_option("--channel-keys", options.channel_keys,
                     "File with the keys of the plan's secure channel; default: the one that the plan names");
}

void add_remote_options(CLI::App& command, Options& options) {
  auto& ca = options.ca;
  command.add_option("--ca-cert", ca.certificate, "EST, CMP: this host's certificate (PEM)");
  command.add_option("--ca-key", ca.key, "EST, CMP: the key of --ca-cert (PEM)");
  command.add_option("--ca-key-pass-file", ca.key_passphrase_file,
                     "EST, CMP: file with the passphrase of --ca-key");
  command.add_option("--ca-basic-file", ca.basic_file, "EST: file with user:password");
  command.add_option("--ca-ref", ca.reference, "CMP: reference of the shared secret");
  command.add_option("--ca-secret-file", ca.secret_file, "CMP: file with the shared secret");
  command.add_option("--ca-trust", ca.trust, "EST, CMP: certificates (PEM) that the server's has to lead to");
  command.add_option("--ca-server-cert", ca.server_certificate,
                     "CMP: the certificate that signs the server's answers");
}

void add_authority_options(CLI::App& command, Options& options) {
  auto& ca = options.ca;
  auto* directory = command.add_option("--ca", ca.directory, "Directory of a local authority (see: ca init)");
  auto* line = command
                   .add_option("--ca-command", ca.command,
                               "Shell command: request on its input, certificate on its output")
                   ->excludes(directory);
  auto* est = command.add_option("--ca-est", ca.est, "URL of an EST server (RFC 7030)")
                  ->excludes(directory)
                  ->excludes(line);
  command.add_option("--ca-cmp", ca.cmp, "URL of a CMP server (RFC 4210); asked by openssl cmp")
      ->excludes(directory)
      ->excludes(line)
      ->excludes(est);
  add_remote_options(command, options);
  command.add_option("--ca-timeout", ca.timeout_seconds, "Seconds that one certificate may take")
      ->capture_default_str();
}

void add_key_options(CLI::App& command, Options& options) {
  auto& care = options.care;
  command.add_option(
      "--import-key", care.import_keys,
      "9D=FILE: the key that was made elsewhere (PKCS#12, PKCS#8); may be given several times");
  command.add_option("--import-pass-file", care.import_passphrases,
                     "9D=FILE: file with the passphrase of that key");
  command.add_option(
      "--escrow-to", care.escrow_to,
      "Certificate (PEM) for whose holder a copy of each such key is sealed; may be given several times");
  command.add_option(
      "--escrow-dir", care.escrow_directory,
      "Where the copies go: GUID-9D-KEY.p7m, KEY being 16 digits of the SHA-256 of the public key");
}

}  // namespace cardea::cms::cli
