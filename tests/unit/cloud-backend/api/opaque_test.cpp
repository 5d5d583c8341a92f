#include "cardea/api/opaque.h"

#include <doctest/doctest.h>
#include <sodium.h>

#include <algorithm>

#include "cardea/api/kdf.h"
#include "cardea/hex.h"

namespace cardea::api::opaque {
namespace {

// The least that parse_ksf lets pass: these tests are not about being slow.
constexpr Ksf kQuick{Ksf::Function::argon2id, 8 * 1024, 1};

SecretBytes password(std::string_view text) {
  return SecretBytes{as_bytes(text)};
}

Secret<64> seed(std::uint8_t fill) {
  Secret<64> out;
  std::ranges::fill(out.expose(), fill);
  return out;
}

ServerKeys tenant(std::uint8_t fill = 1) {
  Secret<32> ake;
  std::ranges::fill(ake.expose(), fill);
  return *make_server_keys(seed(fill), ake);
}

const Bytes kId = credential_identifier("tenant", "card", 0x80);
const Bytes kContext = to_bytes(as_bytes("context"));

ClientRegistration::Done enrol(const ServerKeys& keys, std::string_view pin, const Ksf& ksf = kQuick) {
  auto registration = ClientRegistration::start(password(pin));
  const auto response = registration_response(keys, kId, registration->request());
  return *std::move(*registration).finish(*response, ksf);
}

/// The result of one login, as the client sees it.
Result<ClientLogin::Done> try_login(const ServerKeys& keys, BytesView record, std::string_view pin,
                                    BytesView server_context = kContext,
                                    BytesView client_context = kContext) {
  auto login = ClientLogin::start(password(pin));
  const auto answer = respond(keys, record, kId, login->ke1(), server_context);
  return std::move(*login).finish(answer->ke2, client_context, kQuick);
}

/// 32 octets that are no canonical encoding, the identity, and p (which encodes 0 badly).
std::vector<Bytes> bad_elements() {
  return {Bytes(32), Bytes(32, 0xFF),
          to_bytes("EDFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF7F"_hex),
          to_bytes("0100000000000000000000000000000000000000000000000000000000000000"_hex), Bytes(31, 2)};
}

}  // namespace

TEST_CASE(
    "who knows the PIN gets the server's session key, and the export key of the registration [RFC9807/6]") {
  const auto keys = tenant();
  const auto enrolled = enrol(keys, "123456");
  REQUIRE(enrolled.record.size() == kRecordSize);

  auto login = ClientLogin::start(password("123456"));
  REQUIRE(login);
  CHECK(login->ke1().size() == kKe1Size);
  const auto answer = respond(keys, enrolled.record, kId, login->ke1(), kContext);
  REQUIRE(answer);
  CHECK(answer->ke2.size() == kKe2Size);
  const auto done = std::move(*login).finish(answer->ke2, kContext, kQuick);
  REQUIRE(done);
  CHECK(ke3_is(done->ke3, answer->expected_client_mac));
  CHECK(same_secret(done->session_key, answer->session_key));
  CHECK(same_secret(done->export_key, enrolled.export_key));
  CHECK(done->server_public_key == keys.public_key);
}

TEST_CASE("two logins share the export key and nothing else") {
  const auto keys = tenant();
  const auto enrolled = enrol(keys, "123456");
  const auto one = try_login(keys, enrolled.record, "123456");
  const auto two = try_login(keys, enrolled.record, "123456");
  REQUIRE((one && two));
  CHECK(same_secret(one->export_key, two->export_key));
  CHECK_FALSE(same_secret(one->session_key, two->session_key));
  CHECK(one->ke3 != two->ke3);
}

TEST_CASE("a wrong PIN, another context, another tenant, another stretching: one and the same refusal") {
  const auto keys = tenant();
  const auto enrolled = enrol(keys, "123456");
  const Error refused{Errc::denied, "the password is wrong, or the server is not the one"};
  CHECK(try_login(keys, enrolled.record, "123457").error() == refused);
  CHECK(try_login(keys, enrolled.record, "").error() == refused);
  CHECK(try_login(keys, enrolled.record, "123456", as_bytes("context "), kContext).error() == refused);
  CHECK(try_login(tenant(2), enrolled.record, "123456").error() == refused);

  auto login = ClientLogin::start(password("123456"));
  const auto answer = respond(keys, enrolled.record, kId, login->ke1(), kContext);
  CHECK(std::move(*login).finish(answer->ke2, kContext, {Ksf::Function::argon2id, 8 * 1024, 2}).error() ==
        refused);

  // Under another identifier the OPRF has another key: a record cannot be moved to another card.
  auto moved = ClientLogin::start(password("123456"));
  const auto other =
      respond(keys, enrolled.record, credential_identifier("tenant", "card", 0x81), moved->ke1(), kContext);
  CHECK(std::move(*moved).finish(other->ke2, kContext, kQuick).error() == refused);
}

TEST_CASE("the identities of both parties are bound by the record") {
  const auto keys = tenant();
  auto registration = ClientRegistration::start(password("123456"));
  const auto response = registration_response(keys, kId, registration->request());
  const Identities names{as_bytes("holder"), as_bytes("server")};
  const auto enrolled = std::move(*registration).finish(*response, kQuick, names);
  const auto as = [&](const Identities& client, const Identities& server) {
    auto login = ClientLogin::start(password("123456"));
    const auto answer = respond(keys, enrolled->record, kId, login->ke1(), kContext, server);
    return std::move(*login).finish(answer->ke2, kContext, kQuick, client).has_value();
  };
  CHECK(as(names, names));
  CHECK_FALSE(as({}, names));
  CHECK_FALSE(as(names, {}));
  CHECK_FALSE(as({as_bytes("server"), as_bytes("holder")}, names));
}

TEST_CASE("each octet of KE2 matters") {
  const auto keys = tenant();
  // Identity stretching: 320 logins shall not take a minute.
  const Ksf none{Ksf::Function::identity, 0, 0};
  auto registration = ClientRegistration::start(password("123456"));
  const auto record = std::move(*registration)
                          .finish(*registration_response(keys, kId, registration->request()), none)
                          ->record;
  for (std::size_t i = 0; i < kKe2Size; ++i) {
    CAPTURE(i);
    auto login = ClientLogin::start(password("123456"));
    auto ke2 = respond(keys, record, kId, login->ke1(), kContext)->ke2;
    ke2[i] ^= 0x04;
    const auto done = std::move(*login).finish(ke2, kContext, none);
    REQUIRE_FALSE(done);
    // RFC 9807, 6.3.2: evaluated element, masking nonce, masked response, server nonce, server's key share,
    // MAC.
    constexpr std::size_t kKeyShare = 32 + 32 + 128 + 32;
    const bool elements = crypto_core_ristretto255_is_valid_point(ke2.data()) == 1 &&
                          crypto_core_ristretto255_is_valid_point(&ke2[kKeyShare]) == 1;
    CHECK(done.error().code == (elements ? Errc::denied : Errc::invalid));
  }
}

TEST_CASE("KE3 is compared whole") {
  const auto keys = tenant();
  const auto enrolled = enrol(keys, "123456");
  auto login = ClientLogin::start(password("123456"));
  const auto answer = respond(keys, enrolled.record, kId, login->ke1(), kContext);
  const auto done = std::move(*login).finish(answer->ke2, kContext, kQuick);
  for (const std::size_t i : {0U, 31U, 63U}) {
    auto ke3 = done->ke3;
    ke3[i] ^= 0x80;
    CHECK_FALSE(ke3_is(ke3, answer->expected_client_mac));
  }
  CHECK_FALSE(ke3_is({}, answer->expected_client_mac));
  CHECK_FALSE(ke3_is(BytesView{done->ke3}.first(63), answer->expected_client_mac));
}

TEST_CASE("the identity and what is no element is refused wherever it comes from outside [RFC9807/6.3]") {
  const auto keys = tenant();
  const auto enrolled = enrol(keys, "123456");
  for (const auto& bad : bad_elements()) {
    CAPTURE(to_hex(bad));
    CHECK_FALSE(oprf::acceptable(bad));
    CHECK(oprf::evaluate(keys.private_key, bad).error().code == Errc::invalid);
    CHECK(registration_response(keys, kId, bad).error().code == Errc::invalid);
    if (bad.size() != 32) continue;

    auto registration = ClientRegistration::start(password("123456"));
    CHECK(std::move(*registration).finish(concat({bad, keys.public_key}), kQuick).error().code ==
          Errc::invalid);
    registration = ClientRegistration::start(password("123456"));
    CHECK(std::move(*registration).finish(concat({keys.public_key, bad}), kQuick).error().code ==
          Errc::invalid);

    auto ke1 = ClientLogin::start(password("123456"))->ke1();
    std::ranges::copy(bad, ke1.begin());
    CHECK(respond(keys, enrolled.record, kId, ke1, kContext).error().code == Errc::invalid);
    ke1 = ClientLogin::start(password("123456"))->ke1();
    std::ranges::copy(bad, ke1.end() - 32);
    CHECK(respond(keys, enrolled.record, kId, ke1, kContext).error().code == Errc::invalid);

    auto record = enrolled.record;
    std::ranges::copy(bad, record.begin());
    CHECK(check_record(record).error().code == Errc::invalid);
    CHECK(respond(keys, record, kId, ClientLogin::start(password("1"))->ke1(), kContext).error().code ==
          Errc::corrupt);

    for (const std::size_t at : {std::size_t{0}, kKe2Size - 96}) {
      auto login = ClientLogin::start(password("123456"));
      auto ke2 = respond(keys, enrolled.record, kId, login->ke1(), kContext)->ke2;
      std::copy(bad.begin(), bad.end(), ke2.begin() + static_cast<std::ptrdiff_t>(at));
      CHECK(std::move(*login).finish(ke2, kContext, kQuick).error().code == Errc::invalid);
    }
  }
}

TEST_CASE("messages of a wrong length are refused") {
  const auto keys = tenant();
  const auto enrolled = enrol(keys, "123456");
  auto ke1 = ClientLogin::start(password("123456"))->ke1();
  ke1.push_back(0);
  CHECK(respond(keys, enrolled.record, kId, ke1, kContext).error() == Error{Errc::invalid, "this is no KE1"});
  CHECK(check_record(BytesView{enrolled.record}.first(191)).error() ==
        Error{Errc::invalid, "this is no registration record"});
  auto login = ClientLogin::start(password("123456"));
  CHECK(std::move(*login).finish(Bytes(319), kContext, kQuick).error() ==
        Error{Errc::invalid, "this is no KE2"});
  auto registration = ClientRegistration::start(password("123456"));
  CHECK(std::move(*registration).finish(Bytes(63), kQuick).error() ==
        Error{Errc::invalid, "this is no registration response"});
}

TEST_CASE(
    "a fake record is answered like a real one, always the same way, and never opens [RFC9807/6.3.2.2]") {
  const auto keys = tenant();
  const auto fake = fake_record(keys, kId);
  CHECK(fake.size() == kRecordSize);
  CHECK(check_record(fake.expose()));
  CHECK(same_secret(fake, fake_record(keys, kId)));
  CHECK_FALSE(same_secret(fake, fake_record(keys, credential_identifier("tenant", "other", 0x80))));
  CHECK_FALSE(same_secret(fake, fake_record(tenant(2), kId)));

  auto login = ClientLogin::start(password("123456"));
  const auto first = respond(keys, fake.expose(), kId, login->ke1(), kContext);
  const auto again = respond(keys, fake.expose(), kId, login->ke1(), kContext);
  REQUIRE((first && again));
  CHECK(first->ke2.size() == kKe2Size);
  // What a client can compare between two tries is the OPRF's answer: the same, as for a real record.
  CHECK(equal(BytesView{first->ke2}.first(32), BytesView{again->ke2}.first(32)));
  CHECK_FALSE(equal(BytesView{first->ke2}.subspan(32), BytesView{again->ke2}.subspan(32)));
  CHECK(std::move(*login).finish(first->ke2, kContext, kQuick).error().code == Errc::denied);
}

TEST_CASE("a transcript and the record confirm no PIN without the tenant's seed") {
  // What a thief of the database and of a decrypted transcript holds. Each candidate needs F(seed, PIN); with
  // any other seed the masking key that the record states does not come out, for the right PIN as for wrong
  // ones.
  const auto keys = tenant();
  const Ksf none{Ksf::Function::identity, 0, 0};
  auto registration = ClientRegistration::start(password("123456"));
  const auto record = std::move(*registration)
                          .finish(*registration_response(keys, kId, registration->request()), none)
                          ->record;
  const auto guess_seed = tenant(9);
  const auto candidate = [&](std::string_view pin) {
    auto guess = ClientRegistration::start(password(pin));
    return std::move(*guess).finish(*registration_response(guess_seed, kId, guess->request()), none)->record;
  };
  for (const auto* pin : {"123456", "123457", "000000"}) {
    const auto guessed = candidate(pin);
    CHECK_FALSE(equal(BytesView{guessed}.subspan(32, 64), BytesView{record}.subspan(32, 64)));
  }
}

TEST_CASE("server keys: one per seed, and no key that is zero or too large") {
  CHECK(tenant(1).public_key == tenant(1).public_key);
  CHECK(tenant(1).public_key != tenant(2).public_key);
  CHECK(make_server_keys_from(seed(1), {}).error() == Error{Errc::invalid, "this is not a private key"});
  oprf::Scalar large;
  std::ranges::fill(large.expose(), 0xFF);
  CHECK(make_server_keys_from(seed(1), std::move(large)).error() ==
        Error{Errc::invalid, "this is not a private key"});
}

TEST_CASE("parameters of the stretching: encoding and limits") {
  CHECK(to_hex(encode(Ksf{})) == "010001000000000003");
  CHECK(parse_ksf("010001000000000003"_hex).value() == Ksf{});
  CHECK(parse_ksf("010000200000000001"_hex).value() == kQuick);
  const auto refused = [](BytesView octets) {
    return parse_ksf(octets).error() ==
           Error{Errc::invalid, "these are no acceptable parameters for stretching"};
  };
  CHECK(refused({}));
  CHECK(refused("01000100000000000300"_hex));
  CHECK(refused("000001000000000003"_hex));  // no stretching at all
  CHECK(refused("020001000000000003"_hex));
  CHECK(refused("0100001FFF00000003"_hex));
  CHECK(refused("010010000100000003"_hex));
  CHECK(refused("010001000000000000"_hex));
  CHECK(refused("010001000000000011"_hex));
}

TEST_CASE("Argon2id with the default parameters [RFC9807/7]") {
  // The record says so only indirectly: the same PIN under other parameters is another password.
  const auto keys = tenant();
  const auto enrolled = enrol(keys, "123456", Ksf{});
  auto login = ClientLogin::start(password("123456"));
  const auto answer = respond(keys, enrolled.record, kId, login->ke1(), kContext);
  CHECK(std::move(*login).finish(answer->ke2, kContext, Ksf{}).has_value());
  CHECK_FALSE(try_login(keys, enrolled.record, "123456").has_value());
}

TEST_CASE("the context names everything a login is bound to") {
  const auto exporter = "AABB"_hex;
  const auto token = "CC"_hex;
  const LoginContext context{"t1", "c22", 0x80, exporter, "dev", token};
  CHECK(to_hex(encode(context)) ==
        "6361726465612F31"  // cardea/1
        "00027431"
        "0003633232"
        "000180"
        "0002AABB"
        "0003646576"
        "0001CC");
  CHECK(to_hex(credential_identifier("t1", "c22", 0x81)) ==
        "6361726465612F31"
        "00027431"
        "0003633232"
        "000181");
  // No two splits of the same text coincide.
  CHECK(credential_identifier("ab", "c", 0x80) != credential_identifier("a", "bc", 0x80));
}

}  // namespace cardea::api::opaque
