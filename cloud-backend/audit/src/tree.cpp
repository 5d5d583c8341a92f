#include "cardea/audit/tree.h"

#include <openssl/evp.h>

#include <array>
#include <bit>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <string>

namespace cardea::audit {

namespace {

constexpr std::uint64_t kBlock = 256;

/// The largest power of two below `n`, which is 2 or more.
std::uint64_t split(std::uint64_t n) {
  return std::bit_floor(n - 1);
}

Hash fold(const Hash* leaves, std::uint64_t n) {
  if (n == 1) return *leaves;
  const auto k = split(n);
  return node_hash(fold(leaves, k), fold(leaves + k, n - k));
}

using Algorithm = std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

/// Fetched once, and one context a thread: SHA256() looks the algorithm up each time, which costs more than
/// to hash a row.
Hash sha256_of(std::initializer_list<BytesView> parts) {
  static const Algorithm algorithm{EVP_MD_fetch(nullptr, "SHA256", nullptr), &EVP_MD_free};
  thread_local const Context context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
  Hash hash{};
  bool done = context && EVP_DigestInit_ex(context.get(), algorithm.get(), nullptr) == 1;
  for (const auto part : parts)
    done = done && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  if (!done || EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) != 1) {
    std::abort();  // only without memory; a hash that is silently wrong would be worse
  }
  return hash;
}

tl::unexpected<Error> beyond(std::uint64_t size) {
  return fail(Errc::invalid, "the log has " + std::to_string(size) + " leaves");
}

}  // namespace

Hash sha256(BytesView data) {
  return sha256_of({data});
}

Hash leaf_hash(BytesView data) {
  static constexpr std::array<std::uint8_t, 1> kLeaf{0x00};
  return sha256_of({kLeaf, data});
}

Hash node_hash(const Hash& left, const Hash& right) {
  std::array<std::uint8_t, 65> all{0x01};
  std::copy(left.begin(), left.end(), all.begin() + 1);
  std::copy(right.begin(), right.end(), all.begin() + 33);
  return sha256(all);
}

void Tree::append(const Hash& leaf) {
  tail_.push_back(leaf);
  ++size_;
  if (tail_.size() < kBlock) return;
  Hash node = fold(tail_.data(), kBlock);
  tail_.clear();
  for (std::size_t level = 0;; ++level) {
    if (level == levels_.size()) levels_.emplace_back();
    auto& nodes = levels_[level];
    nodes.push_back(node);
    if (nodes.size() % 2 != 0) return;
    node = node_hash(nodes[nodes.size() - 2], nodes.back());
  }
}

Hash Tree::root() const {
  // Full subtrees from the smallest up: each is the right half of what came so far.
  if (size_ == 0) return sha256({});
  bool have = !tail_.empty();
  Hash hash{};
  if (have) hash = fold(tail_.data(), tail_.size());
  for (const auto& nodes : levels_) {
    if (nodes.size() % 2 == 0) continue;
    hash = have ? node_hash(nodes.back(), hash) : nodes.back();
    have = true;
  }
  return hash;
}

Result<std::vector<Hash>> Tree::leaves(std::uint64_t first, std::uint64_t count, const Reader& reader) const {
  const auto tail_begins = size_ - tail_.size();
  if (first >= tail_begins) {
    const auto* begin = tail_.data() + (first - tail_begins);
    return std::vector<Hash>(begin, begin + count);
  }
  CARDEA_TRY(auto hashes, reader(first, count));
  if (hashes.size() != count) return fail(Errc::corrupt, "leaves are missing from the log");
  return hashes;
}

/// Ranges come from splitting, so a range of 2^n leaves begins at a multiple of 2^n.
Result<Hash> Tree::range(std::uint64_t first, std::uint64_t count, const Reader& reader) const {
  if (count == 0) return sha256({});
  if (count >= kBlock && std::has_single_bit(count)) {
    const auto level = static_cast<std::size_t>(std::countr_zero(count / kBlock));
    return levels_.at(level).at(first / count);
  }
  if (count < kBlock) {
    CARDEA_TRY(const auto hashes, leaves(first, count, reader));
    return fold(hashes.data(), count);
  }
  const auto k = split(count);
  CARDEA_TRY(const auto left, range(first, k, reader));
  CARDEA_TRY(const auto right, range(first + k, count - k, reader));
  return node_hash(left, right);
}

Result<Hash> Tree::root(std::uint64_t size, const Reader& reader) const {
  if (size > size_) return beyond(size_);
  return range(0, size, reader);
}

Result<Proof> Tree::inclusion(std::uint64_t leaf, std::uint64_t size, const Reader& reader) const {
  if (size > size_ || leaf >= size) return beyond(size_);
  Proof proof;
  std::uint64_t first = 0;
  while (size > 1) {
    const auto k = split(size);
    const bool left = leaf < k;
    CARDEA_TRY(const auto other, left ? range(first + k, size - k, reader) : range(first, k, reader));
    proof.insert(proof.begin(), other);
    if (left) {
      size = k;
    } else {
      leaf -= k;
      first += k;
      size -= k;
    }
  }
  return proof;
}

Result<Proof> Tree::consistency(std::uint64_t older, std::uint64_t size, const Reader& reader) const {
  if (size > size_ || older > size) return beyond(size_);
  Proof proof;
  if (older == 0 || older == size) return proof;
  std::uint64_t first = 0;
  bool whole = true;  // the older tree is a subtree that the verifier knows
  while (older != size) {
    const auto k = split(size);
    const bool left = older <= k;
    CARDEA_TRY(const auto other, left ? range(first + k, size - k, reader) : range(first, k, reader));
    proof.insert(proof.begin(), other);
    if (left) {
      size = k;
    } else {
      older -= k;
      first += k;
      size -= k;
      whole = false;
    }
  }
  if (!whole) {
    CARDEA_TRY(const auto own, range(first, size, reader));
    proof.insert(proof.begin(), own);
  }
  return proof;
}

}  // namespace cardea::audit
