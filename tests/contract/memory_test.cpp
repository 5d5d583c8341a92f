// The implementations in memory, on which all other card tests stand, keep the laws.

#include <doctest/doctest.h>

#include "cardea/test/memory_pin_vault.h"
#include "cardea/test/memory_store.h"
#include "cardea/test/software_key_vault.h"
#include "key_vault_laws.h"
#include "pin_vault_laws.h"
#include "store_laws.h"

namespace cardea::test {

namespace {

class MemoryStoreBench final : public StoreBench {
 public:
  card::Store& store() override { return store_; }
  card::Store& second_session() override { return store_; }
  card::Store* other_card() override { return &other_; }
  bool fail_next_commit() override {
    medium_.fail_after(1);
    return true;
  }

 private:
  Medium medium_, other_medium_;
  MemoryStore store_{medium_}, other_{other_medium_};
};

class MemoryPinBench final : public PinVaultBench {
 public:
  card::PinVault& session(unsigned /*n*/) override { return vault_; }
  card::Store* store() override { return &store_; }
  bool fail_step(unsigned n) override {
    medium_.fail_after(n);
    return true;
  }
  std::optional<std::uint64_t> comparisons() override { return vault_.comparisons(); }

 private:
  Medium medium_;
  MemoryStore store_{medium_};
  MemoryPinVault vault_{medium_};
};

class SoftwareKeyBench final : public KeyVaultBench {
 public:
  card::KeyVault& vault() override { return vault_; }
  card::KeyVault& other_card() override { return other_; }
  bool set_available(bool available) override {
    vault_.set_available(available);
    return true;
  }

 private:
  SoftwareKeyVault vault_{1}, other_{2};
};

std::unique_ptr<KeyVaultBench> key_bench() {
  return std::make_unique<SoftwareKeyBench>();
}

}  // namespace

TEST_CASE("MemoryStore keeps the laws of Store") {
  store_laws([] { return std::make_unique<MemoryStoreBench>(); });
}

TEST_CASE("MemoryPinVault: values, counters, limits") {
  pin_vault_basics([] { return std::make_unique<MemoryPinBench>(); });
}

TEST_CASE("MemoryPinVault keeps the laws of PinVault") {
  pin_vault_laws([] { return std::make_unique<MemoryPinBench>(); });
}

TEST_CASE("SoftwareKeyVault: generated keys of every algorithm work") {
  key_vault_generate_laws(key_bench);
}

TEST_CASE("SoftwareKeyVault: imported keys work, wrong ones are refused") {
  key_vault_import_laws(key_bench);
}

TEST_CASE("SoftwareKeyVault protects keys") {
  key_vault_protection_laws(key_bench);
}

TEST_CASE("Medium: a crash lasts until it is over, a refusal one call") {
  Medium medium;
  MemoryStore store{medium};
  const card::Change change{{card::RecordSpace::object, 1}, Bytes{1}};
  medium.fail_after(2, Failure::crashed);
  CHECK(store.commit({&change, 1}).has_value());
  CHECK_FALSE(store.commit({&change, 1}).has_value());
  CHECK_FALSE(store.commit({&change, 1}).has_value());
  CHECK(store.generation().value() == 1);
  medium.revive();
  CHECK(store.commit({&change, 1}).has_value());
  CHECK_FALSE(medium.failure_pending());
}

}  // namespace cardea::test
