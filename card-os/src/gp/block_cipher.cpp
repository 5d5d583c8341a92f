#include "gp/block_cipher.h"

#include <algorithm>
#include <utility>

namespace cardea::card::gp {

namespace {

constexpr std::size_t kAesBlock = 16;

void add(std::span<std::uint8_t> to, BytesView what) {
  for (std::size_t i = 0; i < to.size(); ++i)
    to[i] = static_cast<std::uint8_t>(to[i] ^ what[i]);
}

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

std::size_t fill(std::span<std::uint8_t> out, std::initializer_list<BytesView> parts) {
  std::size_t at = 0;
  for (const auto part : parts) {
    std::ranges::copy(part, out.subspan(at).begin());
    at += part.size();
  }
  return at;
}

std::size_t total(std::initializer_list<BytesView> parts) {
  std::size_t n = 0;
  for (const auto part : parts)
    n += part.size();
  return n;
}

}  // namespace

Result<SecretBytes> BlockCipher::encrypt(BytesView blocks) const {
  return encrypt(Bytes(block_size()), blocks);
}

Result<SecretBytes> StaticKey::encrypt(BytesView initial, BytesView blocks) const {
  const auto size = block_size();
  SecretBytes out{blocks.size()};
  SecretBytes chain{initial};
  for (std::size_t at = 0; at < blocks.size(); at += size) {
    add(chain.expose(), blocks.subspan(at, size));
    CARDEA_TRY(chain, vault_.encrypt_block(key_, std::as_const(chain).expose()));
    std::ranges::copy(chain.expose(), out.expose().subspan(at).begin());
  }
  return out;
}

Result<SecretBytes> StaticKey::decrypt(BytesView initial, BytesView blocks) const {
  const auto size = block_size();
  SecretBytes out{blocks.size()};
  BytesView chain{initial};
  for (std::size_t at = 0; at < blocks.size(); at += size) {
    const auto block = blocks.subspan(at, size);
    CARDEA_TRY(auto plain, vault_.decrypt_block(key_, block));
    add(plain.expose(), chain);
    std::ranges::copy(std::as_const(plain).expose(), out.expose().subspan(at).begin());
    chain = block;
  }
  return out;
}

// SP 800-38B, 6.2.
Result<SecretBytes> cmac(const BlockCipher& key, BytesView message) {
  const bool whole = !message.empty() && message.size() % kAesBlock == 0;
  CARDEA_TRY(auto subkey, key.encrypt(Bytes(kAesBlock)));
  double_in_field(subkey.expose());
  if (!whole) double_in_field(subkey.expose());

  auto blocks = whole ? SecretBytes{message} : join_padded({message}, kAesBlock);
  add(blocks.expose().last(kAesBlock), subkey.expose());
  CARDEA_TRY(const auto chained, key.encrypt(blocks.expose()));
  return SecretBytes{chained.expose().last(kAesBlock)};
}

SecretBytes join(std::initializer_list<BytesView> parts) {
  SecretBytes out{total(parts)};
  fill(out.expose(), parts);
  return out;
}

SecretBytes join_padded(std::initializer_list<BytesView> parts, std::size_t block) {
  SecretBytes out{(total(parts) / block + 1) * block};
  const auto end = fill(out.expose(), parts);
  out.expose()[end] = 0x80;
  return out;
}

std::optional<std::size_t> unpadded_size(BytesView padded) {
  auto n = padded.size();
  while (n > 0 && padded[n - 1] == 0x00)
    --n;
  if (n == 0 || padded[n - 1] != 0x80) return std::nullopt;
  return n - 1;
}

}  // namespace cardea::card::gp
