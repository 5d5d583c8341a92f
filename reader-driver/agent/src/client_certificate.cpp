#include "client_certificate.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

#include "cardea/api/http.h"

namespace cardea::agent {

namespace {

Result<Bytes> content_of(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  // A directory opens, and reading it would throw.
  std::error_code ignored;
  if (!in || std::filesystem::is_directory(file, ignored))
    return fail(Errc::unavailable, file + ": cannot be read");
  return Bytes{std::istreambuf_iterator<char>{in}, {}};
}

bool holds(const Bytes& content, std::string_view text) {
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
  CARDEA_TRY(auto content, content_of(certificate));
  const WipeOnExit wiped{content};
  if (!holds(content, "-----BEGIN CERTIFICATE-----"))
    return fail(Errc::invalid, certificate + ": holds no PEM certificate");
  Bytes apart;
  const WipeOnExit wiped_too{apart};
  if (!key.empty()) {
    CARDEA_TRY(apart, content_of(key));
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
  auto to = std::copy(content.begin(), content.end(), out.expose().begin());
  *to++ = '\n';
  std::copy(apart.begin(), apart.end(), to);
  return out;
}

}  // namespace cardea::agent
