#pragma once

// A SoftHSM token of its own, and a vault over it with two cards.

#include <doctest/doctest.h>
#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "../key_vault_laws.h"
#include "cardea/vault/vault.h"

namespace cardea::test {

/// A directory that goes away with the object.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ScratchDirectory(ScratchDirectory&&) = delete;
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A token with the keys of the tenant "acme".
class TestToken {
 public:
  TestToken();

  /// As cardead opens it. The signer is reached by a link that a test can take away.
  [[nodiscard]] vault::Options options() const;
  [[nodiscard]] const vault::SoftHsm& hsm() const { return hsm_; }
  [[nodiscard]] std::filesystem::path directory() const { return scratch_.path(); }
  void install_signer(bool installed) const;

 private:
  ScratchDirectory scratch_;
  vault::SoftHsm hsm_;
};

/// The token that all cases share: making one takes 50 ms, and the laws leave nothing in it.
const TestToken& shared_token();

/// Process ids of this process's signers.
std::vector<pid_t> signers();
/// Waits until the process is stopped by a signal.
void stop(pid_t process);

class SoftHsmBench final : public KeyVaultBench {
 public:
  SoftHsmBench();

  card::KeyVault& vault() override { return *card_; }
  card::KeyVault& other_card() override { return *other_; }
  bool set_available(bool available) override;

 private:
  TestToken token_;
  std::unique_ptr<vault::Vault> vault_;
  std::unique_ptr<card::KeyVault> card_, other_;
};

}  // namespace cardea::test
