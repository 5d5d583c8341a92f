#pragma once

#include <string>
#include <vector>

#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::cli {

/// Which keys a ceremony is about.
struct KeyForm {
  std::string algorithm;  ///< aes-128, aes-192, aes-256, tdes-2key, tdes-3key
  bool three = false;     ///< ENC, MAC and DEK instead of one key for all
};

/// Octets in one key.
std::size_t key_size(const KeyForm& form);

/// The first three octets of the key check value in hexadecimal digits. Triple DES: a block of zeroes
/// (GlobalPlatform Card Specification 2.3.1, B.5); AES: a block of ones (Amendment D, 4.1.4).
Result<std::string> check_value(const KeyForm& form, const SecretBytes& key);

/// Keys in hexadecimal digits, one a line; empty lines and lines that begin with # do not count. Errors:
/// `not_found`; `denied` when others may read the file; `invalid`.
Result<std::vector<SecretBytes>> keys_in_file(const KeyForm& form, const std::string& file);

/// The sum of the components of each key, from standard input. Where a person types, nothing typed is shown,
/// a mistyped one is asked for again, and the check values have to be agreed to. Those of the components and
/// of the sums go to standard error. Errors: `invalid`; `denied` when they are not agreed to.
Result<std::vector<SecretBytes>> keys_from_components(const KeyForm& form, unsigned components);

}  // namespace cardea::cli
