#include "crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

namespace cardea::cms::gp {

namespace {

constexpr std::size_t kDesKeySize = 8;
constexpr std::size_t kAesBlock = 16;

tl::unexpected<Error> refused() {
  return fail(Errc::unsupported, "OpenSSL cannot compute the cipher of this secure channel");
}

/// The key as OpenSSL wants it. 3DES with two keys is K1 K2 K1; single DES, which OpenSSL 3 has put aside, is
/// 3DES with the same key three times.
Result<SecretBytes> spread(Cipher cipher, const SecretBytes& key) {
  const BytesView octets = key.expose();
  if (cipher == Cipher::aes_ecb || cipher == Cipher::aes_cbc) {
    if (octets.size() != 16 && octets.size() != 24 && octets.size() != 32)
      return fail(Errc::invalid, "an AES key has 16, 24 or 32 octets");
    return SecretBytes{octets};
  }
  if (octets.size() != 2 * kDesKeySize) return fail(Errc::invalid, "a 3DES key has 16 octets");
  const auto left = octets.first(kDesKeySize);
  const auto middle = cipher == Cipher::des_cbc ? left : octets.last(kDesKeySize);
  SecretBytes out{3 * kDesKeySize};
  const auto room = out.expose();
  std::ranges::copy(left, room.begin());
  std::ranges::copy(middle, room.begin() + kDesKeySize);
  std::ranges::copy(left, room.begin() + 2 * kDesKeySize);
  return out;
}

const EVP_CIPHER* algorithm(Cipher cipher, std::size_t key_size) {
  switch (cipher) {
    case Cipher::tdes_ecb:
      return EVP_des_ede3_ecb();
    case Cipher::tdes_cbc:
    case Cipher::des_cbc:
      return EVP_des_ede3_cbc();
    case Cipher::aes_ecb:
      return key_size == 16 ? EVP_aes_128_ecb() : key_size == 24 ? EVP_aes_192_ecb() : EVP_aes_256_ecb();
    case Cipher::aes_cbc:
      return key_size == 16 ? EVP_aes_128_cbc() : key_size == 24 ? EVP_aes_192_cbc() : EVP_aes_256_cbc();
  }
  return nullptr;
}

Result<void> run(Cipher cipher, bool forward, const SecretBytes& key, BytesView iv, BytesView in,
                 std::span<std::uint8_t> out) {
  CARDEA_TRY(const SecretBytes wide, spread(cipher, key));
  const EVP_CIPHER* kind = algorithm(cipher, wide.size());
  const auto block = static_cast<std::size_t>(EVP_CIPHER_get_block_size(kind));
  std::array<std::uint8_t, kAesBlock> first{};
  if (out.size() != in.size() || in.size() % block != 0 || (!iv.empty() && iv.size() != block))
    return fail(Errc::invalid, "a cipher of this secure channel takes whole blocks");
  std::ranges::copy(iv, first.begin());

  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context{EVP_CIPHER_CTX_new(),
                                                                                &EVP_CIPHER_CTX_free};
  int written = 0;
  const bool done =
      context != nullptr &&
      EVP_CipherInit_ex(context.get(), kind, nullptr, wide.expose().data(), first.data(), forward ? 1 : 0) ==
          1 &&
      EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1 &&
      EVP_CipherUpdate(context.get(), out.data(), &written, in.data(), static_cast<int>(in.size())) == 1 &&
      static_cast<std::size_t>(written) == in.size();
  if (!done) return refused();
  return {};
}

Result<void> cmac_into(const SecretBytes& key, std::initializer_list<BytesView> parts,
                       std::span<std::uint8_t, kAesBlock> out) {
  std::string name = "AES-" + std::to_string(key.size() * 8) + "-CBC";
  const std::array<OSSL_PARAM, 2> params{
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, name.data(), 0), OSSL_PARAM_construct_end()};
  const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac{EVP_MAC_fetch(nullptr, "CMAC", nullptr),
                                                              &EVP_MAC_free};
  if (mac == nullptr) return refused();
  const std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context{EVP_MAC_CTX_new(mac.get()),
                                                                          &EVP_MAC_CTX_free};
  if (context == nullptr || EVP_MAC_init(context.get(), key.expose().data(), key.size(), params.data()) != 1)
    return refused();
  for (const auto part : parts) {
    if (EVP_MAC_update(context.get(), part.data(), part.size()) != 1) return refused();
  }
  std::size_t written = 0;
  if (EVP_MAC_final(context.get(), out.data(), &written, out.size()) != 1 || written != out.size())
    return refused();
  return {};
}

}  // namespace

Result<void> encrypt_into(Cipher cipher, const SecretBytes& key, BytesView iv, BytesView in,
                          std::span<std::uint8_t> out) {
  return run(cipher, true, key, iv, in, out);
}

Result<Bytes> encrypt(Cipher cipher, const SecretBytes& key, BytesView iv, BytesView in) {
  Bytes out(in.size());
  CARDEA_CHECK(run(cipher, true, key, iv, in, out));
  return out;
}

Result<Bytes> decrypt(Cipher cipher, const SecretBytes& key, BytesView iv, BytesView in) {
  Bytes out(in.size());
  CARDEA_CHECK(run(cipher, false, key, iv, in, out));
  return out;
}

Result<Bytes> tdes_mac(const SecretBytes& key, BytesView data) {
  CARDEA_TRY(const Bytes all, encrypt(Cipher::tdes_cbc, key, {}, pad80(data, 8)));
  return Bytes{all.end() - 8, all.end()};
}

Result<Bytes> retail_mac(const SecretBytes& key, BytesView iv, BytesView data) {
  Bytes padded = pad80(data, 8);
  Bytes chain = iv.empty() ? Bytes(8) : to_bytes(iv);
  const BytesView all{padded};
  if (all.size() > 8) {
    CARDEA_TRY(const Bytes most, encrypt(Cipher::des_cbc, key, chain, all.first(all.size() - 8)));
    chain.assign(most.end() - 8, most.end());
  }
  return encrypt(Cipher::tdes_cbc, key, chain, all.last(8));
}

Result<Bytes> cmac(const SecretBytes& key, std::initializer_list<BytesView> parts) {
  Bytes out(kAesBlock);
  CARDEA_CHECK(cmac_into(key, parts, std::span<std::uint8_t, kAesBlock>{out}));
  return out;
}

Result<SecretBytes> counter_kdf(const SecretBytes& key, BytesView before, BytesView after, std::size_t size) {
  SecretBytes out{size};
  const auto room = out.expose();
  std::uint8_t counter = 0;
  for (std::size_t at = 0; at < size; at += kAesBlock) {
    ++counter;
    Secret<kAesBlock> block;
    CARDEA_CHECK(cmac_into(key, {before, BytesView{&counter, 1}, after}, block.expose()));
    const auto part = std::min(kAesBlock, size - at);
    std::ranges::copy(block.expose().first(part), room.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return out;
}

Result<SecretBytes> scp03_kdf(const SecretBytes& key, std::uint8_t constant, BytesView context,
                              std::size_t size) {
  Bytes label(11);
  label.push_back(constant);
  label.push_back(0x00);
  append_be16(label, static_cast<std::uint16_t>(size * 8));
  return counter_kdf(key, label, context, size);
}

Bytes pad80(BytesView data, std::size_t block) {
  Bytes out;
  out.reserve((data.size() / block + 1) * block);
  append(out, data);
  out.push_back(0x80);
  out.resize((data.size() / block + 1) * block);
  return out;
}

}  // namespace cardea::cms::gp
