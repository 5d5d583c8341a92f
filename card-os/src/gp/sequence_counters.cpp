#include "cardea/card/gp/sequence_counters.h"

namespace cardea::card::gp {

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kSize = 5;

}  // namespace

Result<std::uint32_t> StoredSequenceCounters::current(std::uint8_t key_version) {
  CARDEA_TRY(const auto octets, store_.get(record(key_version)));
  if (!octets) return 0U;
  if (octets->size() != kSize || octets->front() != kFormat)
    return fail(Errc::corrupt, "the record of a sequence counter is damaged");
  return static_cast<std::uint32_t>(read_be(BytesView{*octets}.subspan(1)));
}

Result<void> StoredSequenceCounters::advance(std::uint8_t key_version, std::uint32_t from) {
  CARDEA_TRY(const auto now, current(key_version));
  if (now != from) return fail(Errc::conflict, "another secure channel was opened meanwhile");
  Bytes octets{kFormat};
  append_be32(octets, from + 1);
  const Change change{record(key_version), std::move(octets)};
  return store_.commit({&change, 1});
}

}  // namespace cardea::card::gp
