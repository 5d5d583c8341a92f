#pragma once

#include <string>
#include <string_view>

#include "cardea/audit/note.h"
#include "cardea/audit/row.h"
#include "cardea/audit/tree.h"

namespace cardea::audit {

/// That one entry is in the log, for somebody who trusts the log's key and nobody else.
struct Receipt {
  Bytes entry;  ///< encode_row or encode_key
  std::uint64_t number = 0;
  Proof proof;
  std::string checkpoint;  ///< a signed note
};

std::string to_text(const Receipt& receipt);

/// What a good receipt says.
struct Proven {
  Row row;
  std::uint64_t number = 0;  ///< of the leaf
  std::uint64_t size = 0;    ///< of the log then
  std::string origin;
  std::string checkpoint;  ///< the signed note, for those who ask who else signed it
};

/// Errors: `corrupt` with a sentence about what is wrong.
Result<Proven> check_receipt(std::string_view text, const NoteKey& key);

}  // namespace cardea::audit
