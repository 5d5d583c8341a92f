#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cardea/bytes.h"

namespace cardea::audit {

/// One line below a note: who, with which key, and the signature.
struct SignatureLine {
  std::string_view name;
  Bytes id;         ///< 4 octets
  Bytes signature;  ///< what follows them
};

/// A note (C2SP signed-note) in its parts; both borrow from it. Lines that are no signatures are left out.
struct NoteParts {
  std::string_view text;
  std::vector<SignatureLine> lines;
};
std::optional<NoteParts> parts_of(std::string_view note);

/// `typed_key`: the signature type, then the key.
Bytes key_id(std::string_view name, BytesView typed_key);
std::string signature_line(std::string_view name, BytesView typed_key, BytesView signature);

/// `name+id+base64`.
std::string verifier_text(std::string_view name, BytesView typed_key);
struct Verifier {
  std::string name;
  Bytes typed_key;
};
std::optional<Verifier> parse_verifier(std::string_view text);

}  // namespace cardea::audit
