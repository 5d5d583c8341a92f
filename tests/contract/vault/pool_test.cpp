// Workers that die, hang, wear out; tokens that are not what the configuration says; first starts that were
// cut off.

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

#include "cardea/vault/sealed_key.h"
#include "token_bench.h"

namespace cardea::test {

namespace {

namespace fs = std::filesystem;

const Bytes kDigest(32, 0x42);

Error error_of(vault::Options options) {
  auto opened = vault::Vault::open(std::move(options));
  REQUIRE_FALSE(opened.has_value());
  return opened.error();
}

std::string slurp(const fs::path& path) {
  std::ifstream file{path};
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

unsigned mode_of(const fs::path& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 0777U;
}

}  // namespace

TEST_CASE("opening a vault says what is wrong [B1]") {
  const auto& token = shared_token();
  auto options = token.options();
  SUBCASE("module") {
    options.module = "/nonexistent/module.so";
    CHECK(error_of(std::move(options)) ==
          Error{Errc::not_found, "there is no PKCS#11 module at /nonexistent/module.so"});
  }
  SUBCASE("no module at all in the file") {
    options.module = token.hsm().config_file;
    CHECK(error_of(std::move(options)).code == Errc::not_found);
  }
  SUBCASE("token") {
    options.token_label = "other";
    CHECK(error_of(std::move(options)) ==
          Error{Errc::not_found, "the PKCS#11 module has no token with the label \"other\""});
  }
  SUBCASE("PIN") {
    options.user_pin = SecretBytes{as_bytes("not the PIN")};
    CHECK(error_of(std::move(options)) == Error{Errc::denied, "the token refuses the PIN of the user"});
  }
  SUBCASE("signer program") {
    options.signer = "/nonexistent/cardea-signer";
    CHECK(error_of(std::move(options)) ==
          Error{Errc::not_found, "the signer program /nonexistent/cardea-signer is not there"});
  }
}

TEST_CASE("a tenant without keys, and no security officer's PIN, is said so") {
  auto options = shared_token().options();
  options.so_pin_file = "/nonexistent/so.pin";
  const auto vault = vault::Vault::open(std::move(options)).value();
  CHECK(vault->ensure_tenant("acme").has_value());
  CHECK(vault->ensure_tenant("nobody").error().code == Errc::not_found);
  CHECK(vault->keys_of("nobody", "card-1")->generate({0x9A, 1}, card::Algorithm::p256).error().code ==
        Errc::not_found);
  CHECK(vault->ensure_tenant("").error().code == Errc::invalid);
}

TEST_CASE("handles do not move: card, slot, version, algorithm, tenant, public key") {
  const auto vault = vault::Vault::open(shared_token().options()).value();
  REQUIRE(vault->ensure_tenant("other").has_value());
  const auto keys = vault->keys_of("acme", "card-1");
  const auto key = keys->generate({0x9A, 7}, card::Algorithm::p256).value();
  REQUIRE(keys->ecdsa_sign(key, kDigest).has_value());
  const auto refused = [&](const card::KeyHandle& moved) {
    return keys->ecdsa_sign(moved, kDigest).error().code == Errc::corrupt;
  };
  auto moved = key;
  moved.slot.reference = 0x9C;
  CHECK(refused(moved));
  moved = key;
  moved.slot.version = 8;
  CHECK(refused(moved));
  moved = key;
  moved.public_key.point.back() ^= 1U;
  CHECK(refused(moved));
  CHECK(vault->keys_of("other", "card-1")->ecdsa_sign(key, kDigest).error().code == Errc::corrupt);

  // Not even with the names in the clear part changed to fit: the tag covers them.
  auto sealed = vault::SealedKey::parse(key.sealed).value();
  sealed.card = "card-2";
  moved = key;
  moved.sealed = sealed.authenticated_part().value();
  append(moved.sealed, sealed.tag);
  CHECK(vault->keys_of("acme", "card-2")->ecdsa_sign(moved, kDigest).error().code == Errc::corrupt);

  for (std::size_t at = 0; at < key.sealed.size(); ++at) {
    CAPTURE(at);
    moved = key;
    moved.sealed[at] ^= 0x10U;
    CHECK(refused(moved));
  }
  CHECK(vault->check().has_value());
}

TEST_CASE("no key is left in a worker, whatever happened to the operation [B3]") {
  auto options = shared_token().options();
  options.workers = 1;
  const auto vault = vault::Vault::open(std::move(options)).value();
  const auto keys = vault->keys_of("acme", "card-1");
  const auto ec = keys->generate({0x9A, 1}, card::Algorithm::p256).value();
  const auto rsa = keys->generate({0x9A, 1}, card::Algorithm::rsa2048).value();
  CHECK(keys->ecdsa_sign(ec, kDigest).has_value());
  CHECK(keys->ecdh(ec, ec.public_key.point).has_value());
  CHECK_FALSE(keys->rsa_private(rsa, Bytes(256, 0xFF)).has_value());
  CHECK(keys->import_symmetric({0x9B, 1}, card::Algorithm::aes256, SecretBytes{32}).has_value());
  auto other = ec;
  other.public_key = keys->generate({0x9A, 1}, card::Algorithm::p256).value().public_key;
  CHECK_FALSE(keys->ecdsa_sign(other, kDigest).has_value());
  CHECK(vault->check().has_value());  // counts the session objects
}

TEST_CASE("killed workers: every answer is a right signature or `unavailable`, and the pool recovers [B9]") {
  const auto vault = vault::Vault::open(shared_token().options()).value();
  const auto keys = vault->keys_of("acme", "card-1");
  const auto key = keys->generate({0x9A, 1}, card::Algorithm::p256).value();
  const auto whole = vault->stats().alive;
  std::atomic<int> left{400};
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      while (left.fetch_sub(1) > 0) {
        const auto signature = keys->ecdsa_sign(key, kDigest);
        const bool fine = signature ? ecdsa_verify(key.public_key, kDigest, *signature)
                                    : signature.error().code == Errc::unavailable;
        if (!fine) ++wrong;
      }
    });
  }
  for (int at = 350; at > 0; at -= 50) {
    while (left > at)
      ::sched_yield();
    for (const auto process : signers()) {
      ::kill(process, SIGKILL);
      break;
    }
  }
  for (auto& caller : callers)
    caller.join();
  CHECK(wrong == 0);
  while (vault->stats().alive < whole)
    ::sched_yield();
  const auto after = keys->ecdsa_sign(key, kDigest);
  CHECK((after ? "" : after.error().what) == "");
  CHECK(vault->stats().restarts > 0);
}

