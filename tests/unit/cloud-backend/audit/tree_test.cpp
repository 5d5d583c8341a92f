#include "cardea/audit/tree.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "cardea/hex.h"

using namespace cardea;
using namespace cardea::audit;

namespace {

// The reference leaves, roots and proofs of Certificate Transparency's own test suite
// (google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc; the same in transparency-dev/merkle,
// testonly/reference.go).
constexpr std::array kInputs{
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696A6B6C6D6E6F"};
constexpr std::array kRoots{"6E340B9CFFB37A989CA544E6BB780A2C78901D3FB33738768511A30617AFA01D",
                            "FAC54203E7CC696CF0DFCB42C92A1D9DBAF70AD9E621F4BD8D98662F00E3C125",
                            "AEB6BCFE274B70A14FB067A5E5578264DB0FA9B51AF5E0BA159158F329E06E77",
                            "D37EE418976DD95753C1C73862B9398FA2A2CF9B4FF0FDFE8B30CD95209614B7",
                            "4E3BBB1F7B478DCFE71FB631631519A3BCA12C9AEFCA1612BFCE4C13A86264D4",
                            "76E67DADBCDF1E10E1B74DDC608ABD2F98DFB16FBCE75277B5232A127F2087EF",
                            "DDB89BE403809E325750D3D263CD78929C2942B7942A34B77E122C9594A74C8C",
                            "5DC9DA79A70659A9AD559CB701DED9A2AB9D823AAD2F4960CFE370EFF4604328"};

Result<std::vector<Hash>> nothing(std::uint64_t, std::uint64_t) {
  return fail(Errc::unavailable, "nothing below a block is asked for");
}

std::string text(const Hash& hash) {
  return to_hex(hash);
}

/// A tree of `n` leaves that differ, and their hashes.
struct Grown {
  explicit Grown(std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) {
      Bytes data;
      append_be64(data, i);
      leaves.push_back(leaf_hash(data));
      tree.append(leaves.back());
    }
  }
  [[nodiscard]] Tree::Reader reader() const {
    return [this](std::uint64_t first, std::uint64_t count) -> Result<std::vector<Hash>> {
      const auto begin = leaves.begin() + static_cast<std::ptrdiff_t>(first);
      return std::vector<Hash>(begin, begin + static_cast<std::ptrdiff_t>(count));
    };
  }
  std::vector<Hash> leaves;
  Tree tree;
};

/// The definition of RFC 9162, 2.1.1, word for word.
Hash defined(const std::vector<Hash>& leaves, std::size_t first, std::size_t n) {
  if (n == 1) return leaves[first];
  std::size_t k = 1;
  while (k * 2 < n)
    k *= 2;
  return node_hash(defined(leaves, first, k), defined(leaves, first + k, n - k));
}

}  // namespace

TEST_CASE("[B8] [RFC9162#2.1.1] roots of the reference tree at every size") {
  Tree tree;
  CHECK(text(tree.root()) == "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855");
  for (std::size_t i = 0; i < kInputs.size(); ++i) {
    tree.append(leaf_hash(*from_hex(kInputs[i])));
    CHECK(text(tree.root()) == kRoots[i]);
    CHECK(text(tree.root(i + 1, nothing).value()) == kRoots[i]);
  }
}

