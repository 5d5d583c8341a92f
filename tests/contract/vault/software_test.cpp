// The vault without an HSM keeps the laws of KeyVault, and what its files hold is of no use without the root
// key.

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cardea/vault/sealed_key.h"
#include "key_vault_vectors.h"
#include "token_bench.h"

namespace cardea::test {

namespace {

namespace fs = std::filesystem;

/// A software token of its own with the keys of the tenant "acme".
class SoftwareBench final : public KeyVaultBench {
 public:
  SoftwareBench() : vault_{vault::Vault::open(options()).value()} {
    REQUIRE(vault_->ensure_tenant("acme").has_value());
    card_ = vault_->keys_of("acme", "card-1");
    other_ = vault_->keys_of("acme", "card-2");
  }

  card::KeyVault& vault() override { return *card_; }
  card::KeyVault& other_card() override { return *other_; }
  vault::Vault& whole() { return *vault_; }
  [[nodiscard]] fs::path directory() const { return scratch_.path() / "software"; }

  [[nodiscard]] vault::Options options() const {
    auto token = vault::init_software(directory()).value();
    vault::Options out;
    out.module = token.module;
    out.token_label = token.token_label;
    out.so_pin = token.root_key.clone();
    out.user_pin = std::move(token.root_key);
    const auto link = scratch_.path() / "cardea-signer";
    if (!fs::exists(link)) fs::create_symlink(vault::default_signer(), link);
    out.signer = link;
    return out;
  }

  bool set_available(bool available) override {
    const auto link = scratch_.path() / "cardea-signer";
    fs::remove(link);
    if (available) fs::create_symlink(vault::default_signer(), link);
    if (!available) {
      for (const auto process : signers())
        ::kill(process, SIGKILL);
      return true;
    }
    while (!vault_->check())
      ::sched_yield();
    return true;
  }

 private:
  ScratchDirectory scratch_;
  std::unique_ptr<vault::Vault> vault_;
  std::unique_ptr<card::KeyVault> card_, other_;
};

std::unique_ptr<KeyVaultBench> software() {
  return std::make_unique<SoftwareBench>();
}

std::string slurp(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// A mapping as large as that is a sanitizer's shadow, which holds no data of the process.
constexpr std::uint64_t kNoDataBeyond = std::uint64_t{1} << 36U;

/// How often the octets, in this order or the other, stand in the process's writable memory.
unsigned found_in_memory(pid_t process, BytesView octets) {
  const auto proc = fs::path{"/proc"} / std::to_string(process);
  const std::string forwards{octets.begin(), octets.end()};
  const std::string backwards{forwards.rbegin(), forwards.rend()};
  std::ifstream maps{proc / "maps"};
  std::ifstream memory{proc / "mem", std::ios::binary};
  REQUIRE(memory.is_open());
  unsigned out = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find(" rw") == std::string::npos) continue;
    const auto begin = std::stoull(line, nullptr, 16);
    const auto end = std::stoull(line.substr(line.find('-') + 1), nullptr, 16);
    if (end - begin > kNoDataBeyond) continue;
    std::string content(end - begin, '\0');
    memory.clear();
    memory.seekg(static_cast<std::streamoff>(begin));
    memory.read(content.data(), static_cast<std::streamsize>(content.size()));
    for (const auto& wanted : {forwards, backwards}) {
      for (auto at = content.find(wanted); at != std::string::npos; at = content.find(wanted, at + 1))
        ++out;
    }
  }
  return out;
}

}  // namespace

TEST_CASE("software vault: generated keys of every algorithm work [A7]") {
  key_vault_generate_laws(software);
}

TEST_CASE("software vault: imported keys work, wrong ones are refused [A7]") {
  key_vault_import_laws(software);
}

TEST_CASE("software vault protects keys [B3]") {
  key_vault_protection_laws(software);
}

TEST_CASE("software vault gives the known answers [A7]") {
  SoftwareBench bench;
  key_vault_vectors(bench.vault(), CARDEA_VECTORS);
}

TEST_CASE("SoftHSM vault gives the known answers [A7]") {
  const auto vault = vault::Vault::open(shared_token().options()).value();
  key_vault_vectors(*vault->keys_of("acme", "card-1"), CARDEA_VECTORS);
}

