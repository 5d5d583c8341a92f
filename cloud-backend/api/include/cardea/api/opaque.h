#pragma once

#include <array>
#include <cstdint>

#include "cardea/api/oprf.h"
#include "cardea/api/randomness.h"
#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

/// OPAQUE-3DH (RFC 9807) over ristretto255-SHA512, HKDF-SHA-512, HMAC-SHA-512: a password proves itself to a
/// server that never sees it and cannot guess it from what it stores without the tenant's OPRF seed.
///
///   client                                          server
///   ClientRegistration::start  ── request 32 ──►    registration_response
///   .finish                    ◄─ response 64 ──
///                              ── record 192 ──►    check_record, then store it
///
///   ClientLogin::start         ──── KE1 96 ────►    respond
///   .finish                    ◄─── KE2 320 ───     (keeps expected_client_mac and session_key)
///                              ──── KE3 64 ────►    ke3_is
namespace cardea::api::opaque {

using oprf::Element;

inline constexpr std::size_t kRequestSize = 32;
inline constexpr std::size_t kResponseSize = 64;
inline constexpr std::size_t kRecordSize = 192;  ///< client public key 32 | masking key 64 | envelope 96
inline constexpr std::size_t kKe1Size = 96;
inline constexpr std::size_t kKe2Size = 320;
inline constexpr std::size_t kKe3Size = 64;

/// How the client stretches the OPRF's output: kept with each record, told to the client with KE2.
struct Ksf {
  enum class Function : std::uint8_t {
    identity = 0,  ///< nothing, as in the RFC's vectors; `parse_ksf` refuses it
    argon2id = 1,  ///< RFC 9106, version 13, salt 16 zeroes, one lane, 64 octets out (RFC 9807, section 7)
  };
  Function function = Function::argon2id;
  std::uint32_t memory_kib = 64U * 1024;
  std::uint32_t passes = 3;

  friend bool operator==(const Ksf&, const Ksf&) = default;
};

/// function 1 | memory in KiB 4 | passes 4, big-endian.
inline constexpr std::size_t kKsfSize = 9;
std::array<std::uint8_t, kKsfSize> encode(const Ksf& ksf);
/// A server must not make a client stretch for ever, nor hardly at all. Errors: `invalid` outside 8 MiB to 1
/// GiB and 1 to 16 passes.
Result<Ksf> parse_ksf(BytesView octets);

/// Names that the envelope and the key exchange bind; an empty one stands for the party's public key.
struct Identities {
  BytesView client;
  BytesView server;
};

// --- Client
// ---------------------------------------------------------------------------------------------------

class ClientRegistration {
 public:
  /// Takes the password. Errors: none that can be provoked.
  static Result<ClientRegistration> start(SecretBytes password, Randomness random = system_randomness());

  [[nodiscard]] const Element& request() const { return request_; }

  struct Done {
    Bytes record;           ///< for the server, 192 octets: protect it on the way
    Secret<64> export_key;  ///< the client's own: the same at each later login with this record
    Element server_public_key{};
  };
  /// Stretches the password: takes as long as `ksf` says. Errors: `invalid` for a malformed response,
  /// `exhausted` without the memory.
  Result<Done> finish(BytesView response, const Ksf& ksf = {}, const Identities& identities = {}) &&;

 private:
  ClientRegistration() = default;

  SecretBytes password_;
  oprf::Scalar blind_;
  Element request_{};
  Randomness random_;
};

class ClientLogin {
 public:
  static Result<ClientLogin> start(SecretBytes password, const Randomness& random = system_randomness());

  [[nodiscard]] const Bytes& ke1() const { return ke1_; }

  struct Done {
    std::array<std::uint8_t, kKe3Size> ke3{};
    Secret<64> session_key;
    Secret<64> export_key;
    Element server_public_key{};
  };
  /// Errors: `denied` when the password is wrong, or the server does not hold the record, or the two do not
  /// speak of the same context; `invalid` for a malformed KE2; `exhausted` without the memory to stretch.
  Result<Done> finish(BytesView ke2, BytesView context, const Ksf& ksf, const Identities& identities = {}) &&;

 private:
  ClientLogin() = default;

  SecretBytes password_;
  oprf::Scalar blind_;
  oprf::Scalar key_share_;
  Bytes ke1_;
};

// --- Server
// ---------------------------------------------------------------------------------------------------

/// What one tenant's records live by. Keep it where `TenantSecrets` of the service lives: in locked memory.
struct ServerKeys {
  Secret<64> oprf_seed;
  oprf::Scalar private_key;
  Element public_key{};
  Element fake_client{};  ///< public key in fake records, made here so that a fake costs what a record costs
};
/// The private key is derived from `ake_seed` (DeriveDiffieHellmanKeyPair, RFC 9807, section 2.1).
Result<ServerKeys> make_server_keys(const Secret<64>& oprf_seed, const Secret<32>& ake_seed);

/// The key itself instead of a seed. Errors: `invalid` for zero and for numbers not below the group order.
Result<ServerKeys> make_server_keys_from(const Secret<64>& oprf_seed, oprf::Scalar private_key);

/// CreateRegistrationResponse. Errors: `invalid` for a malformed request.
Result<Bytes> registration_response(const ServerKeys& keys, BytesView credential_identifier,
                                    BytesView request);

/// Whether a record from a client can be stored: length, and a public key that is not the identity. Errors:
/// `invalid`.
Result<void> check_record(BytesView record);

/// The record to answer with for somebody who has none: the same one each time for an identifier, and its KE2
/// cannot be told from others (RFC 9807, section 6.3.2.2).
SecretBytes fake_record(const ServerKeys& keys, BytesView credential_identifier);

/// What the server has to remember between KE2 and KE3.
struct ServerLogin {
  Bytes ke2;
  Secret<64> expected_client_mac;  ///< may be stored: who shows it later knew the password then
  Secret<64> session_key;          ///< worth nothing before KE3 was right
};
/// KE1 → KE2. Deterministic but for its nonces and its ephemeral key, so any of a tenant's servers can
/// answer. Errors: `invalid` for a malformed KE1, `corrupt` for a malformed record.
Result<ServerLogin> respond(const ServerKeys& keys, BytesView record, BytesView credential_identifier,
                            BytesView ke1, BytesView context, const Identities& identities = {},
                            const Randomness& random = system_randomness());

/// Constant-time.
[[nodiscard]] bool ke3_is(BytesView ke3, const Secret<64>& expected_client_mac);

// --- Cardea's names for the two octet strings that both halves must agree on
// ---------------------------------

/// Everything a login is bound to. A client and a server that differ in one of these get no session.
struct LoginContext {
  std::string_view tenant;
  std::string_view card;
  std::uint8_t pin_reference = 0x80;
  BytesView tls_exporter;              ///< RFC 9266; empty where the tenant's channel binding is `prefer`
  std::string_view device_thumbprint;  ///< RFC 7638, base64url
  BytesView access_token_hash;         ///< SHA-256
};
/// "cardea/1" and then the members in their order, each preceded by its length in two octets, big-endian.
Bytes encode(const LoginContext& context);

/// The identifier under which a PIN's OPRF key is derived: "cardea/1", tenant, card, reference, each preceded
/// by its length in two octets. It does not change with the PIN's value.
Bytes credential_identifier(std::string_view tenant, std::string_view card, std::uint8_t pin_reference);

/// What of a PIN field is the password: all but the FF at its end, which only fill it up. A browser, whose
/// passwords are text, can so prove the same PIN. Fields of one length stay different from each other.
BytesView password_in(BytesView field);

}  // namespace cardea::api::opaque
