#include "cardea/audit/receipt.h"

#include <charconv>

#include "cardea/audit/checkpoint.h"

namespace cardea::audit {

namespace {

constexpr std::string_view kFirst = "cardea/receipt/1\n";

/// The rest of a line that begins with `word`; nothing when the next one does not.
std::optional<std::string_view> take(std::string_view& text, std::string_view word) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(word)) return std::nullopt;
  const auto rest = text.substr(word.size(), end - word.size());
  text.remove_prefix(end + 1);
  return rest;
}

tl::unexpected<Error> bad(const char* why) {
  return fail(Errc::corrupt, why);
}

}  // namespace

std::string to_text(const Receipt& receipt) {
  return std::string{kFirst} + "entry " + base64(receipt.entry) + "\nleaf " + std::to_string(receipt.number) +
         "\n" + to_text(receipt.proof) + "\n" + receipt.checkpoint;
}

Result<Proven> check_receipt(std::string_view text, const NoteKey& key) {
  if (!text.starts_with(kFirst)) return bad("this is no receipt");
  text.remove_prefix(kFirst.size());
  const auto entry_text = take(text, "entry ");
  const auto number_text = entry_text ? take(text, "leaf ") : std::nullopt;
  const auto gap = text.starts_with('\n') ? 0 : text.find("\n\n");
  if (!number_text || gap == std::string_view::npos) return bad("this is no receipt");
  const auto entry = from_base64(*entry_text);
  auto row = entry ? decode(*entry) : std::nullopt;
  if (!row) return bad("the receipt's entry cannot be read");
  Proven proven{std::move(*row), 0, 0, {}, {}};
  const auto parsed =
      std::from_chars(number_text->data(), number_text->data() + number_text->size(), proven.number);
  if (parsed.ec != std::errc{} || std::to_string(proven.number) != *number_text)
    return bad("this is no receipt");
  const auto proof_end = gap == 0 ? 0 : gap + 1;
  CARDEA_TRY(const auto proof, parse_proof(text.substr(0, proof_end)));
  proven.checkpoint = text.substr(proof_end + 1);
  CARDEA_TRY(const auto note, open_note(proven.checkpoint, key));
  CARDEA_TRY(const auto checkpoint, parse_checkpoint(note));
  if (!verify_inclusion(leaf_hash(*entry), proven.number, checkpoint.size, proof, checkpoint.root)) {
    return bad("the receipt's entry is not in the log");
  }
  proven.size = checkpoint.size;
  proven.origin = checkpoint.origin;
  return proven;
}

}  // namespace cardea::audit
