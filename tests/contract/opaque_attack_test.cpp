// Somebody has the database and a decrypted transcript of a right login, and tries every PIN of six digits.
// What they lack is the tenant's OPRF seed, which only the HSM can make. Then somebody who has that too turns
// to what the database keeps of a proof that was lost.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "cardea/api/kdf.h"
#include "cardea/api/opaque.h"
#include "cardea/service/pins.h"
#include "opaque_parts.h"

namespace cardea::api::opaque {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr unsigned kCandidates = 20'000;  // a sanitized one takes thirty times as long
#else
constexpr unsigned kCandidates = 1'000'000;
#endif

// No stretching: 150 ms a candidate would hide whether there is anything to find.
constexpr Ksf kNone{Ksf::Function::identity, 0, 0};
constexpr std::string_view kPin = "013579";

std::string candidate(unsigned n) {
  std::array<char, 7> text{};
  std::snprintf(text.data(), text.size(), "%06u", n);
  return text.data();
}

/// All that the thief has.
struct Loot {
  Bytes record;
  Bytes ke1;
  Bytes ke2;
  std::array<std::uint8_t, kKe3Size> ke3{};
  Element server_public_key{};
};

/// The masking key that a record has whose OPRF output comes from this element (RFC 9497, 3.3.1; RFC
/// 9807, 5.2.3).
SecretBytes masking_key(std::string_view pin, BytesView element) {
  const std::array<std::uint8_t, 2> pin_size{0, static_cast<std::uint8_t>(pin.size())};
  const std::array<std::uint8_t, 2> element_size{0, 32};
  const auto output = sha512({pin_size, as_bytes(pin), element_size, element, as_bytes("Finalize")});
  const auto randomized = hkdf_extract_sha512({}, concat({output, output}));
  return hkdf_expand_sha512(randomized.expose(), as_bytes("MaskingKey"), 64);
}

Element hash_of(std::string_view pin) {
  static const Bytes domain =
      concat({as_bytes("HashToGroup-OPRFV1-"), Bytes{0}, as_bytes("-ristretto255-SHA512")});
  return oprf::hash_to_group(as_bytes(pin), domain);
}

struct Scene {
  ServerKeys keys = *make_server_keys(Secret<64>{}, Secret<32>{});
  Bytes id = credential_identifier("tenant", "card", 0x80);
  Loot loot;

  Scene() {
    auto registration = ClientRegistration::start(SecretBytes{as_bytes(kPin)});
    loot.record = std::move(*registration)
                      .finish(*registration_response(keys, id, registration->request()), kNone)
                      ->record;
    auto login = ClientLogin::start(SecretBytes{as_bytes(kPin)});
    loot.ke1 = login->ke1();
    loot.ke2 = respond(keys, loot.record, id, loot.ke1, {})->ke2;
    const auto done = std::move(*login).finish(loot.ke2, {}, kNone);
    loot.ke3 = done->ke3;
    loot.server_public_key = done->server_public_key;
  }
};

bool confirmed(const Loot& loot, std::string_view pin, BytesView element) {
  return equal(masking_key(pin, element).expose(), BytesView{loot.record}.subspan(32, 64));
}

}  // namespace

TEST_CASE("with the OPRF key a guess is confirmed: the comparison below would find the PIN") {
  const Scene scene;
  // What the HSM's seed gives and the thief lacks.
  const auto seed =
      hkdf_expand_sha512(scene.keys.oprf_seed.expose(), concat({scene.id, as_bytes("OprfKey")}), 32);
  const auto key = oprf::derive_key_pair(seed.expose(), as_bytes("OPAQUE-DeriveKeyPair"));
  REQUIRE(key);
  CHECK(confirmed(scene.loot, kPin, *oprf::evaluate(key->private_key, hash_of(kPin))));
  CHECK_FALSE(confirmed(scene.loot, "013578", *oprf::evaluate(key->private_key, hash_of("013578"))));
}

TEST_CASE("without it a million candidates are tried and none is confirmed [B4]") {
  const Scene scene;
  const BytesView ke1{scene.loot.ke1};
  const BytesView ke2{scene.loot.ke2};
  std::atomic<unsigned> tried{0};
  std::atomic<unsigned> found{0};
  const auto search = [&](unsigned from, unsigned step) {
    for (unsigned n = from; n < kCandidates; n += step) {
      const auto pin = candidate(n);
      const auto hashed = hash_of(pin);
      // The elements that stand between the PIN and the record: the PIN's own, blinded, evaluated; and the
      // server's key.
      for (const BytesView element :
           {BytesView{hashed}, ke1.first(32), ke2.first(32), BytesView{scene.loot.server_public_key}}) {
        if (confirmed(scene.loot, pin, element)) ++found;
      }
      ++tried;
    }
  };
  const unsigned workers = std::max(2U, std::thread::hardware_concurrency());
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < workers; ++i)
    threads.emplace_back(search, i, workers);
  threads.clear();
  CHECK(tried == kCandidates);
  CHECK(found == 0);
}

