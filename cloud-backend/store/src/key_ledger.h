#pragma once

#include "cardea/store/key_ledger.h"

namespace cardea::store {

class SqliteDatabase;

class SqliteKeyLedger final : public KeyLedger {
 public:
  explicit SqliteKeyLedger(SqliteDatabase& database) : database_{database} {}

  Result<KeyMode> key_mode(const std::string& organisation) override;
  Result<void> set_key_mode(const std::string& organisation, KeyMode mode) override;

  Result<void> add(const SpareKeyRow& row) override;
  Result<std::optional<SpareKeyRow>> take(const std::string& organisation,
                                          card::Algorithm algorithm) override;
  Result<std::vector<SpareCount>> spare_counts() override;
  Result<std::vector<SpareKeyRow>> spares(const std::string& organisation) override;
  Result<bool> replace_spare(std::uint64_t number, const Bytes& sealed) override;

  Result<std::vector<KekVersionRow>> kek_versions() override;
  Result<void> add_kek_version(const std::string& organisation, std::uint32_t version, Time at) override;
  Result<void> advance(const std::string& organisation, std::uint32_t version, std::uint64_t cursor,
                       std::optional<Time> finished_at) override;
  Result<void> retire_below(const std::string& organisation, std::uint32_t version, Time at) override;
  Result<std::vector<KeyRecordRow>> key_records(const std::string& organisation, std::uint64_t after,
                                                std::size_t cards) override;
  Result<bool> replace_key_record(const KeyRecordRow& expected, const Bytes& value) override;

  Result<void> add(const CardKeysRow& row) override;
  Result<std::vector<CardKeysRow>> card_keys(const std::string& organisation) override;
  Result<bool> replace_masters(const CardKeysRow& expected, const std::vector<Bytes>& masters) override;
  Result<void> retire_card_keys(const std::string& organisation, Time at) override;

  Result<ResidentUse> reserve(const ResidentKeyRow& row, const ResidentCaps& caps) override;
  Result<void> release(const std::array<std::uint8_t, 16>& id) override;
  Result<std::vector<ResidentKeyRow>> resident_keys() override;
  Result<std::vector<ResidentKeyRow>> resident_keys_of(const std::string& card) override;
  Result<std::optional<ResidentKeyState>> resident_key(const std::array<std::uint8_t, 16>& id) override;
  Result<std::size_t> resident_count() override;
  Result<std::vector<ResidentUse>> resident_use() override;
  Result<ResidentUse> resident_use(const std::string& organisation) override;
  Result<void> set_resident_cap(const std::string& organisation, std::optional<std::size_t> cap) override;

 private:
  SqliteDatabase& database_;
};

}  // namespace cardea::store
