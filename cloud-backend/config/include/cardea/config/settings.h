#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cardea/result.h"

namespace cardea::config {

using Seconds = std::chrono::seconds;

struct Server {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8443;  ///< 0: any free port
  std::filesystem::path data_directory = "/var/lib/cardea";
  unsigned threads = 0;  ///< 0: four for each processor, 8 to 64
};

struct Tls {
  std::filesystem::path
      certificate;                  ///< PEM chain; empty: a certificate of the local CA in the data directory
  std::filesystem::path key;        ///< PEM; goes with `certificate`
  std::filesystem::path client_ca;  ///< PEM; when set, clients must show a certificate of it (mutual TLS)
  std::vector<std::string> names;   ///< further DNS names or IP addresses for the certificate of the local CA
};

/// Where keys are wrapped and used.
enum class VaultKind : std::uint8_t {
  softhsm,  ///< SoftHSM with a token in the data directory
  pkcs11,   ///< the PKCS#11 module that `module` names
  software  ///< no HSM: OpenSSL in the signer, with its files in the data directory
};

/// How long an unwrapped key may stay in a signer.
enum class KeyLife : std::uint8_t {
  operation,  ///< destroyed after each use
  session     ///< until the holder logs out, the session ends or is idle
};

/// Where the HSM's PIN comes from when the server starts.
enum class Unseal : std::uint8_t {
  file,    ///< a file
  shares,  ///< people: the server waits for their shares
  sealed   ///< this machine: a share that its TPM or its service manager keeps; people where that is not
           ///< enough
};
enum class LocalShare : std::uint8_t { credential, tpm };

struct Vault {
  VaultKind kind = VaultKind::softhsm;
  KeyLife keys = KeyLife::operation;
  std::vector<std::string> session_organisations;  ///< ids of organisations whose keys live with the session
  std::filesystem::path module;  ///< PKCS#11 module; empty: SoftHSM with a token in the data directory
  std::string token_label = "cardea";
  std::filesystem::path pin_file;  ///< holds the user PIN of the token; needed with `module`
  unsigned workers = 2;
  std::filesystem::path signer;       ///< cardea-signer; empty: the one beside cardead
  std::size_t resident_keys = 1'000;  ///< keys of organisations in the mode `resident`, all together
  /// Of each organisation that has no cap of its own; without it a quarter of all.
  std::optional<std::size_t> resident_keys_per_organisation;
  [[nodiscard]] std::size_t resident_keys_each() const {
    return resident_keys_per_organisation.value_or((resident_keys + 3) / 4);
  }
  Unseal unseal = Unseal::file;
  LocalShare local_share = LocalShare::credential;  ///< with Unseal::sealed
  std::string tpm;  ///< TCTI of tpm2-tss; empty: the kernel's resource manager
};

/// Spare keys that are kept ready for each organisation.
struct Pool {
  std::size_t rsa2048 = 8;
  std::size_t rsa3072 = 0;
  std::size_t rsa4096 = 0;
  std::size_t p256 = 0;
  std::size_t p384 = 0;
};

enum class LogFormat : std::uint8_t { text, json };

struct Log {
  std::string level = "info";  ///< trace, debug, info, warn, error
  LogFormat format = LogFormat::text;
};

struct Limits {
  std::size_t sessions = 100'000;  ///< open card sessions in all
  std::size_t sessions_per_device = 64;
  Seconds session_idle{15 * 60};
  Seconds session_lifetime{12 * 3600};
  std::size_t connections = 10'000;  ///< open connections in all
  std::size_t body = 1U << 20U;      ///< octets in a request body
  Seconds connection_idle{60};       ///< a kept-alive connection without a request is closed after this
  Seconds handshake{10};             ///< TLS handshake deadline
  Seconds request{15};  ///< from a request's first octet to its last, and for taking the response
};

/// Whether PIN logins are good over their own TLS connection only (RFC 9266). Nobody may end TLS between the
/// agent and the server then: behind a proxy that does, every PIN is wrong.
enum class ChannelBinding : std::uint8_t { prefer, require };

/// How clients stretch PINs (Argon2id), and whether PINs may come in plain text.
struct Pin {
  std::uint32_t ksf_memory_kib = 64U * 1024;  ///< 8 MiB to 1 GiB
  std::uint32_t ksf_passes = 3;               ///< 1 to 16
  bool allow_plain = false;                   ///< for clients that do not speak OPAQUE
  ChannelBinding channel_binding = ChannelBinding::prefer;
  bool must_change =
      false;  ///< whether keys wait until the holder has changed a PIN that somebody else chose
  std::vector<std::string> must_change_organisations{};  ///< ids of organisations whose keys do
};

/// Links with which holders set a new PIN without the old one.
struct Recovery {
  Seconds link_life{30 * 60};   ///< 1 s to 24 h
  unsigned attempts = 5;        ///< of one link, 1 to 10
  std::size_t links_a_day = 3;  ///< for one card, 1 to 20
};

/// Cards that a registration authority issues: blank ones, and what makes one complete.
struct Issuing {
  std::size_t blank_cards = 20;             ///< of one organisation, unwritten; 1 to 10000
  Seconds blank_life{24 * 3600};            ///< after which an unwritten one is removed; 1 minute to 30 days
  std::vector<std::string> required_slots;  ///< 9A, 9C, 9D, 9E; one of the first three when empty
  bool factory_pins = false;                ///< whether PIN and PUK may stay the factory's
  std::vector<std::string> factory_pin_organisations;  ///< ids of organisations where they may
  std::vector<std::string> uid_attributes{"UID"};      ///< of subjects: which names people by number
  bool factory_management_key = false;                 ///< whether the management key may stay the factory's
  std::vector<std::string> factory_management_key_organisations;  ///< ids of organisations where it may
};

/// Another machine that remembers how far the log of changes has come (C2SP tlog-witness). Without one, the
/// file in the data directory is the only witness.
struct Witness {
  std::string url;            ///< https://HOST[:PORT][/PREFIX], without "add-checkpoint"; empty: none
  std::filesystem::path key;  ///< the witness' key, as `cardea-witness init` prints it; goes with `url`
  std::filesystem::path ca;   ///< PEM that its certificate is checked with; empty: the system's
  bool required = false;      ///< whether keys may be used while it is away
  Seconds timeout{5};         ///< for an answer
  std::string origin = "cardea.invalid/changes";  ///< the log's name, to this witness and in receipts
};

/// An URL of a witness, taken apart.
struct HttpsUrl {
  std::string host;
  std::uint16_t port = 443;
  std::string prefix;  ///< empty, or begins with '/' and does not end with one
};
/// "https://HOST[:PORT][/PREFIX]"; IPv6 addresses stand in brackets. Errors: `invalid`.
Result<HttpsUrl> parse_https_url(std::string_view text);

/// Everything cardead can be told. The defaults work on one machine as they stand.
struct Settings {
  Server server;
  Tls tls;
  Vault vault;
  Pool pool;
  Log log;
  Limits limits;
  Pin pin;
  Recovery recovery;
  Issuing issuing;
  Witness witness;
};

/// Reads TOML text. `file` is only for error texts. Errors: `invalid`, one line a mistake, each
/// "FILE:LINE: sentence": syntax, unknown sections and keys, wrong types, values out of range, settings that
/// do not go together.
Result<Settings> parse(std::string_view toml, const std::string& file);

/// Reads a file. Errors: those of `parse`; `not_found` when it cannot be read.
Result<Settings> load(const std::filesystem::path& file);

/// Whether every file that is named exists and can be read, and that of the witness' key holds one. Errors:
/// `invalid`, one line a mistake.
Result<void> check_files(const Settings& settings);

/// The effective values as TOML text that `parse` reads back to the same settings.
std::string describe(const Settings& settings);

/// "90s", "15m", "12h", "2d" or a plain number of seconds. Errors: `invalid`.
Result<Seconds> parse_duration(std::string_view text);

}  // namespace cardea::config
