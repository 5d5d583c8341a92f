// Every call of PKCS#11 that makes or destroys a session object, over 10,000 signatures of a module that
// fails and lies now and then.

#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <set>
#include <thread>

#include <p11-kit/pkcs11.h>

#include "token_bench.h"

namespace cardea::test {

namespace {

struct CallLog {
  std::uint64_t made = 0;
  std::uint64_t gone = 0;
  std::uint64_t left = 0;                              ///< made and not destroyed
  std::uint64_t unmatched = 0;                         ///< destroyed without having been made, or made twice
  std::map<std::uint64_t, std::uint64_t> signed_with;  ///< how often C_Sign returned which code
  std::size_t most_at_once = 0;
};

CallLog read_log(const std::string& path) {
  CallLog out;
  std::map<long, std::set<std::uint64_t>> alive;
  std::ifstream in{path};
  long process = 0;
  std::string what;
  std::uint64_t value = 0;
  while (in >> process >> what >> value) {
    auto& objects = alive[process];
    if (what == "made") {
      ++out.made;
      out.unmatched += objects.insert(value).second ? 0 : 1;
      out.most_at_once = std::max(out.most_at_once, objects.size());
    } else if (what == "gone") {
      ++out.gone;
      out.unmatched += objects.erase(value) == 1 ? 0 : 1;
    } else {
      ++out.signed_with[value];
    }
  }
  for (const auto& entry : alive)
    out.left += entry.second.size();
  return out;
}

vault::Options options_through_shim(const TestToken& token, const std::string& log, unsigned fault_every) {
  auto options = token.options();
  options.environment = {"CARDEA_SHIM_MODULE=" + options.module.string(), "CARDEA_SHIM_LOG=" + log,
                         "CARDEA_SHIM_FAULT=" + std::to_string(fault_every)};
  options.module = CARDEA_SHIM;
  return options;
}

struct Outcomes {
  unsigned good = 0;
  unsigned corrupt = 0;
  unsigned unavailable = 0;
  unsigned wrong = 0;  ///< what must not be: a result that does not verify, or another error
};

/// Signs `count` times with an EC key, or an RSA key where `rsa` says so.
Outcomes sign_often(card::KeyVault& keys, const card::KeyHandle& key, unsigned count) {
  Outcomes out;
  const bool rsa = card::is_rsa(key.algorithm);
  const auto block = detail::test_block(256);
  for (unsigned n = 0; n < count; ++n) {
    Bytes digest(32, 0x42);
    digest[0] = static_cast<std::uint8_t>(n);
    std::optional<Error> error;
    bool right = false;
    if (rsa) {
      const auto result = keys.rsa_private(key, block);
      if (result) right = rsa_raw_public(key.public_key, result->expose()) == block;
      if (!result) error = result.error();
    } else {
      const auto result = keys.ecdsa_sign(key, digest);
      if (result) right = ecdsa_verify(key.public_key, digest, *result);
      if (!result) error = result.error();
    }
    if (right) {
      ++out.good;
    } else if (error && error->code == Errc::corrupt) {
      ++out.corrupt;
    } else if (error && error->code == Errc::unavailable) {
      ++out.unavailable;
    } else {
      ++out.wrong;
    }
  }
  return out;
}

}  // namespace

TEST_CASE("10,000 signatures: each unwrapped key is destroyed, one at a time [B3][B9]") {
  const TestToken token;
  const auto log = (token.directory() / "calls").string();
  {
    const auto vault = vault::Vault::open(options_through_shim(token, log, 0)).value();
    const auto keys = vault->keys_of("acme", "card-1");
    const auto ec = keys->generate({0x9A, 1}, card::Algorithm::p256).value();
    const auto rsa = keys->generate({0x9C, 1}, card::Algorithm::rsa2048).value();
    CHECK(keys->ecdh(ec, ec.public_key.point).has_value());
    CHECK(sign_often(*keys, ec, 9'000).good == 9'000);
    CHECK(sign_often(*keys, rsa, 1'000).good == 1'000);
    CHECK(vault->check().has_value());
  }
  const auto calls = read_log(log);
  // Two pairs of which each was wrapped and then used once; an agreement with its secret; the signatures.
  CHECK(calls.made == 2 * 3 + 2 + 10'000);
  CHECK(calls.gone == calls.made);
  CHECK(calls.left == 0);
  CHECK(calls.unmatched == 0);
  CHECK(calls.most_at_once == 3);  // while a new pair is tried out
  CHECK(calls.signed_with == std::map<std::uint64_t, std::uint64_t>{{0, 10'002}});
}

TEST_CASE(
    "keys of cards: the master key and the new one are objects of one operation, then gone [A6][B3][B9]") {
  const TestToken token;
  const auto log = (token.directory() / "calls").string();
  {
    const auto vault = vault::Vault::open(options_through_shim(token, log, 0)).value();
    const SecretBytes octets{32};
    const auto master = vault->import_master("acme", {1, 1}, card::Algorithm::aes256, octets).value();
    for (std::uint8_t n = 0; n < 100; ++n) {
      vault::Derivation how{vault::Diversification::kdf3, static_cast<std::uint8_t>(1 + n % 3), {}};
      how.data[4] = n;
      REQUIRE(vault->derive("acme", "card-1", {0xA0, n}, card::Algorithm::aes256, master, how).has_value());
    }
    // Refused after the master key was unwrapped, and before.
    CHECK_FALSE(vault->derive("acme", "card-1", {0xA0, 1}, card::Algorithm::aes256, master,
                              {vault::Diversification::kdf3, 9, {}}));
    CHECK_FALSE(vault->derive("other", "card-1", {0xA0, 1}, card::Algorithm::aes256, master, {}));
    CHECK(vault->check_value("acme", master).has_value());
    CHECK(vault->check().has_value());
  }
  const auto calls = read_log(log);
  CHECK(calls.made == 1 + 100 * 2 + 1 + 1);
  CHECK(calls.gone == calls.made);
  CHECK(calls.left == 0);
  CHECK(calls.unmatched == 0);
  CHECK(calls.most_at_once == 1);  // the octets of a new key come after the master key has gone
}

TEST_CASE(
    "a module that fails and lies: no wrong result leaves, nothing is left behind, the pool goes on "
    "[B9][B12]") {
  const TestToken token;
  const auto log = (token.directory() / "calls").string();
  Outcomes ec_outcomes;
  Outcomes rsa_outcomes;
  {
    const auto makes = vault::Vault::open(token.options()).value();
    const auto ec = makes->keys_of("acme", "card-1")->generate({0x9A, 1}, card::Algorithm::p256).value();
    const auto rsa = makes->keys_of("acme", "card-1")->generate({0x9C, 1}, card::Algorithm::rsa2048).value();
    const auto vault = vault::Vault::open(options_through_shim(token, log, 50)).value();
    const auto keys = vault->keys_of("acme", "card-1");
    std::thread other{[&] { rsa_outcomes = sign_often(*keys, rsa, 1'000); }};
    ec_outcomes = sign_often(*keys, ec, 4'000);
    other.join();
    CHECK(vault->check().has_value());
    CHECK(vault->stats().restarts > 10);  // one for each session that ended
  }
  for (const auto& outcomes : {ec_outcomes, rsa_outcomes}) {
    CHECK(outcomes.wrong == 0);
    CHECK(outcomes.corrupt > 0);  // the wrong ones, and C_Sign's failures
    CHECK(outcomes.good > outcomes.corrupt);
  }
  const auto calls = read_log(log);
  CHECK(calls.made >= 5'000);
  CHECK(calls.gone == calls.made);
  CHECK(calls.left == 0);
  CHECK(calls.unmatched == 0);
  CHECK(calls.most_at_once == 1);
  CHECK(calls.signed_with.at(CKR_FUNCTION_FAILED) > 10);
  CHECK(calls.signed_with.at(CKR_DEVICE_ERROR) > 10);
}

TEST_CASE("keys kept for the session: unwrapped once, destroyed at its end or when a result was wrong [B9]") {
  const TestToken token;
  const auto log = (token.directory() / "calls").string();
  {
    auto options = options_through_shim(token, log, 100);
    options.workers = 1;
    options.session_keys = true;
    const auto makes = vault::Vault::open(token.options()).value();
    const auto ec = makes->keys_of("acme", "card-1")->generate({0x9A, 1}, card::Algorithm::p256).value();
    const auto vault = vault::Vault::open(std::move(options)).value();
    const auto keys = vault->keys_of("acme", "card-1");
    CHECK(sign_often(*keys, ec, 99).good == 99);
    CHECK(read_log(log).made == 1);
    CHECK(sign_often(*keys, ec, 1).corrupt == 1);  // number 100 is spoilt: the kept key goes
    CHECK(read_log(log).left == 0);
    CHECK(sign_often(*keys, ec, 50).good == 50);
    CHECK(read_log(log).made == 2);
    keys->end_session();
    CHECK(read_log(log).left == 0);
    CHECK(vault->check().has_value());
  }
  CHECK(read_log(log).gone == 2);
}

}  // namespace cardea::test