namespace {

constexpr std::string_view kDevice = "thumbprint";

/// A login whose proof was lost, and all that lives longer than it: both parties' keys, for any PIN.
struct LostLogin {
  ServerKeys keys = *make_server_keys(Secret<64>{}, Secret<32>{});
  Bytes id = credential_identifier("tenant", "card", 0x80);
  oprf::Scalar oprf_key = std::move(
      oprf::derive_key_pair(
          hkdf_expand_sha512(keys.oprf_seed.expose(), concat({id, as_bytes("OprfKey")}), 32).expose(),
          as_bytes("OPAQUE-DeriveKeyPair"))
          ->private_key);
  Bytes record;
  Bytes ke1;
  Bytes ke2;
  store::ProofDigest awaited{};  // the column
  oprf::KeyPair ephemeral;       // the server's, which it has forgotten

  LostLogin() {
    auto registration = ClientRegistration::start(SecretBytes{as_bytes(kPin)});
    record = std::move(*registration)
                 .finish(*registration_response(keys, id, registration->request()), kNone)
                 ->record;
    const auto login = ClientLogin::start(SecretBytes{as_bytes(kPin)});
    ke1 = login->ke1();
    Bytes drawn;
    const auto server = respond(keys, record, id, ke1, {}, {}, [&drawn](std::span<std::uint8_t> out) {
      system_randomness()(out);
      drawn = to_bytes(out);
    });
    ke2 = server->ke2;
    awaited = service::late_proof_digest(kDevice, server->expected_client_mac.expose());
    ephemeral = *derive_dh_key_pair(drawn);  // of what was drawn last
  }

  [[nodiscard]] BytesView client_share() const { return BytesView{ke1}.last(kElementSize); }
  [[nodiscard]] BytesView server_share() const {
    return BytesView{ke2}.subspan(kCredentialResponse + kNonce, kElementSize);
  }

  /// The private key that a client with this PIN has.
  [[nodiscard]] oprf::KeyPair client(std::string_view pin) const {
    const std::array<std::uint8_t, 2> pin_size{0, static_cast<std::uint8_t>(pin.size())};
    const std::array<std::uint8_t, 2> element_size{0, 32};
    const auto element = *oprf::evaluate(oprf_key, hash_of(pin));
    const auto output = sha512({pin_size, as_bytes(pin), element_size, element, as_bytes("Finalize")});
    const auto randomized = hkdf_extract_sha512({}, concat({output, output}));
    const auto nonce = BytesView{record}.subspan(kElementSize + kHash, kNonce);
    return *derive_dh_key_pair(expand(randomized.expose(), nonce, "PrivateKey", kSeed).expose());
  }

  /// Whether the column says yes to a proof made with this PIN and this first product of the three.
  [[nodiscard]] bool confirms(const oprf::KeyPair& client, BytesView first) const {
    Secret<kElementSize> dh1;
    std::ranges::copy(first, dh1.expose().begin());
    const auto dh2 = *diffie_hellman(keys.private_key, client_share());
    const auto dh3 = *diffie_hellman(client.private_key, server_share());
    const auto schedule = key_schedule({{},
                                        {{}, BytesView{record}.first(kElementSize)},
                                        {{}, keys.public_key},
                                        ke1,
                                        BytesView{ke2}.first(kKe2Size - kHash)},
                                       dh1, dh2, dh3);
    return service::late_proof_digest(kDevice, schedule.client_mac.expose()) == awaited;
  }
};

}  // namespace

TEST_CASE("with the ephemeral key too the kept digest is confirmed: the search below would find the PIN") {
  const LostLogin lost;
  const auto product = diffie_hellman(lost.ephemeral.private_key, lost.client_share());
  REQUIRE(product);
  CHECK(lost.confirms(lost.client(kPin), product->expose()));
  CHECK_FALSE(lost.confirms(lost.client("013578"), product->expose()));
}

TEST_CASE(
    "with every key that lasts, the digest of a lost proof confirms no PIN, not even the right one [B4]") {
  const LostLogin lost;
  const Element zeroes{};
  constexpr unsigned kSome = kCandidates / 500;
  const auto from = static_cast<unsigned>(std::stoul(std::string{kPin})) - kSome / 2;
  unsigned right = 0;
  unsigned found = 0;
  for (unsigned n = from; n < from + kSome; ++n) {
    const auto pin = candidate(n);
    if (pin == kPin) ++right;
    const auto client = lost.client(pin);
    const auto known = *diffie_hellman(lost.keys.private_key, lost.server_share());
    const auto guessed = *diffie_hellman(client.private_key, lost.client_share());
    // What is to be had in place of the product of two keys that are gone.
    for (const BytesView first : {lost.client_share(), lost.server_share(), BytesView{lost.keys.public_key},
                                  BytesView{client.public_key}, BytesView{known.expose()},
                                  BytesView{guessed.expose()}, BytesView{zeroes}}) {
      if (lost.confirms(client, first)) ++found;
    }
  }
  CHECK(right == 1);
  CHECK(found == 0);
}

}  // namespace cardea::api::opaque
