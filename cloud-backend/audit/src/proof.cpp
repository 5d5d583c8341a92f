#include <bit>

#include "cardea/audit/tree.h"

namespace cardea::audit {

// RFC 9162, 2.1.3.2.
bool verify_inclusion(const Hash& leaf, std::uint64_t number, std::uint64_t size, const Proof& proof,
                      const Hash& root) {
  if (number >= size) return false;
  auto fn = number;
  auto sn = size - 1;
  Hash r = leaf;
  for (const auto& p : proof) {
    if (sn == 0) return false;
    if (fn % 2 != 0 || fn == sn) {
      r = node_hash(p, r);
      while (fn % 2 == 0 && fn != 0) {
        fn >>= 1U;
        sn >>= 1U;
      }
    } else {
      r = node_hash(r, p);
    }
    fn >>= 1U;
    sn >>= 1U;
  }
  return sn == 0 && r == root;
}

// RFC 9162, 2.1.4.2.
bool verify_consistency(std::uint64_t older, std::uint64_t size, const Hash& older_root, const Hash& root,
                        const Proof& proof) {
  if (older > size) return false;
  if (older == 0) return proof.empty();
  if (older == size) return proof.empty() && older_root == root;
  auto path = proof;
  if (std::has_single_bit(older)) path.insert(path.begin(), older_root);
  if (path.empty()) return false;
  auto fn = older - 1;
  auto sn = size - 1;
  while (fn % 2 != 0) {
    fn >>= 1U;
    sn >>= 1U;
  }
  Hash fr = path.front();
  Hash sr = path.front();
  for (std::size_t i = 1; i < path.size(); ++i) {
    const auto& c = path[i];
    if (sn == 0) return false;
    if (fn % 2 != 0 || fn == sn) {
      fr = node_hash(c, fr);
      sr = node_hash(c, sr);
      while (fn % 2 == 0 && fn != 0) {
        fn >>= 1U;
        sn >>= 1U;
      }
    } else {
      sr = node_hash(sr, c);
    }
    fn >>= 1U;
    sn >>= 1U;
  }
  return sn == 0 && fr == older_root && sr == root;
}

}  // namespace cardea::audit
