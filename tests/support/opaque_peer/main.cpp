// Both halves of OPAQUE, one request a line, one answer a line; octets in base64url. The same lines drive
// tests/support/node/opaque_peer.js, so a test can put any of the two at either end.
//
//   new-setup                                → setup: OPRF seed 64 | private key 32 | public key in fake
//   records 32 load-setup SETUP                         → public key respond ID REQUEST → registration
//   response register PASSWORD                        → registration request finish-registration RESPONSE KIB
//   PASSES  → record, export key, server's public key login PASSWORD                           → KE1
//   finish-login KE2 KIB PASSES              → KE3, session key, export key; or "denied"
//   challenge ID RECORD|- KE1                → KE2; "-": for nobody
//   prove KE3                                → session key; or "denied"

#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cardea/api/jose.h"
#include "cardea/api/opaque.h"

namespace {

using namespace cardea;               // NOLINT(google-build-using-namespace): a program of one file
using namespace cardea::api;          // NOLINT(google-build-using-namespace)
using namespace cardea::api::opaque;  // NOLINT(google-build-using-namespace)

using Values = std::vector<std::string>;

constexpr std::size_t kSetupSize = 128;

struct State {
  std::optional<ServerKeys> keys;
  std::optional<ClientRegistration> registration;
  std::optional<ClientLogin> login;
  std::optional<ServerLogin> challenge;
};

SecretBytes password(const std::string& text) {
  return SecretBytes{as_bytes(text)};
}

Result<Ksf> ksf(const Values& values) {
  return Ksf{Ksf::Function::argon2id, static_cast<std::uint32_t>(std::stoul(values.at(1))),
             static_cast<std::uint32_t>(std::stoul(values.at(2)))};
}

Result<std::string> load(State& state, BytesView setup) {
  if (setup.size() != kSetupSize) return fail(Errc::invalid, "a setup has 128 octets");
  Secret<64> seed;
  std::ranges::copy(setup.first(64), seed.expose().begin());
  oprf::Scalar key;
  std::ranges::copy(setup.subspan(64, 32), key.expose().begin());
  CARDEA_TRY(state.keys, make_server_keys_from(seed, std::move(key)));
  return base64url(state.keys->public_key);
}

Result<std::string> new_setup(State& state) {
  Secret<64> seed;
  Secret<32> ake;
  system_randomness()(seed.expose());
  system_randomness()(ake.expose());
  CARDEA_TRY(state.keys, make_server_keys(seed, ake));
  return base64url(concat({seed.expose(), state.keys->private_key.expose(), state.keys->fake_client}));
}

Result<std::string> finish_registration(State& state, const Values& values) {
  CARDEA_TRY(const auto response, from_base64url(values.at(0)));
  CARDEA_TRY(const auto parameters, ksf(values));
  CARDEA_TRY(const auto done, std::move(state.registration).value().finish(response, parameters));
  return base64url(done.record) + ' ' + base64url(done.export_key.expose()) + ' ' +
         base64url(done.server_public_key);
}

Result<std::string> finish_login(State& state, const Values& values) {
  CARDEA_TRY(const auto ke2, from_base64url(values.at(0)));
  CARDEA_TRY(const auto parameters, ksf(values));
  const auto done = std::move(state.login).value().finish(ke2, {}, parameters);
  if (!done && done.error().code == Errc::denied) return "denied";
  if (!done) return tl::unexpected{done.error()};
  return base64url(done->ke3) + ' ' + base64url(done->session_key.expose()) + ' ' +
         base64url(done->export_key.expose());
}

Result<std::string> challenge(State& state, const Values& values) {
  const auto id = as_bytes(values.at(0));
  auto record = fake_record(state.keys.value(), id);
  if (values.at(1) != "-") {
    CARDEA_TRY(const auto stored, from_base64url(values.at(1)));
    record = SecretBytes{BytesView{stored}};
  }
  CARDEA_TRY(const auto ke1, from_base64url(values.at(2)));
  CARDEA_TRY(state.challenge, respond(state.keys.value(), record.expose(), id, ke1, {}));
  return base64url(state.challenge->ke2);
}

Result<std::string> answer(State& state, const std::string& verb, const Values& values) {
  if (verb == "new-setup") return new_setup(state);
  if (verb == "load-setup") {
    CARDEA_TRY(const auto setup, from_base64url(values.at(0)));
    return load(state, setup);
  }
  if (verb == "respond") {
    CARDEA_TRY(const auto request, from_base64url(values.at(1)));
    CARDEA_TRY(const auto response,
               registration_response(state.keys.value(), as_bytes(values.at(0)), request));
    return base64url(response);
  }
  if (verb == "register") {
    CARDEA_TRY(state.registration, ClientRegistration::start(password(values.at(0))));
    return base64url(state.registration->request());
  }
  if (verb == "finish-registration") return finish_registration(state, values);
  if (verb == "login") {
    CARDEA_TRY(state.login, ClientLogin::start(password(values.at(0))));
    return base64url(state.login->ke1());
  }
  if (verb == "finish-login") return finish_login(state, values);
  if (verb == "challenge") return challenge(state, values);
  if (verb == "prove") {
    CARDEA_TRY(const auto ke3, from_base64url(values.at(0)));
    if (!ke3_is(ke3, state.challenge.value().expected_client_mac)) return "denied";
    return base64url(state.challenge->session_key.expose());
  }
  return fail(Errc::invalid, "no such verb");
}

}  // namespace

int main() {
  State state;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words{line};
    std::string verb;
    words >> verb;
    Values values;
    for (std::string word; words >> word;)
      values.push_back(word);
    try {
      const auto result = answer(state, verb, values);
      std::cout << (result ? *result : "error " + result.error().what) << std::endl;
    } catch (const std::exception& error) {
      std::cout << "error " << error.what() << std::endl;
    }
  }
  return 0;
}
