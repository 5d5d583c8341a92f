#include "diversify.h"

#include <algorithm>
#include <array>
#include <bit>

namespace cardea::signer {

namespace {

using vault::Derivation;
using vault::Diversification;

constexpr std::size_t kBlock = 16;

// SP 800-38B, 6.1: multiplication by x in GF(2^128), without a branch on the secret bit.
void double_in_field(std::span<std::uint8_t> block) {
  constexpr unsigned kR128 = 0x87;
  unsigned carry = 0;
  for (std::size_t i = block.size(); i-- > 0;) {
    const unsigned shifted = (static_cast<unsigned>(block[i]) << 1U) | carry;
    block[i] = static_cast<std::uint8_t>(shifted);
    carry = shifted >> 8U;
  }
  block.back() = static_cast<std::uint8_t>(block.back() ^ (kR128 * carry));
}

/// SP 800-38B, 6.2, of one whole block, which is all that there is to authenticate here.
Result<SecretBytes> cmac_of_block(const EncryptBlocks& encrypt, BytesView message) {
  CARDEA_TRY(auto masked, encrypt(Bytes(kBlock)));
  const auto block = masked.expose();
  double_in_field(block);
  for (std::size_t i = 0; i < kBlock; ++i)
    block[i] = static_cast<std::uint8_t>(block[i] ^ message[i]);
  return encrypt(block);
}

// Counter (1 octet), then 00 00 00, the key identifier, 00 and the card's data: as GlobalPlatformPro has it,
// which is what CMSs that offer "KDF3" agree with.
Result<SecretBytes> kdf3(const Derivation& how, std::size_t size, const EncryptBlocks& encrypt) {
  SecretBytes out{size};
  std::uint8_t counter = 0;
  for (std::size_t at = 0; at < size; at += kBlock) {
    Bytes message{++counter, 0x00, 0x00, 0x00, how.identifier, 0x00};
    append(message, how.data);
    CARDEA_TRY(const auto part, cmac_of_block(encrypt, message));
    const auto wanted = std::min(kBlock, size - at);
    std::ranges::copy(part.expose().first(wanted), out.expose().subspan(at).begin());
  }
  return out;
}

/// Six octets of the card's data, F0 and the key identifier; the six again, 0F and the key identifier.
Bytes des_template(const Derivation& how) {
  const BytesView data{how.data};
  const Bytes six = how.scheme == Diversification::emv ? to_bytes(data.last(6))
                                                       : concat({data.first(2), data.subspan(4, 4)});
  Bytes out;
  for (const std::uint8_t half : {std::uint8_t{0xF0}, std::uint8_t{0x0F}}) {
    append(out, six);
    append(out, std::array{half, how.identifier});
  }
  return out;
}

}  // namespace

void set_odd_parity(std::span<std::uint8_t> key) {
  for (auto& octet : key) {
    const unsigned seven = octet & 0xFEU;
    octet = static_cast<std::uint8_t>(seven | (std::popcount(seven) % 2 == 0 ? 1U : 0U));
  }
}

Result<SecretBytes> diversify(const Derivation& how, card::Algorithm master, card::Algorithm key,
                              const EncryptBlocks& encrypt) {
  if (!vault::makes(how.scheme, master, key))
    return fail(Errc::invalid, "this master key does not make keys of that kind");
  if (how.identifier < 1 || how.identifier > 3)
    return fail(Errc::invalid, "the keys of a security domain are numbered 1, 2 and 3");
  if (how.scheme == Diversification::kdf3) return kdf3(how, card::key_size(key), encrypt);
  CARDEA_TRY(auto derived, encrypt(des_template(how)));
  if (key == card::Algorithm::aes128) return derived;
  SecretBytes out{card::key_size(key)};
  const auto octets = out.expose();
  std::ranges::copy(derived.expose(), octets.begin());
  std::ranges::copy(octets.first(8), octets.last(8).begin());
  set_odd_parity(octets);
  return out;
}

}  // namespace cardea::signer
