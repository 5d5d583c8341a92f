#include "awaited_proofs.h"

#include <algorithm>
#include <chrono>

#include "cardea/secret.h"

namespace cardea::store {
namespace {

constexpr std::size_t kNumber = 8;
constexpr std::size_t kEntry = kNumber + kNumber + std::tuple_size_v<ProofDigest>;
constexpr std::size_t kMost = 8;
constexpr std::chrono::hours kLife{24};

}  // namespace

Result<AwaitedProofs> AwaitedProofs::parse(BytesView octets) {
  if (octets.size() % kEntry != 0 || octets.size() > kMost * kEntry) {
    return fail(Errc::corrupt, "a PIN's awaited proofs have the wrong size");
  }
  AwaitedProofs out;
  for (; !octets.empty(); octets = octets.subspan(kEntry)) {
    Entry entry;
    entry.attempt = read_be(octets.first(kNumber));
    entry.paid = Time{Time::duration{static_cast<Time::rep>(read_be(octets.subspan(kNumber, kNumber)))}};
    std::ranges::copy(octets.subspan(2 * kNumber, entry.digest.size()), entry.digest.begin());
    out.entries_.push_back(entry);
  }
  return out;
}

Bytes AwaitedProofs::encode() const {
  Bytes out;
  out.reserve(entries_.size() * kEntry);
  for (const auto& entry : entries_) {
    append_be64(out, entry.attempt);
    append_be64(out, static_cast<std::uint64_t>(entry.paid.time_since_epoch().count()));
    append(out, entry.digest);
  }
  return out;
}

void AwaitedProofs::add(std::uint64_t attempt, const AwaitedProof& proof) {
  std::erase_if(entries_, [&proof](const Entry& entry) { return proof.paid - entry.paid >= kLife; });
  if (entries_.size() == kMost) entries_.erase(entries_.begin());
  entries_.push_back({attempt, proof.paid, proof.digest});
}

void AwaitedProofs::drop_up_to(std::uint64_t attempt) {
  std::erase_if(entries_, [attempt](const Entry& entry) { return entry.attempt <= attempt; });
}

std::optional<std::uint64_t> AwaitedProofs::find(const ProofDigest& digest, Time now) const {
  std::optional<std::uint64_t> found;
  for (const auto& entry : entries_) {
    if (constant_time_equal(entry.digest, digest) && now - entry.paid < kLife) found = entry.attempt;
  }
  return found;
}

}  // namespace cardea::store
