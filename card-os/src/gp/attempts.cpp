#include "gp/attempts.h"

#include <optional>
#include <utility>

#include "gp/records.h"

namespace cardea::card::gp {

namespace {

constexpr std::uint8_t kFormat = 1;

Result<unsigned> failures_in(const std::optional<Bytes>& octets) {
  if (!octets) return 0U;
  if (octets->size() != 2 || octets->front() != kFormat)
    return fail(Errc::corrupt, "the record of failed authentications is damaged");
  return octets->back();
}

}  // namespace

Result<bool> Attempts::used_up(std::uint8_t version) {
  CARDEA_TRY(const auto octets, store_.get(failures_id(version)));
  CARDEA_TRY(const auto failures, failures_in(octets));
  return failures >= kLimit;
}

Result<bool> Attempts::spend(std::uint8_t version) {
  constexpr int kRounds = 16;
  for (int i = 0; i < kRounds; ++i) {
    CARDEA_TRY(auto before, store_.get(failures_id(version)));
    CARDEA_TRY(const auto failures, failures_in(before));
    if (failures >= kLimit) return false;
    const Condition unchanged{failures_id(version), std::move(before)};
    const Change change{failures_id(version), Bytes{kFormat, static_cast<std::uint8_t>(failures + 1)}};
    const auto spent = store_.commit_if({&unchanged, 1}, {&change, 1});
    if (spent) return true;
    if (spent.error().code != Errc::conflict) return tl::unexpected{spent.error()};
  }
  return fail(Errc::unavailable, "too many hosts authenticate at once");
}

Result<void> Attempts::restore(std::uint8_t version) {
  const Change change{failures_id(version), std::nullopt};
  return store_.commit({&change, 1});
}

}  // namespace cardea::card::gp
