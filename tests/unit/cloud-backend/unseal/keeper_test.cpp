// Taking the token over, and starting sealed, with a token that can be cut off at any moment.

#include "cardea/unseal/keeper.h"

#include <doctest/doctest.h>

#include <fstream>
#include <stdexcept>

#include "cardea/test/ports.h"
#include "cardea/test/temp_dir.h"

namespace cardea::test {

namespace {

using unseal::Keeper;
using unseal::Secrets;
using unseal::Share;
using unseal::UnsealKey;

std::string as_string(const SecretBytes& secret) {
  return {secret.expose().begin(), secret.expose().end()};
}
SecretBytes secret(std::string_view text) {
  return SecretBytes{as_bytes(text)};
}

/// The power fails.
struct Killed : std::runtime_error {
  Killed() : std::runtime_error{"killed"} {}
};

struct Token {
  std::string user = "plain-user";
  std::string officer = "plain-officer";
  int wrong = 0;
  /// Killed before or after the n-th change of a PIN.
  int change = 0;
  int killed_before = -1;
  int killed_after = -1;
};

class TokenVault final : public vault::Vault {
 public:
  explicit TokenVault(Token& token) : token_{token} {}
  Result<void> ensure_tenant(const std::string&) override { return {}; }
  std::unique_ptr<card::KeyVault> keys_of(const std::string&, const std::string&) override { return nullptr; }
  Result<void> check() override { return {}; }
  [[nodiscard]] vault::Stats stats() const override { return {}; }
  Result<void> change_pin(bool officer, const SecretBytes& old_pin, const SecretBytes& new_pin) override {
    auto& pin = officer ? token_.officer : token_.user;
    const auto number = ++token_.change;
    if (number == token_.killed_before) throw Killed{};
    if (pin == as_string(old_pin)) {
      pin = as_string(new_pin);
    } else if (pin != as_string(new_pin)) {
      return fail(Errc::denied, "the token refuses the PIN");
    }
    if (number == token_.killed_after) throw Killed{};
    return {};
  }

 private:
  Token& token_;
};

/// A server around a token; `restart` is what comes after a kill.
struct Server {
  Server() {
    for (const auto& [name, pin] : {std::pair{"user.pin", token.user}, std::pair{"so.pin", token.officer}}) {
      std::ofstream{directory.path / name} << pin;
    }
    restart();
  }

  void restart() {
    vault.reset();
    unseal::Ports ports;
    ports.open = [this](const SecretBytes& user,
                        const SecretBytes&) -> Result<std::unique_ptr<vault::Vault>> {
      if (as_string(user) != token.user) {
        ++token.wrong;
        return fail(Errc::denied, "the token refuses the PIN of the user");
      }
      return std::make_unique<TokenVault>(token);
    };
    ports.accept = [this](std::unique_ptr<vault::Vault> opened) -> Result<void> {
      vault = std::move(opened);
      return {};
    };
    ports.in_use = [this] { return vault.get(); };
    ports.plain = [this]() -> Result<Secrets> {
      if (!has_plain()) return fail(Errc::not_found, "the files of the PINs are gone");
      return Secrets{secret("plain-user"), secret("plain-officer"), {}, {}};
    };
    ports.plain_files = {directory.path / "user.pin", directory.path / "so.pin"};
    ports.explain = [this](std::string text) { sentence = std::move(text); };
    keeper.emplace(file(), std::move(ports), clock);
  }

  Result<unseal::Status> take_over(unsigned threshold = 2, unsigned count = 3) {
    UnsealKey key;
    rng.fill(key.expose());
    shares = unseal::split(key, threshold, count).value();
    std::vector<std::array<std::uint8_t, 32>> digests;
    for (const auto& share : shares)
      digests.push_back(unseal::digest(share));
    return keeper->take_over(std::move(key), threshold, std::move(digests));
  }

  [[nodiscard]] std::filesystem::path file() const { return directory.path / "secrets"; }
  [[nodiscard]] bool has_plain() const {
    return std::filesystem::exists(directory.path / "user.pin") ||
           std::filesystem::exists(directory.path / "so.pin");
  }
  [[nodiscard]] bool plain_pins_are_void() const {
    return token.user != "plain-user" && token.officer != "plain-officer";
  }

