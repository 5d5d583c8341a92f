#pragma once

#include "cardea/bytes.h"
#include "cardea/card/algorithm.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::card {

/// Block ciphers under keys that the card itself holds for the time of a session. What keys are derived from
/// stays in the KeyVault.
///
/// CBC only: a block with an initial value of zeroes is ECB, the last block of a chain is what MACs are made
/// of. Triple DES with three equal parts is single DES, so weak keys are taken.
///
/// Laws, tested by tests/contract for each implementation:
///  1. SP 800-38A, 6.2, without padding: whole blocks in, as many octets out; nothing in gives nothing out.
///  2. `cbc_decrypt` undoes `cbc_encrypt`.
///  3. `invalid` for an asymmetric algorithm, a key not of `key_size`, an initial value not of `block_size`,
///     or data that is not whole blocks.
///  4. Calls do not depend on each other. Nothing of key or data is kept, and copies are wiped.
class SessionCipher {
 public:
  SessionCipher() = default;
  SessionCipher(const SessionCipher&) = delete;
  SessionCipher& operator=(const SessionCipher&) = delete;
  virtual ~SessionCipher() = default;

  virtual Result<SecretBytes> cbc_encrypt(Algorithm algorithm, const SecretBytes& key, BytesView initial,
                                          BytesView blocks) = 0;
  virtual Result<SecretBytes> cbc_decrypt(Algorithm algorithm, const SecretBytes& key, BytesView initial,
                                          BytesView blocks) = 0;
};

}  // namespace cardea::card
