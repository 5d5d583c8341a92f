#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include "cardea/bytes.h"
#include "cardea/cms/gp/keys.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::cms::gp {

/// The ciphers of SCP02 and SCP03, none of which pads.
enum class Cipher : std::uint8_t {
  tdes_ecb,
  tdes_cbc,
  des_cbc,  ///< with the left eight octets of the key
  aes_ecb,
  aes_cbc,
};

/// `iv` is empty for ECB, and may be for CBC where it is zero. `out` has the size of `in`, which is whole
/// blocks. Errors: `invalid` for sizes, `unsupported` when OpenSSL refuses.
Result<void> encrypt_into(Cipher cipher, const SecretBytes& key, BytesView iv, BytesView in,
                          std::span<std::uint8_t> out);
Result<Bytes> encrypt(Cipher cipher, const SecretBytes& key, BytesView iv, BytesView in);
Result<Bytes> decrypt(Cipher cipher, const SecretBytes& key, BytesView iv, BytesView in);

/// The last block of CBC with IV zero over padded data: the cryptograms of SCP02.
Result<Bytes> tdes_mac(const SecretBytes& key, BytesView data);

/// ISO/IEC 9797-1 MAC algorithm 3 with padding method 2: DES-CBC, the last block with 3DES.
Result<Bytes> retail_mac(const SecretBytes& key, BytesView iv, BytesView data);

/// AES-CMAC (NIST SP 800-38B) over all parts; 16 octets.
Result<Bytes> cmac(const SecretBytes& key, std::initializer_list<BytesView> parts);

/// NIST SP 800-108 in counter mode with AES-CMAC and a counter of one octet, from 1:
/// CMAC(key, before ‖ counter ‖ after).
Result<SecretBytes> counter_kdf(const SecretBytes& key, BytesView before, BytesView after, std::size_t size);

/// Amendment D, 4.1.5: label (eleven zeros and a constant), 00, length in bits, counter, context.
Result<SecretBytes> scp03_kdf(const SecretBytes& key, std::uint8_t constant, BytesView context,
                              std::size_t size);

/// 80 and zeros up to a whole block, at least one octet.
Bytes pad80(BytesView data, std::size_t block);

}  // namespace cardea::cms::gp