TEST_CASE("one killed worker costs nobody a signature") {
  auto options = shared_token().options();
  options.workers = 1;
  const auto vault = vault::Vault::open(std::move(options)).value();
  const auto keys = vault->keys_of("acme", "card-1");
  const auto key = keys->generate({0x9A, 1}, card::Algorithm::p256).value();
  const auto before = signers();
  REQUIRE(before.size() == 1);
  ::kill(before.front(), SIGKILL);
  CHECK(keys->ecdsa_sign(key, kDigest).has_value());
  CHECK(vault->stats().restarts == 1);
  CHECK(signers() != before);
}

TEST_CASE("a stopped worker is given up after the time limit and replaced [B12]") {
  auto options = shared_token().options();
  options.workers = 1;
  options.timeout = std::chrono::seconds{4};  // more than a worker that is well takes on a busy machine
  const auto vault = vault::Vault::open(std::move(options)).value();
  const auto keys = vault->keys_of("acme", "card-1");
  const auto key = keys->import_ec({0x9A, 1}, card::Algorithm::p256, SecretBytes{BytesView{kDigest}}).value();
  stop(signers().at(0));
  const auto refused = keys->ecdsa_sign(key, kDigest);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error() == Error{Errc::unavailable, "the signer did not answer in time"});
  while (!keys->ecdsa_sign(key, kDigest))
    ::sched_yield();
  CHECK(vault->stats().restarts == 1);
  CHECK(vault->check().has_value());
}