TEST_CASE("[B8] [RFC9162#2.1.3] inclusion proofs of the reference tree") {
  Tree tree;
  for (const auto* input : kInputs)
    tree.append(leaf_hash(*from_hex(input)));
  const auto proof = tree.inclusion(0, 8, nothing).value();
  REQUIRE(proof.size() == 3);
  CHECK(text(proof[0]) == "96A296D224F285C67BEE93C30F8A309157F0DAA35DC5B87E410B78630A09CFC7");
  CHECK(text(proof[1]) == "5F083F0A1A33CA076A95279832580DB3E0EF4584BDFF1F54C8A360F50DE3031E");
  CHECK(text(proof[2]) == "6B47AAF29EE3C2AF9AF889BC1FB9254DABD31177F16232DD6AAB035CA39BF6E4");
  const auto fifth = tree.inclusion(5, 8, nothing).value();
  REQUIRE(fifth.size() == 3);
  CHECK(text(fifth[0]) == "BC1A0643B12E4D2D7C77918F44E0F4F79A838B6CF9EC5B5C283E1F4D88599E6B");
  CHECK(text(fifth[1]) == "CA854EA128ED050B41B35FFC1B87B8EB2BDE461E9E3B5596ECE6B9D5975A0AE0");
  CHECK(text(fifth[2]) == "D37EE418976DD95753C1C73862B9398FA2A2CF9B4FF0FDFE8B30CD95209614B7");
}

TEST_CASE("[B8] every leaf of every size has a proof, and no other proof holds") {
  const Grown grown{70};
  for (std::uint64_t size = 1; size <= 70; ++size) {
    const auto root = grown.tree.root(size, grown.reader()).value();
    REQUIRE(root == defined(grown.leaves, 0, size));
    for (std::uint64_t leaf = 0; leaf < size; ++leaf) {
      auto proof = grown.tree.inclusion(leaf, size, grown.reader()).value();
      REQUIRE(verify_inclusion(grown.leaves[leaf], leaf, size, proof, root));
      CHECK_FALSE(verify_inclusion(grown.leaves[(leaf + 1) % 70], leaf, size, proof, root));
      CHECK_FALSE(verify_inclusion(grown.leaves[leaf], leaf + size, size, proof, root));
      if (size > 1) CHECK_FALSE(verify_inclusion(grown.leaves[leaf], (leaf + 1) % size, size, proof, root));
      proof.push_back(root);
      CHECK_FALSE(verify_inclusion(grown.leaves[leaf], leaf, size, proof, root));
    }
  }
}

TEST_CASE("[B8] every size continues every older one, and no other tree does") {
  const Grown grown{40};
  for (std::uint64_t size = 1; size <= 40; ++size) {
    const auto root = grown.tree.root(size, grown.reader()).value();
    for (std::uint64_t older = 1; older <= size; ++older) {
      const auto before = grown.tree.root(older, grown.reader()).value();
      const auto proof = grown.tree.consistency(older, size, grown.reader()).value();
      REQUIRE(verify_consistency(older, size, before, root, proof));
      auto other = before;
      other[0] ^= 1U;
      CHECK_FALSE(verify_consistency(older, size, other, root, proof));
      other = root;
      other[31] ^= 1U;
      CHECK_FALSE(verify_consistency(older, size, before, other, proof));
      if (older < size) CHECK_FALSE(verify_consistency(size, older, root, before, proof));
    }
  }
}

TEST_CASE("[B8] above a block the tree uses the nodes that it kept") {
  const Grown grown{1500};
  for (const std::uint64_t size : {255U, 256U, 257U, 511U, 512U, 768U, 1023U, 1024U, 1281U, 1500U}) {
    const auto root = grown.tree.root(size, grown.reader()).value();
    CHECK(root == defined(grown.leaves, 0, size));
    const auto proof = grown.tree.inclusion(size / 2, size, grown.reader()).value();
    CHECK(verify_inclusion(grown.leaves[size / 2], size / 2, size, proof, root));
    const auto older = grown.tree.root(size - 200, grown.reader()).value();
    CHECK(verify_consistency(size - 200, size, older, root,
                             grown.tree.consistency(size - 200, size, grown.reader()).value()));
  }
  CHECK(grown.tree.root() == defined(grown.leaves, 0, 1500));
}

TEST_CASE("proofs beyond the tree are refused") {
  const Grown grown{3};
  CHECK(grown.tree.root(4, nothing).error().what == "the log has 3 leaves");
  CHECK(grown.tree.inclusion(3, 3, nothing).error().code == Errc::invalid);
  CHECK(grown.tree.consistency(3, 4, nothing).error().code == Errc::invalid);
}
