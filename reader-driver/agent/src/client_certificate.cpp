#include "client_certificate.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>
#include <utility>

#include "cardea/api/http.h"
#include "secret_input.h"

namespace cardea::agent {

namespace {

bool holds(const SecretBytes& secret, std::string_view text) {
  const auto content = secret.expose();
  return std::search(content.begin(), content.end(), text.begin(), text.end()) != content.end();
}

}  // namespace

void ClientCertificate::add_to(CLI::App& verb, const std::string& what_else) {
  if (!api::system_shows_client_certificates()) return;
  auto* shown = verb.add_option("--client-certificate", certificate,
                                "PEM file with the certificate that this computer shows to the server, where "
                                "the server asks for one; " +
                                    what_else);
  verb.add_option("--client-key", key, "PEM file with its key; default: in the same file")->needs(shown);
}

Result<SecretBytes> ClientCertificate::read() const {
  CARDEA_TRY(const auto content, read_whole_secret(certificate));
  if (!holds(content, "-----BEGIN CERTIFICATE-----"))
    return fail(Errc::invalid, certificate + ": holds no PEM certificate");
  SecretBytes apart;
  if (!key.empty()) {
    CARDEA_TRY(apart, read_whole_secret(key));
  }
  const auto& from = key.empty() ? content : apart;
  const auto& file = key.empty() ? certificate : key;
  if (holds(from, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || holds(from, "Proc-Type: 4,ENCRYPTED")) {
    return fail(Errc::invalid, file +
                                   ": the key is encrypted, and nobody is asked for its passphrase; "
                                   "give a file without one that is its owner's alone");
  }
  if (!holds(from, "PRIVATE KEY-----")) {
    return fail(Errc::invalid,
                file + ": holds no PEM private key" + (key.empty() ? "; --client-key names its file" : ""));
  }
  SecretBytes out{content.size() + 1 + apart.size()};
  const auto to = out.expose();
  std::ranges::copy(content.expose(), to.begin());
  to[content.size()] = '\n';
  std::ranges::copy(std::as_const(apart).expose(), to.subspan(content.size() + 1).begin());
  return out;
}

}  // namespace cardea::agent
