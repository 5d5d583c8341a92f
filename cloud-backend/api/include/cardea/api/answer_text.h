#pragma once

#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::api {

/// An answer to a security question as it is compared: letters and digits only, in Unicode's compatibility
/// form (NFKC), with case folding: "St. Mary's" and "ST MARYS" are one answer. Marks stay: "é" is not "e".
/// Errors: `invalid` for text that is not UTF-8, longer than 256 octets, or without letters and digits.
Result<SecretBytes> normalise_answer(BytesView utf8);

}  // namespace cardea::api
