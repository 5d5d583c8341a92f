#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cardea/unseal/shares.h"

namespace cardea::unseal {

// What a machine keeps for itself, so that it starts without people.

/// From the service manager: the file `cardea-unseal` in $CREDENTIALS_DIRECTORY (systemd:
/// LoadCredentialEncrypted=), a share as text. Nothing when there is none. Errors: `invalid`, `unavailable`.
Result<std::optional<Share>> share_from_credential();

/// The key inside a sealed object of the TPM, below its storage key: good on this machine only. `tcti` names
/// the way to the TPM as tpm2-tss does ("device:/dev/tpmrm0"); the session with it is encrypted, so that
/// nothing passes over the bus in the clear. Errors: `unavailable` (no TPM), `corrupt`.
Result<Bytes> seal_in_tpm(const std::string& tcti, const UnsealKey& key);
/// Errors: `unavailable`; `denied` when it is another TPM, or was cleared; `corrupt`.
Result<UnsealKey> unseal_in_tpm(const std::string& tcti, BytesView blob);

/// `seal_in_tpm` into a file, and back as the whole key's share. Nothing when there is no file.
Result<void> save_in_tpm(const std::string& tcti, const std::filesystem::path& file, const UnsealKey& key);
Result<std::optional<Share>> share_from_tpm(const std::string& tcti, const std::filesystem::path& file);

}  // namespace cardea::unseal
