#include "state.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "cardea/api/json.h"
#include "platform/files.h"
#include "platform/local_socket.h"

namespace cardea::agent {

namespace {

constexpr std::size_t kSeedSize = 32;
constexpr std::size_t kHalfSize = 32;
/// The agent's limit for one request; the driver waits longer, so that the agent can say what went wrong.
constexpr std::chrono::milliseconds kRequestLimit{20'000};

}  // namespace

Result<ServerUrl> parse_server_url(const std::string& text) {
  constexpr std::string_view kScheme = "https://";
  const auto wrong = fail(Errc::invalid, text + ": the server must be https://HOST or https://HOST:PORT");
  if (!text.starts_with(kScheme)) return wrong;
  auto rest = text.substr(kScheme.size());
  if (rest.ends_with('/')) rest.pop_back();
  if (rest.empty() || rest.find_first_of("/?#@ ") != std::string::npos) return wrong;
  ServerUrl out;
  out.text = std::string{kScheme} + rest;
  auto colon = rest.rfind(':');
  if (rest.front() == '[') {
    const auto bracket = rest.find(']');
    if (bracket == std::string::npos) return wrong;
    out.host = rest.substr(1, bracket - 1);
    if (bracket + 1 != rest.size() && rest[bracket + 1] != ':') return wrong;
    colon = bracket + 1 == rest.size() ? std::string::npos : bracket + 1;
  } else {
    out.host = rest.substr(0, colon);
  }
  if (colon != std::string::npos) {
    const char* end = rest.data() + rest.size();
    const auto [stopped, error] = std::from_chars(rest.data() + colon + 1, end, out.port);
    if (error != std::errc{} || stopped != end || out.port == 0) return wrong;
  }
  if (out.host.empty()) return wrong;
  return out;
}

api::ServerAddress State::Device::address() const {
  api::ServerAddress out;
  out.host = server.host;
  out.port = server.port;
  out.ca_file = ca_file;
  out.client_certificate = client_certificate;
  out.timeout = kRequestLimit;
  return out;
}

std::filesystem::path State::default_directory() {
  return default_state_directory();
}

std::filesystem::path State::control_socket() const {
  return control_address(directory_);
}

Result<void> State::prepare() const {
  return make_private_directory(directory_);
}

Result<api::SigningKey> State::key() const {
  const auto path = directory_ / "device.key";
  const auto seed = read_secret_file(path, kSeedSize);
  if (seed) return api::signing_key_from_seed(*seed);
  if (seed.error().code == Errc::corrupt)
    return fail(Errc::corrupt, path.string() + ": not a device key; remove it and enrol again");
  if (seed.error().code != Errc::not_found) return tl::unexpected{seed.error()};
  auto key = api::generate_signing_key();
  // The private form is seed ‖ public key: the seed is all that needs keeping.
  CARDEA_CHECK(replace_secret_file(path, SecretBytes{BytesView{key.private_key.expose()}.first(kSeedSize)}));
  return key;
}

Result<std::string> State::keep_ca(const std::filesystem::path& file) const {
  std::ifstream in{file, std::ios::binary};
  // A directory opens, and reading it would throw.
  std::error_code ignored;
  if (!in || std::filesystem::is_directory(file, ignored))
    return fail(Errc::unavailable, file.string() + ": cannot be read");
  const std::string content{std::istreambuf_iterator<char>{in}, {}};
  if (content.find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
    return fail(Errc::invalid, file.string() + ": holds no PEM certificate");
  }
  const auto kept = directory_ / "ca.pem";
  CARDEA_CHECK(replace_file(kept, as_bytes(content)));
  return kept.string();
}

Result<std::string> State::keep_client_certificate(const ClientCertificate& given) const {
  const auto kept = directory_ / "client.pem";
  if (given.certificate.empty()) {
    std::error_code error;
    std::filesystem::remove(kept, error);
    if (error) return fail(Errc::unavailable, kept.string() + ": " + error.message());
    return std::string{};
  }
  CARDEA_TRY(const auto content, given.read());
  CARDEA_CHECK(replace_file(kept, content.expose()));
  return kept.string();
}

Result<void> State::save(const Device& device) const {
  const nlohmann::json content{
      {"server", device.server.text},        {"device", device.device},
      {"organisation", device.organisation}, {"person", device.person},
      {"ca_file", device.ca_file},           {"client_certificate", device.client_certificate}};
  return replace_file(directory_ / "device.json", as_bytes(content.dump(2) + "\n"));
}

Result<void> State::keep_half(const std::string& card, BytesView half) const {
  return replace_secret_file(directory_ / ("half-" + card), SecretBytes{half});
}

Result<SecretBytes> State::half_of(const std::string& card) const {
  auto half = read_secret_file(directory_ / ("half-" + card), kHalfSize);
  if (!half && half.error().code == Errc::not_found)
    return fail(Errc::not_found, "this workstation has no half of this card");
  return half;
}

Result<State::Device> State::load() const {
  const auto path = directory_ / "device.json";
  std::ifstream in{path};
  if (!in) return fail(Errc::not_found, "this workstation is not enrolled; run: cardea-agent enrol");
  const auto content = nlohmann::json::parse(in, nullptr, false);
  const auto server = parse_server_url(api::text_member(content, "server"));
  Device out;
  out.device = api::text_member(content, "device");
  if (!server || out.device.empty()) return fail(Errc::corrupt, path.string() + ": damaged; enrol again");
  out.server = *server;
  out.organisation = api::text_member(content, "organisation");
  out.person = api::text_member(content, "person");
  out.ca_file = api::text_member(content, "ca_file");
  out.client_certificate = api::text_member(content, "client_certificate");
  CARDEA_TRY(out.key, key());
  out.proofs = directory_;
  return out;
}

}  // namespace cardea::agent
