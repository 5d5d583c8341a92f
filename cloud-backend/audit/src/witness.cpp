#include "cardea/audit/witness.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include "cardea/audit/durable_file.h"

namespace cardea::audit {

namespace {

tl::unexpected<Error> cannot_read(const std::filesystem::path& file) {
  return fail(Errc::unavailable, "cannot read the last checkpoint in " + file.string() + ": " +
                                     std::generic_category().message(errno));
}

}  // namespace

// The file: the log's key, one line; the last checkpoint as it was signed.
Result<Witness> Witness::open(std::filesystem::path file) {
  Witness witness{std::move(file)};
  std::ifstream in{witness.file_, std::ios::binary};
  if (!in) {
    if (errno != ENOENT) return cannot_read(witness.file_);
    return witness;
  }
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  const auto end = text.find('\n');
  const auto damaged =
      fail(Errc::corrupt, "the last checkpoint in " + witness.file_.string() + " is damaged");
  if (end == std::string::npos) return damaged;
  const auto key = parse_note_key(std::string_view{text}.substr(0, end));
  if (!key) return damaged;
  const auto note = open_note(std::string_view{text}.substr(end + 1), *key);
  if (!note) return damaged;
  const auto last = parse_checkpoint(*note);
  if (!last) return damaged;
  witness.key_ = *key;
  witness.last_ = *last;
  return witness;
}

Result<Checkpoint> Witness::add(const std::string& note, const NoteKey& key, const Proof& proof) {
  if (key_ && key != *key_) return fail(Errc::corrupt, "the checkpoint is of another log's key");
  CARDEA_TRY(const auto text, open_note(note, key));
  CARDEA_TRY(const auto checkpoint, parse_checkpoint(text));
  if (last_) {
    const auto said = "the witness has seen " + std::to_string(last_->size) + " leaves";
    if (checkpoint.origin != last_->origin) return fail(Errc::conflict, "the checkpoint is of another log");
    if (checkpoint.size < last_->size) {
      return fail(Errc::conflict, said + ", and the log has only " + std::to_string(checkpoint.size));
    }
    if (!verify_consistency(last_->size, checkpoint.size, last_->root, checkpoint.root, proof)) {
      return fail(Errc::conflict, said + " that are not the beginning of this log");
    }
  }
  if (last_ != checkpoint) CARDEA_CHECK(write_durably(file_, to_text(key) + "\n" + note));
  key_ = key;
  last_ = checkpoint;
  return checkpoint;
}

}  // namespace cardea::audit
