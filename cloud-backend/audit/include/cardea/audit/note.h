#pragma once

#include <string>
#include <string_view>

#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::audit {

/// The key that a log's notes verify with: ECDSA on P-256 over SHA-256 (C2SP signed-note, signature type
/// 0x02).
struct NoteKey {
  std::string name;  ///< no blank, no plus sign
  Bytes point;       ///< 04 | x | y

  friend bool operator==(const NoteKey&, const NoteKey&) = default;
};

/// `name+hash+base64`, as C2SP writes verifier keys.
std::string to_text(const NoteKey& key);
/// Errors: `corrupt`.
Result<NoteKey> parse_note_key(std::string_view text);

/// `text` with its signature below. `signature` is r | s of SHA-256(text). Errors: `invalid`.
Result<std::string> sign_note(const std::string& text, const NoteKey& key, BytesView signature);
/// The text of a note with a valid signature of this key. Errors: `corrupt`.
Result<std::string> open_note(std::string_view note, const NoteKey& key);

}  // namespace cardea::audit
