#include "cardea/audit/note.h"

#include <doctest/doctest.h>

#include "cardea/audit/checkpoint.h"
#include "cardea/audit/receipt.h"
#include "signing.h"

using namespace cardea;
using namespace cardea::audit;
using cardea::audit::test::Signer;

TEST_CASE("a checkpoint is three lines, and is read back from exactly those") {
  const Checkpoint checkpoint{"cardea.example/log", 20'852'163, sha256({})};
  const std::string text = "cardea.example/log\n20852163\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
  CHECK(to_text(checkpoint) == text);
  CHECK(parse_checkpoint(text).value() == checkpoint);
  for (const auto* bad : {"", "a\n1\n", "a\n01\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
                          "a\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n", "a\n1\nAAAA\n",
                          "\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"})
    CHECK(parse_checkpoint(bad).error().code == Errc::corrupt);
}

TEST_CASE("[F3] a note opens with its key and with no other, and not when it was changed") {
  Signer signer{"cardea.example"};
  const Signer other{"cardea.example"};
  const auto note = signer.note("cardea.example\n1\nx\n");
  CHECK(open_note(note, signer.key()).value() == "cardea.example\n1\nx\n");
  CHECK(open_note(note, other.key()).error().code == Errc::corrupt);
  for (std::size_t i = 0; i < note.size(); ++i) {
    auto changed = note;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(open_note(changed, signer.key()).has_value());
  }
}

TEST_CASE("a log's key is one line") {
  const Signer signer{"cardea.example"};
  const auto text = to_text(signer.key());
  CHECK(text.starts_with("cardea.example+"));
  CHECK(parse_note_key(text).value() == signer.key());
  CHECK_FALSE(parse_note_key(text.substr(1)).has_value());
  CHECK_FALSE(parse_note_key("cardea.example").has_value());
}

TEST_CASE("[F3] a receipt proves its entry, and nothing that was changed") {
  Signer signer{"cardea.example"};
  Tree tree;
  Bytes entry;
  for (std::int64_t n = 0; n < 5; ++n) {
    const auto one = encode_row({"audit", {{"number", n, true}, {"action", std::string{"key.use"}}}});
    if (n == 3) entry = one;
    tree.append(leaf_hash(one));
  }
  const Tree::Reader nobody = [](std::uint64_t, std::uint64_t) -> Result<std::vector<Hash>> {
    return fail(Errc::unavailable, "");
  };
  const Receipt receipt{entry, 3, tree.inclusion(3, 5, nobody).value(),
                        signer.note(to_text(Checkpoint{"cardea.example", 5, tree.root()}))};
  const auto text = to_text(receipt);
  const auto proven = check_receipt(text, signer.key());
  REQUIRE(proven);
  CHECK(proven->number == 3);
  CHECK(proven->size == 5);
  CHECK(describe(encode_key(proven->row)) == "table audit, row");
  CHECK(std::get<std::string>(proven->row.columns[0].value) == "key.use");
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(check_receipt(changed, signer.key()).has_value());
  }
}
