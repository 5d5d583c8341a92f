// The building blocks of PIN login, against the numbers of their RFCs.

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>

#include "cardea/api/hpke.h"
#include "cardea/api/kdf.h"
#include "cardea/api/opaque.h"
#include "cardea/hex.h"
#include "key_vault_vectors.h"

namespace cardea::test {
namespace {

using namespace api;  // NOLINT(google-build-using-namespace): the thing under test

std::string path(const char* name) {
  return std::string{CARDEA_VECTORS} + "/" + name;
}

Bytes octets(const Vector& v, const std::string& name) {
  const auto found = v.find(name);
  return found == v.end() ? Bytes{} : from_hex(found->second).value();
}

template <std::size_t N>
Secret<N> secret(const Vector& v, const std::string& name) {
  const auto from = octets(v, name);
  REQUIRE(from.size() == N);
  Secret<N> out;
  std::ranges::copy(from, out.expose().begin());
  return out;
}

SecretBytes password(const Vector& v, const std::string& name) {
  return SecretBytes{BytesView{octets(v, name)}};
}

std::string hex(BytesView octets) {
  return to_hex(octets);
}

/// Hands out the values that a vector fixes, in the order they are asked for.
Randomness scripted(std::initializer_list<Bytes> values) {
  return [queue = std::deque<Bytes>(values)](std::span<std::uint8_t> out) mutable {
    REQUIRE_FALSE(queue.empty());
    REQUIRE(queue.front().size() == out.size());
    std::ranges::copy(queue.front(), out.begin());
    queue.pop_front();
  };
}

}  // namespace

TEST_CASE("HKDF gives the known answers [RFC5869/A]") {
  for (const auto& v : read_vectors(path("hkdf.txt"))) {
    const auto salt = octets(v, "salt");
    const auto ikm = octets(v, "ikm");
    const auto info = octets(v, "info");
    const auto okm = octets(v, "okm");
    if (v.at("hash") == "SHA-256") {
      CHECK(hex(hkdf_expand_sha256(hkdf_extract_sha256(salt, ikm).expose(), info, okm.size()).expose()) ==
            hex(okm));
    } else {
      CHECK(hex(hkdf_expand_sha512(hkdf_extract_sha512(salt, ikm).expose(), info, okm.size()).expose()) ==
            hex(okm));
    }
  }
}

TEST_CASE("expand_message_xmd gives the known answers [RFC9380/K.3]") {
  for (const auto& v : read_vectors(path("expand-message-xmd.txt"))) {
    const auto want = octets(v, "output");
    CHECK(hex(oprf::expand_message_xmd(as_bytes(v.at("message")), as_bytes(v.at("domain")), want.size())
                  .expose()) == hex(want));
  }
}

TEST_CASE("the OPRF gives the known answers [RFC9497/A.1.1]") {
  for (const auto& v : read_vectors(path("oprf.txt"))) {
    const auto input = octets(v, "input");
    const auto key = oprf::derive_key_pair(octets(v, "seed"), octets(v, "key_info"));
    REQUIRE(key);
    CHECK(hex(key->private_key.expose()) == v.at("private_key"));
    const auto blinded = oprf::blind(input, scripted({octets(v, "blind")}));
    REQUIRE(blinded);
    CHECK(hex(blinded->element) == v.at("blinded"));
    const auto evaluated = oprf::evaluate(key->private_key, blinded->element);
    REQUIRE(evaluated);
    CHECK(hex(*evaluated) == v.at("evaluated"));
    CHECK(hex(oprf::finalize(input, blinded->blind, *evaluated)->expose()) == v.at("output"));
  }
}

TEST_CASE("OPAQUE gives the known answers, both halves [RFC9807/C.1]") {
  const opaque::Ksf identity{opaque::Ksf::Function::identity, 0, 0};
  unsigned real = 0;
  for (const auto& v : read_vectors(path("opaque.txt"))) {
    if (v.at("fake") == "true") continue;
    ++real;
    const auto client_identity = octets(v, "client_identity");
    const auto server_identity = octets(v, "server_identity");
    const opaque::Identities identities{client_identity, server_identity};
    const auto id = octets(v, "credential_identifier");
    const auto context = octets(v, "context");
    const auto keys =
        opaque::make_server_keys_from(secret<64>(v, "oprf_seed"), secret<32>(v, "server_private_key"));
    REQUIRE(keys);
    CHECK(hex(keys->public_key) == v.at("server_public_key"));

    auto registration = opaque::ClientRegistration::start(
        password(v, "password"), scripted({octets(v, "blind_registration"), octets(v, "envelope_nonce")}));
    REQUIRE(registration);
    CHECK(hex(registration->request()) == v.at("registration_request"));
    const auto response = opaque::registration_response(*keys, id, registration->request());
    REQUIRE(response);
    CHECK(hex(*response) == v.at("registration_response"));
    const auto registered = std::move(*registration).finish(*response, identity, identities);
    REQUIRE(registered);
    CHECK(hex(registered->record) == v.at("registration_upload"));
    CHECK(hex(registered->export_key.expose()) == v.at("export_key"));
    CHECK(hex(registered->server_public_key) == v.at("server_public_key"));
    CHECK(opaque::check_record(registered->record));

    auto login = opaque::ClientLogin::start(
        password(v, "password"),
        scripted({octets(v, "blind_login"), octets(v, "client_nonce"), octets(v, "client_keyshare_seed")}));
    REQUIRE(login);
    CHECK(hex(login->ke1()) == v.at("KE1"));
    const auto answer = opaque::respond(
        *keys, registered->record, id, login->ke1(), context, identities,
        scripted({octets(v, "masking_nonce"), octets(v, "server_nonce"), octets(v, "server_keyshare_seed")}));
    REQUIRE(answer);
    CHECK(hex(answer->ke2) == v.at("KE2"));
    CHECK(hex(answer->expected_client_mac.expose()) == v.at("KE3"));
    CHECK(hex(answer->session_key.expose()) == v.at("session_key"));
    const auto done = std::move(*login).finish(answer->ke2, context, identity, identities);
    REQUIRE(done);
    CHECK(hex(done->ke3) == v.at("KE3"));
    CHECK(hex(done->session_key.expose()) == v.at("session_key"));
    CHECK(hex(done->export_key.expose()) == v.at("export_key"));
    CHECK(opaque::ke3_is(done->ke3, answer->expected_client_mac));
  }
  CHECK(real == 2);
}

TEST_CASE("OPAQUE answers for a fake record as the RFC does [RFC9807/C.2]") {
  unsigned fake = 0;
  for (const auto& v : read_vectors(path("opaque.txt"))) {
    if (v.at("fake") == "false") continue;
    ++fake;
    const auto client_identity = octets(v, "client_identity");
    const auto server_identity = octets(v, "server_identity");
    const auto keys =
        opaque::make_server_keys_from(secret<64>(v, "oprf_seed"), secret<32>(v, "server_private_key"));
    REQUIRE(keys);
    const Bytes no_envelope(96);
    const auto record = concat({octets(v, "client_public_key"), octets(v, "masking_key"), no_envelope});
    const auto answer = opaque::respond(
        *keys, record, octets(v, "credential_identifier"), octets(v, "KE1"), octets(v, "context"),
        {client_identity, server_identity},
        scripted({octets(v, "masking_nonce"), octets(v, "server_nonce"), octets(v, "server_keyshare_seed")}));
    REQUIRE(answer);
    CHECK(hex(answer->ke2) == v.at("KE2"));
  }
  CHECK(fake == 1);
}

TEST_CASE("HPKE gives the known answers, both halves [RFC9180/A.2.1]") {
  for (const auto& v : read_vectors(path("hpke.txt"))) {
    const auto recipient = hpke::derive_key_pair(octets(v, "ikm_r"));
    CHECK(hex(recipient.private_key.expose()) == v.at("sk_r"));
    CHECK(hex(recipient.public_key) == v.at("pk_r"));
    CHECK(hex(hpke::derive_key_pair(octets(v, "ikm_e")).private_key.expose()) == v.at("sk_e"));

    const auto info = octets(v, "info");
    auto sender =
        hpke::setup_sender(recipient.public_key, info, Aead::chacha20poly1305, scripted({octets(v, "sk_e")}));
    REQUIRE(sender);
    CHECK(hex(sender->encapsulated_key) == v.at("enc"));
    auto receiver = hpke::setup_recipient(recipient, sender->encapsulated_key, info, Aead::chacha20poly1305);
    REQUIRE(receiver);
    unsigned checked = 0;
    for (unsigned i = 0; i <= 256; ++i) {
      const auto number = std::to_string(i);
      const auto known = v.contains("cipher_" + number);
      const auto aad = known ? octets(v, "aad_" + number) : Bytes{};
      const auto sealed = sender->context.seal(aad, octets(v, "plain"));
      REQUIRE(sealed);
      if (known) CHECK(hex(*sealed) == v.at("cipher_" + number));
      CHECK(hex(receiver->open(aad, *sealed)->expose()) == v.at("plain"));
      checked += known ? 1 : 0;
    }
    CHECK(checked == 6);
    CHECK(hex(receiver->export_secret({}, 32).expose()) == v.at("export_empty"));
    CHECK(hex(receiver->export_secret("00"_hex, 32).expose()) == v.at("export_00"));
    CHECK(hex(sender->context.export_secret(as_bytes("TestContext"), 32).expose()) ==
          v.at("export_54657374436F6E74657874"));
  }
}

TEST_CASE("HPKE opens what another implementation sealed, with either AEAD [RFC9180/6.1]") {
  for (const auto& v : read_vectors(path("hpke-sealed.txt"))) {
    const auto aead = v.at("aead") == "2" ? Aead::aes256gcm : Aead::chacha20poly1305;
    const auto recipient = hpke::key_pair_of(secret<32>(v, "sk_r"));
    const auto plain = hpke::open(recipient, octets(v, "info"), octets(v, "aad"), octets(v, "sealed"), aead);
    if (!available(aead)) {
      CHECK(plain.error().code == Errc::unsupported);
      continue;
    }
    REQUIRE(plain);
    CHECK(hex(plain->expose()) == v.at("plain"));
  }
}

}  // namespace cardea::test
