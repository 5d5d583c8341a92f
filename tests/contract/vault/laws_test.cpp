// The vault over SoftHSM keeps the laws of KeyVault.

#include <doctest/doctest.h>

#include "token_bench.h"

namespace cardea::test {

namespace {

std::unique_ptr<KeyVaultBench> softhsm() {
  return std::make_unique<SoftHsmBench>();
}

}  // namespace

TEST_CASE("SoftHSM vault: generated keys of every algorithm work") {
  key_vault_generate_laws(softhsm);
}

TEST_CASE("SoftHSM vault: imported keys work, wrong ones are refused") {
  key_vault_import_laws(softhsm);
}

TEST_CASE("SoftHSM vault protects keys") {
  key_vault_protection_laws(softhsm);
}

}  // namespace cardea::test