TEST_CASE("software vault: tenants, secrets, manifests and handles survive a restart [B1]") {
  SoftwareBench bench;
  const Bytes digest(32, 0x42);
  const auto key = bench.vault().generate({0x9A, 1}, card::Algorithm::p521).value();
  CHECK(vault::SealedKey::parse(key.sealed).value().mode == vault::SealedKey::kModeSoftware);
  const auto manifest = bench.whole().sign_manifest("acme", digest).value();
  CHECK(ecdsa_verify(manifest.key, digest, manifest.signature));
  const auto secret = bench.whole().tenant_secret("acme", "seed", 64).value();

  const auto again = vault::Vault::open(bench.options()).value();
  CHECK(again->keys_of("acme", "card-1")->ecdsa_sign(key, Bytes(64, 1)).has_value());
  CHECK(again->keys_of("other", "card-1")->ecdsa_sign(key, Bytes(64, 1)).error().code == Errc::corrupt);
  CHECK(again->manifest_key("acme").value() == manifest.key);
  CHECK(same_secret(again->tenant_secret("acme", "seed", 64).value(), secret));
  CHECK(again->tenant_secret("nobody", "seed", 64).error().code == Errc::not_found);
  CHECK(again->check().has_value());
}

TEST_CASE(
    "software vault: what stands in its files is for the owner only, and opens with the root key alone") {
  SoftwareBench bench;
  const auto options = bench.options();
  for (const auto& entry : fs::recursive_directory_iterator{bench.directory()}) {
    if (!entry.is_regular_file()) continue;
    CAPTURE(entry.path().string());
    CHECK((entry.status().permissions() & (fs::perms::group_all | fs::perms::others_all)) == fs::perms::none);
  }
  const auto error_of = [](vault::Options wrong) { return vault::Vault::open(std::move(wrong)).error(); };
  auto wrong = bench.options();
  wrong.user_pin = SecretBytes{as_bytes("0000000000000000000000000000000000000000000000000000000000000000")};
  CHECK(error_of(std::move(wrong)) == Error{Errc::denied, "the token refuses the PIN of the user"});

  // A damaged object is noticed before anything is done with it, and so is one in another's place.
  fs::path first;
  fs::path second;
  for (const auto& entry : fs::directory_iterator{bench.directory() / "token"}) {
    if (entry.path().extension() == ".object") (first.empty() ? first : second) = entry.path();
  }
  const auto whole = slurp(first);
  std::ofstream{first, std::ios::binary} << slurp(second);
  CHECK_FALSE(vault::Vault::open(bench.options()).has_value());
  auto flipped = whole;
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  std::ofstream{first, std::ios::binary} << flipped;
  CHECK_FALSE(vault::Vault::open(bench.options()).has_value());
  std::ofstream{first, std::ios::binary} << whole;
  CHECK(vault::Vault::open(bench.options()).has_value());

  fs::remove(bench.directory() / "token" / "token");
  CHECK(vault::init_software(bench.directory()).error().code == Errc::corrupt);
}

TEST_CASE(
    "golden: the files of a software token, written by others, open and use the keys of format 3 [B1]") {
  const ScratchDirectory scratch;
  const auto v = read_vectors(std::string{CARDEA_VECTORS} + "/../golden/software-token.txt").front();
  const auto octets = [](const Vector& from, const char* name) { return from_hex(from.at(name)).value(); };
  const auto text = [&](const Vector& from, const char* name) {
    const auto value = octets(from, name);
    return std::string{value.begin(), value.end()};
  };
  const auto put = [&](const std::string& name, const std::string& content) {
    std::ofstream{scratch.path() / name, std::ios::binary} << content;
  };
  put("token", text(v, "token"));
  put(text(v, "kek_name"), text(v, "kek_file"));
  put(text(v, "mac_name"), text(v, "mac_file"));
  vault::Options options;
  options.module = "software:" + scratch.path().string();
  options.user_pin = SecretBytes{BytesView{octets(v, "root_key")}};
  options.so_pin = options.user_pin.clone();
  const auto vault = vault::Vault::open(std::move(options)).value();

  unsigned used = 0;
  for (const auto& key : read_vectors(std::string{CARDEA_VECTORS} + "/../golden/sealed-key-3.txt")) {
    if (octets(key, "mode") != Bytes{vault::SealedKey::kModeSoftware}) continue;
    card::KeyHandle handle;
    handle.algorithm = static_cast<card::Algorithm>(octets(key, "algorithm")[0]);
    handle.slot = {octets(key, "reference")[0], read_be(octets(key, "version"))};
    handle.sealed = octets(key, "sealed");
    handle.public_key.algorithm = handle.algorithm;
    handle.public_key.point = octets(key, "point");
    const auto keys = vault->keys_of(text(key, "tenant"), text(key, "card"));
    const Bytes input(32, 0x42);
    if (handle.algorithm == card::Algorithm::ed25519) {
      CHECK(ed25519_verify(handle.public_key, input, keys->eddsa_sign(handle, input).value()));
    } else {
      CHECK(ecdsa_verify(handle.public_key, input, keys->ecdsa_sign(handle, input).value()));
    }
    CHECK(to_bytes(vault->tenant_secret(text(key, "tenant"), "golden", 32).value().expose()) ==
          octets(v, "secret"));
    // Keys that the tenant lacks are made beside those that are there.
    CHECK(vault->sign_manifest(text(key, "tenant"), input).has_value());
    ++used;
  }
  CHECK(used == 2);
}

