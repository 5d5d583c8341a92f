// The formats of the log of changes, against files that a second implementation has written from their
// descriptions.

#include <doctest/doctest.h>

#include <string>

#include "cardea/audit/cosignature.h"
#include "cardea/audit/receipt.h"
#include "cardea/hex.h"
#include "cardea/witness/request.h"
#include "golden.h"

namespace cardea::test {
namespace {

using namespace audit;  // NOLINT(google-build-using-namespace): the thing under test

Result<std::vector<Hash>> no_leaves(std::uint64_t, std::uint64_t) {
  return fail(Errc::unavailable, "a tree this small needs none");
}

/// The log of the file, its first leaves.
Tree tree_of(std::int64_t leaves, std::vector<Bytes>& entries) {
  Tree tree;
  for (std::int64_t n = 0; n < leaves; ++n) {
    entries.push_back(encode_row({"audit", {{"number", n, true}, {"action", std::string{"key.use"}}}}));
    tree.append(leaf_hash(entries.back()));
  }
  return tree;
}

}  // namespace

TEST_CASE("golden: rows and the keys that name them [B8]") {
  const std::vector<Row> rows{
      {"cards",
       {{"id", std::string{"0f7a3bb4-8fb2-4f0e-9a55-6f4f2a4d6c11"}, true},
        {"holder", std::monostate{}},
        {"label", std::string{"K\xC3\xA4rtchen"}},
        {"secret", Bytes{0x00, 0xFF}},
        {"serial", std::int64_t{-3}},
        {"weight", 0.5}}},
      {"pins",
       {{"card", std::int64_t{7}, true}, {"ref", std::int64_t{128}, true}, {"spent", std::int64_t{1}}}},
      {"pins",
       {{"card", std::int64_t{7}, true},
        {"ref", std::int64_t{129}, true},
        {"spent", std::int64_t{1}},
        {"must_change", std::int64_t{1}},
        {"factory", std::int64_t{0}}}},
      // A column that the row is older than.
      {"pins",
       {{"card", std::int64_t{8}, true},
        {"ref", std::int64_t{128}, true},
        {"spent", std::int64_t{1}},
        {"must_change", std::monostate{}}}}};
  const auto cases = golden("audit-rows.txt");
  REQUIRE(cases.size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& v = cases[i];
    CHECK(text(v, "table") == rows[i].table);
    CHECK(to_hex(encode_row(rows[i])) == v.at("row"));
    CHECK(to_hex(encode_key(rows[i])) == v.at("tombstone"));
    CHECK(to_hex(leaf_hash(octets(v, "row"))) == v.at("row_leaf"));
    CHECK(to_hex(leaf_hash(octets(v, "tombstone"))) == v.at("tombstone_leaf"));
    CHECK(is_tombstone(octets(v, "tombstone")));
    CHECK_FALSE(is_tombstone(octets(v, "row")));
    const auto read = decode(octets(v, "row"));
    REQUIRE(read);
    CHECK(to_hex(encode_row(*read)) == v.at("row"));
  }
}

TEST_CASE("golden: a checkpoint, its proofs and a receipt read and write [B8] [F3]") {
  const auto v = golden("audit-log.txt").front();
  const auto key = parse_note_key(text(v, "log_key")).value();
  CHECK(to_text(key) == text(v, "log_key"));
  std::vector<Bytes> entries;
  const auto size = octets(v, "leaves")[0];
  const auto old = octets(v, "old")[0];
  const auto tree = tree_of(size, entries);
  CHECK(to_hex(tree.root()) == v.at("root"));
  const auto old_root = tree.root(old, no_leaves).value();
  CHECK(to_hex(old_root) == v.at("old_root"));

  const auto opened = open_note(text(v, "checkpoint"), key).value();
  const auto checkpoint = parse_checkpoint(opened).value();
  CHECK(checkpoint == Checkpoint{text(v, "origin"), size, tree.root()});
  CHECK(sign_note(to_text(checkpoint), key, octets(v, "raw_signature")).value() == text(v, "checkpoint"));

  const auto proof = parse_proof(text(v, "consistency")).value();
  CHECK(verify_consistency(old, size, old_root, tree.root(), proof));
  CHECK(tree.consistency(old, size, no_leaves).value() == proof);

  const auto number = octets(v, "number")[0];
  const auto proven = check_receipt(text(v, "receipt"), key).value();
  CHECK(proven.number == number);
  CHECK(proven.size == size);
  CHECK(encode_row(proven.row) == entries[number]);
  const Receipt receipt{entries[number], number, tree.inclusion(number, size, no_leaves).value(),
                        text(v, "checkpoint") + text(v, "cosignature")};
  CHECK(to_text(receipt) == text(v, "receipt"));
}

TEST_CASE("golden: a cosignature reads and writes, and what asks for one reads [B8]") {
  const auto v = golden("audit-log.txt").front();
  const auto key = parse_cosigner_key(text(v, "witness_key")).value();
  CHECK(to_text(key) == text(v, "witness_key"));
  const auto time = read_be(octets(v, "time"));
  CHECK(open_cosignature(text(v, "checkpoint") + text(v, "cosignature"), key).value() == time);
  CHECK(cosignature_line(key, time, octets(v, "signature")) == text(v, "cosignature"));
  CHECK(open_cosignature(
            check_receipt(text(v, "receipt"), parse_note_key(text(v, "log_key")).value())->checkpoint, key)
            .value() == time);

  const auto request = witness::parse_add_checkpoint(text(v, "request"));
  REQUIRE(request);
  CHECK(request->old == octets(v, "old")[0]);
  CHECK(to_text(request->proof) == text(v, "consistency"));
  CHECK(request->note == text(v, "checkpoint"));
  CHECK(to_text(request->checkpoint) == request->text);
}

}  // namespace cardea::test
