#include "cardea/audit/witness.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

namespace cardea::audit {

namespace {

tl::unexpected<Error> cannot(const std::filesystem::path& file, const char* verb) {
  return fail(errno == ENOSPC ? Errc::exhausted : Errc::unavailable,
              std::string{"cannot "} + verb + " the last checkpoint in " + file.string() + ": " +
                  std::generic_category().message(errno));
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const auto n = ::write(descriptor, text.data(), text.size());
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return ::fsync(descriptor) == 0;
}

}  // namespace

// The file: the log's key, one line; the last checkpoint as it was signed.
Result<Witness> Witness::open(std::filesystem::path file) {
  Witness witness{std::move(file)};
  std::ifstream in{witness.file_, std::ios::binary};
  if (!in) {
    if (errno != ENOENT) return cannot(witness.file_, "read");
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
  if (last_ != checkpoint) CARDEA_CHECK(write(to_text(key) + "\n" + note));
  key_ = key;
  last_ = checkpoint;
  return checkpoint;
}

Result<void> Witness::write(const std::string& text) const {
  auto fresh = file_;
  fresh += ".new";
  const int descriptor = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return cannot(fresh, "write");
  const bool written = write_all(descriptor, text);
  const int reason = errno;
  ::close(descriptor);
  errno = reason;
  if (!written || ::rename(fresh.c_str(), file_.c_str()) != 0) return cannot(fresh, "write");
  const auto folder = file_.has_parent_path() ? file_.parent_path() : std::filesystem::path{"."};
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
  return {};
}

}  // namespace cardea::audit
