#include "authority_options.h"

#include <iostream>

#include "interrupt.h"

namespace cardea::cms::cli {

namespace {

/// What the authority is called in a rehearsal.
std::string described(const AuthorityOptions& ca) {
  if (!ca.directory.empty()) return ca.directory;
  if (!ca.command.empty()) return "\"" + ca.command + "\"";
  return ca.est.empty() ? ca.cmp : ca.est;
}

Outcome<std::unique_ptr<ca::Authority>> or_ca_failed(Result<std::unique_ptr<ca::Authority>> authority) {
  if (authority) return *std::move(authority);
  const bool wrongly_asked = authority.error().code == Errc::invalid;
  return tl::unexpected{Failure{wrongly_asked ? Exit::usage : Exit::ca_failed, authority.error().what}};
}

}  // namespace

ca::RemoteSettings remote_settings(const Options& options) {
  const auto& said = options.ca;
  ca::RemoteSettings out;
  out.url = said.est.empty() ? said.cmp : said.est;
  out.certificate = said.certificate;
  out.key = said.key;
  out.key_passphrase = said.key_passphrase_file;
  out.basic = said.basic_file;
  out.reference = said.reference;
  out.secret = said.secret_file;
  out.trust = said.trust;
  out.server_certificate = said.server_certificate;
  out.deadline = std::chrono::seconds{said.timeout_seconds};
  out.interrupted = &interrupted;
  return out;
}

Outcome<std::unique_ptr<ca::Authority>> open_authority(const Options& options) {
  const auto& said = options.ca;
  const auto named = static_cast<int>(!said.directory.empty()) + static_cast<int>(!said.command.empty()) +
                     static_cast<int>(!said.est.empty()) + static_cast<int>(!said.cmp.empty());
  if (named != 1)
    return usage(
        "name the authority with one of --ca DIRECTORY, --ca-command COMMAND, --ca-est URL, --ca-cmp URL");
  if (!options.execute)
    return ca::make_dry_run_authority(described(said), options.json ? std::cerr : std::cout);
  if (!said.command.empty())
    return ca::make_command_authority(said.command, std::chrono::seconds{said.timeout_seconds});
  if (!said.est.empty()) return or_ca_failed(ca::make_est_authority(remote_settings(options)));
  if (!said.cmp.empty()) return or_ca_failed(ca::make_cmp_authority(remote_settings(options)));
  return or_ca_failed(ca::open_local_authority(said.directory));
}

}  // namespace cardea::cms::cli
