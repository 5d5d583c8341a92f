#include "cardea/card/gp/sequence_counters.h"

#include <optional>
#include <utility>

namespace cardea::card::gp {

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kSize = 5;

Result<std::uint32_t> number_in(const std::optional<Bytes>& octets) {
  if (!octets) return 0U;
  if (octets->size() != kSize || octets->front() != kFormat)
    return fail(Errc::corrupt, "the record of a sequence counter is damaged");
  return static_cast<std::uint32_t>(read_be(BytesView{*octets}.subspan(1)));
}

}  // namespace

Result<std::uint32_t> StoredSequenceCounters::current(std::uint8_t key_version) {
  CARDEA_TRY(const auto octets, store_.get(record(key_version)));
  return number_in(octets);
}

Result<void> StoredSequenceCounters::advance(std::uint8_t key_version, std::uint32_t from) {
  CARDEA_TRY(auto before, store_.get(record(key_version)));
  CARDEA_TRY(const auto now, number_in(before));
  if (now != from) return fail(Errc::conflict, "another secure channel was opened meanwhile");
  Bytes octets{kFormat};
  append_be32(octets, from + 1);
  const Condition unchanged{record(key_version), std::move(before)};
  const Change change{record(key_version), std::move(octets)};
  return store_.commit_if({&unchanged, 1}, {&change, 1});
}

}  // namespace cardea::card::gp
