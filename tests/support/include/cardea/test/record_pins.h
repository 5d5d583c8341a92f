#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "cardea/store/pin_records.h"

namespace cardea::test {

/// card::PinVault over PinRecords without any cryptography: a record is the value itself, filled up. For
/// tests of what the database keeps and counts.
class RecordPins final : public card::PinVault {
 public:
  explicit RecordPins(std::unique_ptr<store::PinRecords> records) : records_{std::move(records)} {}

  Result<card::PinStatus> status(card::PinRef ref) override { return records_->status(ref); }

  Result<card::PinVerdict> verify(card::PinRef ref, const card::PinEvidence& evidence) override {
    CARDEA_TRY(const auto attempt, records_->spend(ref));
    if (!attempt.paid || attempt.expected.record != record_of(evidence)) {
      return card::PinVerdict{false, attempt.status};
    }
    return records_->forgive(ref, attempt);
  }

  Result<void> replace(std::span<const card::PinUpdate> updates) override {
    std::vector<store::PinRecordUpdate> records;
    for (const auto& update : updates) {
      if (update.value == nullptr) return fail(Errc::invalid, "a new PIN has no value");
      records.push_back({update.ref,
                         {Bytes(16, 0x0F), Bytes(9, 0x0F), record_of(*update.value)},
                         update.factory_value,
                         update.tries_max,
                         std::nullopt,
                         update.replaces});
    }
    return records_->replace(records, {});
  }

  Result<bool> change_awaited() override { return false; }

 private:
  static Bytes record_of(const card::PinEvidence& evidence) {
    constexpr std::size_t kRecord = 192;
    const auto& value = std::get<card::PlainPin>(evidence).value;
    auto record = to_bytes(value.expose());
    const auto size = static_cast<std::uint8_t>(record.size());
    record.resize(kRecord - 1);
    record.push_back(size);
    return record;
  }

  std::unique_ptr<store::PinRecords> records_;
};

}  // namespace cardea::test
