#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "cardea/audit/cosignature.h"
#include "cardea/config/settings.h"

namespace cardea::config {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + '"';
}

/// A setting that is left out, shown as the comment that says what happens then.
std::string optional(const char* key, const std::filesystem::path& value, const char* otherwise) {
  if (value.empty()) return fmt::format("# {}: {}\n", key, otherwise);
  return fmt::format("{} = {}\n", key, quoted(value.string()));
}

std::string list(const std::vector<std::string>& values) {
  std::string out = "[";
  for (const auto& value : values)
    out += (out.size() > 1 ? ", " : "") + quoted(value);
  return out + "]";
}

const char* name(Unseal unseal) {
  switch (unseal) {
    case Unseal::shares:
      return "shares";
    case Unseal::sealed:
      return "sealed";
    case Unseal::file:
      break;
  }
  return "file";
}

}  // namespace

std::string describe(const Settings& s) {
  std::string out = fmt::format("[server]\naddress = {}\nport = {}\ndata_directory = {}\nthreads = {}\n",
                                quoted(s.server.address), s.server.port,
                                quoted(s.server.data_directory.string()), s.server.threads);
  out += "\n[tls]\n" +
         optional("certificate", s.tls.certificate, "issued by the local CA in the data directory") +
         optional("key", s.tls.key, "made with the certificate") +
         optional("client_ca", s.tls.client_ca, "clients need no certificate") +
         "names = " + list(s.tls.names) + "\n";
  const char* kind = s.vault.kind == VaultKind::software ? "software"
                     : s.vault.kind == VaultKind::pkcs11 ? "pkcs11"
                                                         : "softhsm";
  out += fmt::format("\n[vault]\nkind = \"{}\"\n", kind) +
         optional("module", s.vault.module, "SoftHSM, its token in the data directory") +
         fmt::format("token_label = {}\n", quoted(s.vault.token_label)) +
         optional("pin_file", s.vault.pin_file, "made with the token") +
         fmt::format("keys = \"{}\"\n", s.vault.keys == KeyLife::session ? "session" : "operation") +
         "session_organisations = " + list(s.vault.session_organisations) + "\n" +
         fmt::format("workers = {}\n", s.vault.workers) +
         optional("signer", s.vault.signer, "beside cardead") +
         fmt::format("resident_keys = {}\nresident_keys_per_organisation = {}\n", s.vault.resident_keys,
                     s.vault.resident_keys_each()) +
         fmt::format("unseal = \"{}\"\nlocal_share = \"{}\"\n", name(s.vault.unseal),
                     s.vault.local_share == LocalShare::tpm ? "tpm" : "credential") +
         optional("tpm", s.vault.tpm, "the kernel's resource manager");
  out += fmt::format("\n[pool]\nrsa2048 = {}\nrsa3072 = {}\nrsa4096 = {}\np256 = {}\np384 = {}\n",
                     s.pool.rsa2048, s.pool.rsa3072, s.pool.rsa4096, s.pool.p256, s.pool.p384);
  out += fmt::format("\n[log]\nlevel = {}\nformat = \"{}\"\n", quoted(s.log.level),
                     s.log.format == LogFormat::json ? "json" : "text");
  out += fmt::format(
      "\n[limits]\nsessions = {}\nsessions_per_device = {}\nsession_idle = \"{}s\"\nsession_lifetime = "
      "\"{}s\"\n"
      "connections = {}\nbody = {}\nconnection_idle = \"{}s\"\nhandshake = \"{}s\"\nrequest = \"{}s\"\n",
      s.limits.sessions, s.limits.sessions_per_device, s.limits.session_idle.count(),
      s.limits.session_lifetime.count(), s.limits.connections, s.limits.body,
      s.limits.connection_idle.count(), s.limits.handshake.count(), s.limits.request.count());
  out += fmt::format(
      "\n[pin]\nksf_memory_kib = {}\nksf_passes = {}\nallow_plain = {}\nchannel_binding = \"{}\"\n"
      "must_change = {}\nmust_change_organisations = {}\n",
      s.pin.ksf_memory_kib, s.pin.ksf_passes, s.pin.allow_plain,
      s.pin.channel_binding == ChannelBinding::require ? "require" : "prefer", s.pin.must_change,
      list(s.pin.must_change_organisations));
  out += fmt::format("\n[recovery]\nlink_life = \"{}s\"\nattempts = {}\nlinks_a_day = {}\n",
                     s.recovery.link_life.count(), s.recovery.attempts, s.recovery.links_a_day);
  out += fmt::format(
             "\n[issuing]\nblank_cards = {}\nblank_life = \"{}s\"\nrequired_slots = {}\nfactory_pins = {}\n",
             s.issuing.blank_cards, s.issuing.blank_life.count(), list(s.issuing.required_slots),
             s.issuing.factory_pins) +
         "factory_pin_organisations = " + list(s.issuing.factory_pin_organisations) +
         fmt::format("\nfactory_management_key = {}\nfactory_management_key_organisations = ",
                     s.issuing.factory_management_key) +
         list(s.issuing.factory_management_key_organisations) +
         "\nuid_attributes = " + list(s.issuing.uid_attributes) + "\n";
  out += "\n[witness]\n" +
         (s.witness.url.empty() ? "# url: none but the file in the data directory\n"
                                : "url = " + quoted(s.witness.url) + "\n") +
         optional("key", s.witness.key, "goes with url") +
         optional("ca", s.witness.ca, "the system's trust store") +
         fmt::format("required = {}\ntimeout = \"{}s\"\norigin = {}\n", s.witness.required,
                     s.witness.timeout.count(), quoted(s.witness.origin));
  return out;
}

Result<void> check_files(const Settings& settings) {
  std::string mistakes;
  const auto check = [&mistakes](const char* key, const std::filesystem::path& file, int mode) {
    if (file.empty() || ::access(file.c_str(), mode) == 0) return;
    mistakes += fmt::format("{}{}: {}: {}", mistakes.empty() ? "" : "\n", key, file.string(),
                            std::error_code{errno, std::generic_category()}.message());
  };
  check("tls.certificate", settings.tls.certificate, R_OK);
  check("tls.key", settings.tls.key, R_OK);
  check("tls.client_ca", settings.tls.client_ca, R_OK);
  check("vault.module", settings.vault.module, R_OK);
  // With shares it is there only until the server has taken the token over.
  if (settings.vault.unseal == Unseal::file) check("vault.pin_file", settings.vault.pin_file, R_OK);
  check("vault.signer", settings.vault.signer, X_OK);
  check("witness.ca", settings.witness.ca, R_OK);
  check("witness.key", settings.witness.key, R_OK);
  if (const auto& file = settings.witness.key; !file.empty() && ::access(file.c_str(), R_OK) == 0) {
    std::ifstream in{file};
    std::string line;
    std::getline(in, line);
    if (const auto key = audit::parse_cosigner_key(line); !key) {
      mistakes +=
          fmt::format("{}witness.key: {}: {}", mistakes.empty() ? "" : "\n", file.string(), key.error().what);
    }
  }
  if (!mistakes.empty()) return fail(Errc::invalid, std::move(mistakes));
  return {};
}

}  // namespace cardea::config