  TempDir directory;
  Token token;
  FakeClock clock;
  SeededRng rng{5};
  std::unique_ptr<vault::Vault> vault;
  std::string sentence;
  std::vector<Share> shares;
  std::optional<Keeper> keeper;
};

}  // namespace

TEST_CASE("taking over: random PINs, in shares only; the next start waits for them [B6] [B7]") {
  Server server;
  REQUIRE(server.keeper->open_plain().has_value());
  CHECK(server.keeper->status().sentence == "open; the HSM's PIN is in a file");
  const auto status = server.take_over(3, 5).value();
  CHECK_FALSE(status.sealed);
  CHECK(status.owned);
  CHECK(status.threshold == 3);
  CHECK(status.shares == 5);
  CHECK(server.plain_pins_are_void());
  CHECK(server.token.user.size() == 32);
  CHECK_FALSE(server.has_plain());

  server.restart();
  REQUIRE(server.keeper->wait(std::optional<Share>{}).has_value());
  CHECK(server.keeper->owned().value());
  CHECK(server.sentence ==
        "the server is sealed: 0 of 3 shares of the key " + status.key + " are there (cardea unseal)");
  CHECK(server.keeper->give(server.shares[4]).value().given == std::vector<unsigned>{5});
  CHECK(server.keeper->give(server.shares[0]).value().given == std::vector<unsigned>{1, 5});
  CHECK(server.sentence.find("2 of 3 shares") != std::string::npos);
  CHECK(server.vault == nullptr);
  CHECK_FALSE(server.keeper->give(server.shares[2]).value().sealed);
  CHECK(server.vault != nullptr);
  CHECK(server.token.wrong == 0);
  CHECK(server.keeper->give(server.shares[1]).error() == Error{Errc::conflict, "the server is not sealed"});
}

TEST_CASE("a first start with shares: nothing can be used before they are made [B7]") {
  Server server;
  REQUIRE(server.keeper->wait(std::optional<Share>{}).has_value());
  CHECK(server.sentence == "the server is sealed: no shares were made yet (cardea hsm init-shares)");
  UnsealKey key;
  CHECK(server.keeper->give(unseal::whole(key)).error() ==
        Error{Errc::conflict, "no shares were made yet: cardea hsm init-shares"});
  CHECK_FALSE(server.take_over().value().sealed);
  CHECK(server.vault != nullptr);
}

TEST_CASE("shares that are wrong are refused with a sentence, and do no harm [B6]") {
  Server server;
  REQUIRE(server.take_over(2, 3).has_value());
  const auto others = unseal::split(UnsealKey{}, 2, 3).value();
  server.restart();
  auto& keeper = *server.keeper;
  REQUIRE(keeper.give(server.shares[0]).has_value());
  CHECK(keeper.give(server.shares[0]).error() == Error{Errc::conflict, "share 1 was given already"});
  CHECK(keeper.give(others[1]).error().what.rfind("share 2 is of the key ", 0) == 0);
  auto forged = server.shares[1].clone();
  forged.data.expose()[0] ^= 1U;
  CHECK(keeper.give(forged).error() ==
        Error{Errc::denied, "share 2 is not genuine: it was not made with the others"});
  forged = server.shares[1].clone();
  forged.threshold = 1;
  CHECK(keeper.give(forged).error().code == Errc::denied);
  CHECK(keeper.status().given == std::vector<unsigned>{1});
  CHECK(keeper.abort().given.empty());
  REQUIRE(keeper.give(server.shares[2]).has_value());
  server.clock.advance(Keeper::kPatience);
  CHECK(keeper.status().given.empty());
  REQUIRE(keeper.give(server.shares[2]).has_value());
  CHECK_FALSE(keeper.give(server.shares[1]).value().sealed);
}

TEST_CASE("a take-over that is cut off anywhere never loses the PIN [B7]") {
  for (int change = 1; change <= 2; ++change) {
    for (const bool before : {true, false}) {
      CAPTURE(change);
      CAPTURE(before);
      Server server;
      REQUIRE(server.keeper->open_plain().has_value());
      (before ? server.token.killed_before : server.token.killed_after) = change;
      CHECK_THROWS_AS((void)server.take_over(), Killed);
      server.token.killed_before = server.token.killed_after = -1;
      server.restart();
      // Cut off once more while it is being finished.
      server.token.change = 0;
      server.token.killed_after = 1;
      REQUIRE(server.keeper->give(server.shares[0]).has_value());
      CHECK_THROWS_AS((void)server.keeper->give(server.shares[2]), Killed);
      server.token.killed_after = -1;
      server.restart();
      REQUIRE(server.keeper->give(server.shares[1]).has_value());
      CHECK_FALSE(server.keeper->give(server.shares[2]).value().sealed);
      CHECK(server.plain_pins_are_void());
      CHECK_FALSE(server.has_plain());
      CHECK(server.token.wrong <= 2);  // tries at a real HSM are counted
      server.restart();
      REQUIRE(server.keeper->give(server.shares[1]).has_value());
      CHECK_FALSE(server.keeper->give(server.shares[0]).value().sealed);
    }
  }
}

TEST_CASE("PINs are changed under the same shares; new shares void the old ones [B7] [B10]") {
  Server server;
  CHECK(server.keeper->change_pins().error().code == Errc::conflict);
  REQUIRE(server.take_over().has_value());
  const auto user = server.token.user;
  const auto officer = server.token.officer;
  REQUIRE(server.keeper->change_pins().has_value());
  CHECK(server.token.user != user);
  CHECK(server.token.officer != officer);
  server.token.change = 0;
  server.token.killed_after = 1;
  CHECK_THROWS_AS((void)server.keeper->change_pins(), Killed);
  server.token.killed_after = -1;
  server.restart();
  CHECK(server.take_over().error().code == Errc::conflict);  // sealed; and `shares` are of no key now
}

TEST_CASE("new shares of an open server void the old ones [B6]") {
  Server server;
  REQUIRE(server.take_over(2, 3).has_value());
  std::vector<Share> old;
  for (const auto& share : server.shares)
    old.push_back(share.clone());
  REQUIRE(server.take_over(3, 4).has_value());
  server.restart();
  CHECK(server.keeper->give(old[0]).error().code == Errc::invalid);
  for (const auto i : {3U, 1U, 0U})
    REQUIRE(server.keeper->give(server.shares[i]).has_value());
  CHECK(server.vault != nullptr);
}

TEST_CASE("what the machine keeps opens at once; where it fails, people still can [B7]") {
  Server server;
  UnsealKey key;
  server.rng.fill(key.expose());
  server.shares = unseal::split(key, 2, 3).value();
  std::vector<std::array<std::uint8_t, 32>> digests;
  for (const auto& share : server.shares)
    digests.push_back(unseal::digest(share));
  auto own = unseal::whole(key);
  REQUIRE(server.keeper->take_over(std::move(key), 2, digests).has_value());
  server.restart();
  CHECK(server.keeper->wait(tl::unexpected{Error{Errc::unavailable, "the TPM is gone"}}).error().what ==
        "the TPM is gone");
  CHECK(server.vault == nullptr);
  REQUIRE(server.keeper->wait(std::optional{own.clone()}).has_value());
  CHECK(server.vault != nullptr);
  server.restart();
  own.data.expose()[0] ^= 1U;
  CHECK(server.keeper->wait(std::optional{own.clone()}).error().code == Errc::corrupt);
  CHECK(server.vault == nullptr);
  // One share that the machine keeps leaves the rest to people.
  REQUIRE(server.keeper->wait(std::optional{server.shares[0].clone()}).has_value());
  CHECK(server.keeper->status().given == std::vector<unsigned>{1});
  CHECK_FALSE(server.keeper->give(server.shares[1]).value().sealed);
}

TEST_CASE("the file of secrets: damage and other keys are told apart [B6]") {
  Server server;
  REQUIRE(server.take_over().has_value());
  const auto file = unseal::SecretsFile::load(server.file()).value();
  REQUIRE(file.has_value());
  CHECK(file->open(UnsealKey{}).error().code == Errc::denied);
  std::ifstream in{server.file()};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  CHECK(text.find(server.token.user) == std::string::npos);
  std::ofstream{server.file()} << text.substr(0, text.size() / 2);
  CHECK(unseal::SecretsFile::load(server.file()).error().code == Errc::corrupt);
  server.restart();
  CHECK(server.keeper->status().sentence.find("is damaged: restore it from a backup") != std::string::npos);
  std::filesystem::permissions(server.file(), std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  CHECK(unseal::SecretsFile::load(server.file()).error().code == Errc::denied);
}

}  // namespace cardea::test