TEST_CASE(
    "software vault: no private key is in a worker's memory after its operation, nor after the session "
    "[B9]") {
  if (::getuid() != 0) return;  // an undumpable process's memory is root's to read
  SoftwareBench bench;
  Bytes scalar(32);
  for (std::size_t i = 0; i < scalar.size(); ++i)
    scalar[i] = static_cast<std::uint8_t>(0x31 + 5 * i);
  const Bytes digest(32, 0x42);
  const auto key =
      bench.vault().import_ec({0x9A, 1}, card::Algorithm::p256, SecretBytes{BytesView{scalar}}).value();
  for (const auto process : signers())  // one of them has imported it
    CHECK(found_in_memory(process, scalar) == 0);
  for (const bool session : {false, true}) {
    CAPTURE(session);
    auto options = bench.options();
    options.workers = 1;
    options.session_keys = session;
    const auto before = signers();
    const auto vault = vault::Vault::open(std::move(options)).value();
    const auto keys = vault->keys_of("acme", "card-1");
    pid_t worker = 0;
    for (const auto process : signers()) {
      if (std::ranges::find(before, process) == before.end()) worker = process;
    }
    REQUIRE(worker != 0);
    CHECK(slurp("/proc/" + std::to_string(worker) + "/status").find("\nSeccomp:\t2\n") != std::string::npos);
    for (int i = 0; i < 3; ++i)
      CHECK(keys->ecdsa_sign(key, digest).has_value());
    CHECK(keys->ecdh(key, key.public_key.point).has_value());
    CHECK((found_in_memory(worker, scalar) > 0) == session);
    keys->end_session();
    CHECK(found_in_memory(worker, scalar) == 0);
  }
}

TEST_CASE("software vault: keys are wrapped anew under another version, made ahead, settled [B7]") {
  SoftwareBench bench;
  auto& vault = bench.whole();
  const Bytes digest(32, 0x42);
  REQUIRE(vault.make_version("acme", 2).has_value());
  for (const auto algorithm :
       {card::Algorithm::rsa2048, card::Algorithm::p256, card::Algorithm::ed25519, card::Algorithm::x25519}) {
    CAPTURE(std::string{card::name(algorithm)});
    auto key = bench.vault().generate({0x9A, 1}, algorithm).value();
    vault.use_versions("acme", {2, 1});
    const auto before = key.sealed;
    key.sealed = vault.rewrap("acme", "card-1", key).value();
    CHECK(vault::SealedKey::parse(key.sealed).value().kek_version == 2);
    CHECK(key.sealed != before);
    const auto settled = vault.settle("acme", "card-1", key, vault::ResidentId{1}).value();
    if (algorithm == card::Algorithm::p256)
      CHECK(ecdsa_verify(key.public_key, digest, bench.vault().ecdsa_sign(settled, digest).value()));
    CHECK(vault.destroy_resident("acme", "card-1", vault::ResidentId{1}).has_value());
    vault.use_versions("acme", {1, 1});
  }
  CHECK(vault.check().has_value());
}

TEST_CASE("software vault: the root key can be changed; workers that run go on, new ones take the new one") {
  SoftwareBench bench;
  const auto old_key = bench.options().user_pin.clone();
  const SecretBytes new_key{as_bytes("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff")};
  REQUIRE(bench.whole().change_pin(false, old_key, new_key).has_value());
  CHECK(bench.vault().generate({0x9A, 1}, card::Algorithm::p256).has_value());
  CHECK_FALSE(vault::Vault::open(bench.options()).has_value());
  auto options = bench.options();
  options.user_pin = new_key.clone();
  CHECK(vault::Vault::open(std::move(options)).has_value());
}

}  // namespace cardea::test