TEST_CASE("making a key has a time limit of its own") {
  auto options = shared_token().options();
  options.workers = 1;
  SUBCASE("longer than that of an operation: RSA-4096") {
    options.timeout = std::chrono::milliseconds{1'000};
    const auto vault = vault::Vault::open(std::move(options)).value();
    const auto keys = vault->keys_of("acme", "card-1");
    CHECK(keys->generate({0x9A, 1}, card::Algorithm::rsa4096).has_value());
    CHECK(vault->stats().restarts == 0);
  }
  SUBCASE("which ends too") {
    options.generation = std::chrono::milliseconds{500};
    const auto vault = vault::Vault::open(std::move(options)).value();
    const auto keys = vault->keys_of("acme", "card-1");
    stop(signers().at(0));
    const auto refused = keys->generate({0x9A, 1}, card::Algorithm::p256);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error() == Error{Errc::unavailable, "the signer did not answer in time"});
  }
}

TEST_CASE("workers are replaced on schedule, and nobody notices") {
  auto options = shared_token().options();
  options.recycle_after_operations = 5;
  const auto vault = vault::Vault::open(std::move(options)).value();
  const auto keys = vault->keys_of("acme", "card-1");
  const auto key = keys->generate({0x9A, 1}, card::Algorithm::p256).value();
  for (int i = 0; i < 30; ++i) {
    CHECK(keys->ecdsa_sign(key, kDigest).has_value());
  }
  const auto stats = vault->stats();
  CHECK(stats.recycled >= 5);
  CHECK(stats.restarts == 0);
  CHECK(stats.failures == 0);
  CHECK(stats.operations == 31);
}

TEST_CASE(
    "a worker is confined: seccomp, no new privileges, no core dump, no environment, no descriptors [B9]") {
  const auto vault = vault::Vault::open(shared_token().options()).value();
  REQUIRE(vault->check().has_value());
  const auto processes = signers();
  REQUIRE(processes.size() == 2);
  for (const auto process : processes) {
    const fs::path proc = "/proc/" + std::to_string(process);
    const auto status = slurp(proc / "status");
    CHECK(status.find("\nSeccomp:\t2\n") != std::string::npos);
    CHECK(status.find("\nNoNewPrivs:\t1\n") != std::string::npos);
    const auto limits = slurp(proc / "limits");
    const auto core = limits.find("Max core file size");
    REQUIRE(core != std::string::npos);
    CHECK(limits.substr(core, 40).find(" 0 ") != std::string::npos);
    const auto arguments = slurp(proc / "cmdline");
    CHECK(arguments == std::string{"cardea-signer\0", 14});
    if (::getuid() == 0) {  // an undumpable process's environment is root's to read
      const auto environment = slurp(proc / "environ");
      CHECK(environment == "SOFTHSM2_CONF=" + shared_token().hsm().config_file + std::string(1, '\0'));
    }
  }
}

TEST_CASE(
    "init_softhsm: private files, the same token again, a cut-off first start, a damaged directory [B1]") {
  const ScratchDirectory scratch;
  const auto place = scratch.path() / "softhsm";
  fs::create_directories(place / "token.new" / "tokens" / "half");  // what a power cut leaves
  const auto first = vault::init_softhsm(place).value();
  CHECK_FALSE(fs::exists(place / "token.new"));
  CHECK(mode_of(place) == 0700U);
  for (const auto* name : {"so.pin", "user.pin", "softhsm2.conf"})
    CHECK(mode_of(place / "token" / name) == 0600U);
  CHECK(first.user_pin.size() == 32);
  CHECK(slurp(place / "token" / "so.pin") != slurp(place / "token" / "user.pin"));

  const auto again = vault::init_softhsm(place).value();
  CHECK(same_secret(again.user_pin, first.user_pin));
  CHECK(again.config_file == first.config_file);

  fs::permissions(place / "token" / "user.pin", fs::perms::others_read, fs::perm_options::add);
  CHECK(vault::init_softhsm(place).error().code == Errc::denied);
  fs::remove(place / "token" / "user.pin");
  CHECK(vault::init_softhsm(place).error().code == Errc::corrupt);
}

}  // namespace cardea::test
