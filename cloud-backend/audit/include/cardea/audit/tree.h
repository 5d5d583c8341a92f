#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "cardea/audit/hash.h"
#include "cardea/result.h"

namespace cardea::audit {

using Proof = std::vector<Hash>;

/// A Merkle tree that only grows (RFC 9162, section 2.1). It keeps the nodes above each 256 leaves and the
/// leaves after the last such block, an eighth of an octet a leaf or so; what proofs need below that, it asks
/// its reader for.
class Tree {
 public:
  /// The hashes of `count` leaves from number `first` on.
  using Reader = std::function<Result<std::vector<Hash>>(std::uint64_t first, std::uint64_t count)>;

  void append(const Hash& leaf);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] Hash root() const;

  /// The root that the tree had with `size` leaves. Errors: `invalid` beyond the tree's size, those of the
  /// reader.
  Result<Hash> root(std::uint64_t size, const Reader& reader) const;
  /// 2.1.3.1: that leaf number `leaf` is in the tree of the first `size` leaves. Errors: as above.
  Result<Proof> inclusion(std::uint64_t leaf, std::uint64_t size, const Reader& reader) const;
  /// 2.1.4.1: that the tree of `older` leaves is the beginning of that of `size` leaves. Errors: as above.
  Result<Proof> consistency(std::uint64_t older, std::uint64_t size, const Reader& reader) const;

 private:
  Result<Hash> range(std::uint64_t first, std::uint64_t count, const Reader& reader) const;
  Result<std::vector<Hash>> leaves(std::uint64_t first, std::uint64_t count, const Reader& reader) const;

  std::uint64_t size_ = 0;
  std::vector<std::vector<Hash>> levels_;  ///< [0]: a node for each 256 leaves, [1]: for each 512 …
  std::vector<Hash> tail_;                 ///< leaves of the block that is not full
};

/// 2.1.3.2. False for any proof that is not exactly right.
bool verify_inclusion(const Hash& leaf, std::uint64_t number, std::uint64_t size, const Proof& proof,
                      const Hash& root);
/// 2.1.4.2. An older size of 0 is consistent with everything, by an empty proof.
bool verify_consistency(std::uint64_t older, std::uint64_t size, const Hash& older_root, const Hash& root,
                        const Proof& proof);

}  // namespace cardea::audit
