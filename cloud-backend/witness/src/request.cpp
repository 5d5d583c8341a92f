#include "cardea/witness/request.h"

#include <charconv>

namespace cardea::witness {

namespace {

constexpr std::string_view kOld = "old ";
/// tlog-witness: "The client MUST NOT send more than 63 consistency proof lines."
constexpr std::size_t kMaxProof = 63;

}  // namespace

std::optional<audit::Checkpoint> parse_checkpoint_text(std::string_view text) {
  std::size_t end = 0;
  for (int line = 0; line < 3; ++line) {
    end = text.find('\n', end);
    if (end == std::string_view::npos) return std::nullopt;
    ++end;
  }
  const auto extensions = text.substr(end);
  const bool empty_line = extensions.starts_with('\n') || extensions.find("\n\n") != std::string_view::npos;
  if (empty_line || !text.ends_with('\n')) return std::nullopt;
  const auto checkpoint = audit::parse_checkpoint(text.substr(0, end));
  if (!checkpoint) return std::nullopt;
  return *checkpoint;
}

std::optional<AddCheckpoint> parse_add_checkpoint(std::string_view body) {
  const auto gap = body.find("\n\n");
  if (gap == std::string_view::npos || !body.starts_with(kOld)) return std::nullopt;
  auto head = body.substr(kOld.size(), gap + 1 - kOld.size());
  AddCheckpoint request;
  const auto end = head.find('\n');
  const auto number = head.substr(0, end);
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), request.old);
  if (parsed.ec != std::errc{} || std::to_string(request.old) != number) return std::nullopt;
  head.remove_prefix(end + 1);
  auto proof = audit::parse_proof(head);
  if (!proof || proof->size() > kMaxProof) return std::nullopt;
  request.proof = *std::move(proof);

  request.note = body.substr(gap + 2);
  const auto below = request.note.find("\n\n");
  if (below == std::string::npos || !request.note.ends_with('\n')) return std::nullopt;
  request.text = request.note.substr(0, below + 1);
  const auto checkpoint = parse_checkpoint_text(request.text);
  // open_note takes the last empty line for the end of the text: both must mean the same one.
  if (!checkpoint || request.note.rfind("\n\n") != below) return std::nullopt;
  request.checkpoint = *checkpoint;
  return request;
}

}  // namespace cardea::witness
