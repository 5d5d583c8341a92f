#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "cardea/cms/perso/plan.h"
#include "cardea/cms/piv/admin_key.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::cms::perso {

/// What opens a card; PIN and PUK as fields of eight octets.
struct Credentials {
  SecretBytes pin, puk;
  piv::AdminKey management_key;
};

/// PIN 123456, PUK 12345678, the management key of the factory.
Credentials factory_credentials();

/// Those that issuance sets; what is absent stays as it is.
struct NewCredentials {
  std::optional<SecretBytes> pin, puk;
  std::optional<piv::AdminKey> management_key;
};

/// Reads the first line of a file, or of standard input when it is called "-". Errors: `not_found`,
/// `unavailable`.
Result<SecretBytes> read_secret_line(const std::filesystem::path& file);

/// Reads a whole file, at most 64 KiB. Errors likewise; `invalid` when it is longer.
Result<SecretBytes> read_secret_file(const std::filesystem::path& file);

/// The value of the line `name: …` of such a file; nothing when there is none.
std::optional<SecretBytes> secret_line(const SecretBytes& text, std::string_view name);
/// Octets out of hexadecimal digits; nothing when they are not.
std::optional<SecretBytes> secret_from_hex(const SecretBytes& digits);

/// Asks twice on the terminal, without echo. Errors: `unavailable` without a terminal, `invalid` when the two
/// differ.
Result<SecretBytes> prompt_secret(const std::string& what);

/// A PIN as the plan wants it. Errors: `invalid` with the rule that is broken, never with the value.
Result<SecretBytes> make_pin(const SecretBytes& text, const PinPlan& rules);
/// A PUK: eight characters.
Result<SecretBytes> make_puk(const SecretBytes& text);
/// A management key in hexadecimal, of the size that the algorithm has.
Result<piv::AdminKey> make_management_key(const SecretBytes& text, piv::AdminAlgorithm algorithm);
/// A management key whose algorithm is guessed from its size (24 octets: 3DES, which may turn out to be
/// AES-192).
Result<piv::AdminKey> guess_management_key(const SecretBytes& text);

/// The three in one file: lines `pin: …`, `puk: …`, `management-key: …`.
Result<NewCredentials> read_secrets_file(const std::filesystem::path& file, const Plan& plan);

/// Writes random values for what the plan changes into a new file of mode 0600, and returns them. Errors:
/// `conflict` when the file is there already.
Result<NewCredentials> generate_secrets_file(const std::filesystem::path& file, const Plan& plan);

}  // namespace cardea::cms::perso
