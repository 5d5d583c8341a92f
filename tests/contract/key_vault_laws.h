#pragma once

// The laws of card::KeyVault as doctest cases, for any implementation; used as store_laws.h is.

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>

#include "cardea/card/ports/key_vault.h"
#include "cardea/test/block_cipher.h"
#include "cardea/test/host_crypto.h"
#include "cardea/test/print.h"

namespace cardea::test {

/// Two cards over one vault (one HSM).
class KeyVaultBench {
 public:
  KeyVaultBench() = default;
  KeyVaultBench(const KeyVaultBench&) = delete;
  KeyVaultBench& operator=(const KeyVaultBench&) = delete;
  virtual ~KeyVaultBench() = default;

  virtual card::KeyVault& vault() = 0;
  virtual card::KeyVault& other_card() = 0;
  /// Takes the HSM away or brings it back. False when the implementation cannot.
  virtual bool set_available(bool /*available*/) { return false; }
};

using MakeKeyVaultBench = std::function<std::unique_ptr<KeyVaultBench>()>;

inline constexpr card::Algorithm kRsaAlgorithms[] = {card::Algorithm::rsa2048, card::Algorithm::rsa3072,
                                                     card::Algorithm::rsa4096};
inline constexpr card::Algorithm kEcAlgorithms[] = {card::Algorithm::p256, card::Algorithm::p384,
                                                    card::Algorithm::p521};
inline constexpr card::Algorithm kSymmetricAlgorithms[] = {card::Algorithm::tdes, card::Algorithm::aes128,
                                                           card::Algorithm::aes192, card::Algorithm::aes256};

namespace detail {

inline constexpr card::KeySlot kSlot{0x9A, 1};

/// A padded-looking block below any modulus with its top bit set.
inline Bytes test_block(std::size_t size) {
  Bytes out(size, 0xFF);
  out[0] = 0x00;
  out[1] = 0x01;
  out.back() = 0x5A;
  return out;
}

inline Errc code_of(const auto& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error().code;
}

}  // namespace detail

/// Generation and use. `rsa_sizes`: which RSA algorithms to try (large keys take seconds in a real token).
inline void key_vault_generate_laws(const MakeKeyVaultBench& make,
                                    std::span<const card::Algorithm> rsa_sizes = kRsaAlgorithms) {
  using namespace detail;  // NOLINT(google-build-using-namespace): the law's own helpers
  const auto bench = make();
  auto& vault = bench->vault();

  for (const auto algorithm : rsa_sizes) {
    if (!vault.supports(algorithm)) continue;
    CAPTURE(std::string{card::name(algorithm)});
    const auto key = vault.generate(kSlot, algorithm).value();
    const auto size = card::field_size(algorithm);
    CHECK(key.public_key.algorithm == algorithm);
    REQUIRE(key.public_key.modulus.size() == size);
    CHECK((key.public_key.modulus[0] & 0x80U) != 0);
    CHECK(key.public_key.exponent == Bytes{1, 0, 1});
    const auto block = test_block(size);
    const auto result = vault.rsa_private(key, block).value();
    CHECK(rsa_raw_public(key.public_key, result.expose()) == block);
    CHECK(code_of(vault.rsa_private(key, key.public_key.modulus)) == Errc::invalid);
    CHECK(code_of(vault.rsa_private(key, BytesView{block}.subspan(1))) == Errc::invalid);
    CHECK(code_of(vault.ecdsa_sign(key, Bytes(32))) == Errc::invalid);
    CHECK(vault.discard(key).has_value());
  }
  for (const auto algorithm : kEcAlgorithms) {
    if (!vault.supports(algorithm)) continue;
    CAPTURE(std::string{card::name(algorithm)});
    const auto key = vault.generate(kSlot, algorithm).value();
    const auto size = card::field_size(algorithm);
    REQUIRE(key.public_key.point.size() == 1 + 2 * size);
    CHECK(key.public_key.point[0] == 0x04);
    const auto hash = card::digest_size(algorithm);
    const Bytes digest(hash, 0x3C);
    const auto signature = vault.ecdsa_sign(key, digest).value();
    CHECK(ecdsa_verify(key.public_key, digest, signature));
    CHECK(signature.size() == 2 * size);
    CHECK_FALSE(ecdsa_verify(key.public_key, Bytes(hash, 0x3D), signature));
    CHECK(code_of(vault.ecdsa_sign(key, Bytes(hash - 1))) == Errc::invalid);

    const auto host = host_key(algorithm);
    const auto shared = vault.ecdh(key, host.point).value();
    CHECK(host_ecdh(host, key.public_key) == to_bytes(shared.expose()));
    auto off_curve = host.point;
    off_curve.back() ^= 1U;
    CHECK(code_of(vault.ecdh(key, off_curve)) == Errc::invalid);
    CHECK(code_of(vault.ecdh(key, BytesView{host.point}.subspan(1))) == Errc::invalid);
    CHECK(vault.discard(key).has_value());
  }
  if (vault.supports(card::Algorithm::ed25519)) {
    const auto key = vault.generate(kSlot, card::Algorithm::ed25519).value();
    REQUIRE(key.public_key.point.size() == 32);
    for (const auto size : {std::size_t{0}, std::size_t{1}, std::size_t{12} << 10U}) {
      CAPTURE(size);
      const Bytes message(size, 0x3C);
      const auto signature = vault.eddsa_sign(key, message).value();
      CHECK(ed25519_verify(key.public_key, message, signature));
      CHECK_FALSE(ed25519_verify(key.public_key, Bytes(size + 1, 0x3C), signature));
    }
    CHECK(code_of(vault.ecdsa_sign(key, Bytes(32))) == Errc::invalid);
    CHECK(code_of(vault.ecdh(key, Bytes(32, 9))) == Errc::invalid);
    CHECK(vault.discard(key).has_value());
  }
  if (vault.supports(card::Algorithm::x25519)) {
    const auto key = vault.generate(kSlot, card::Algorithm::x25519).value();
    REQUIRE(key.public_key.point.size() == 32);
    const auto host = host_key(card::Algorithm::x25519);
    CHECK(host_ecdh(host, key.public_key) == to_bytes(vault.ecdh(key, host.point).value().expose()));
    CHECK(code_of(vault.ecdh(key, Bytes(32))) == Errc::invalid);
    CHECK(code_of(vault.ecdh(key, Bytes(31, 9))) == Errc::invalid);
    CHECK(code_of(vault.eddsa_sign(key, Bytes(32))) == Errc::invalid);
    CHECK(vault.discard(key).has_value());
  }
}

inline void key_vault_import_laws(const MakeKeyVaultBench& make) {
  using namespace detail;  // NOLINT(google-build-using-namespace): the law's own helpers
  const auto bench = make();
  auto& vault = bench->vault();

  SUBCASE("symmetric keys: one block forwards, and backwards again") {
    for (const auto algorithm : kSymmetricAlgorithms) {
      if (!vault.supports(algorithm)) continue;
      CAPTURE(std::string{card::name(algorithm)});
      Bytes octets(card::key_size(algorithm));
      for (std::size_t i = 0; i < octets.size(); ++i)
        octets[i] = static_cast<std::uint8_t>(2 * i + 1);
      const auto key = vault.import_symmetric({0x9B, 1}, algorithm, SecretBytes{BytesView{octets}}).value();
      const Bytes block(card::block_size(algorithm), 0x11);
      CHECK(to_bytes(vault.encrypt_block(key, block).value().expose()) ==
            ecb_encrypt(algorithm, octets, block));
      CHECK(to_bytes(vault.decrypt_block(key, block).value().expose()) ==
            ecb_decrypt(algorithm, octets, block));
      // In turns, since a vault may keep a key as it was unwrapped for one of the two.
      const auto there = vault.encrypt_block(key, block).value();
      CHECK(to_bytes(vault.decrypt_block(key, there.expose()).value().expose()) == block);
      CHECK(code_of(vault.encrypt_block(key, Bytes(block.size() + 1))) == Errc::invalid);
      CHECK(code_of(vault.decrypt_block(key, Bytes(block.size() - 1))) == Errc::invalid);
      CHECK(code_of(vault.decrypt_block(key, {})) == Errc::invalid);
      CHECK(code_of(vault.import_symmetric({0x9B, 1}, algorithm, SecretBytes{octets.size() - 1})) ==
            Errc::invalid);
    }
  }
  SUBCASE("EC private keys: the public half is computed; zero and numbers from the order on are no keys") {
    for (const auto algorithm : kEcAlgorithms) {
      if (!vault.supports(algorithm)) continue;
      CAPTURE(std::string{card::name(algorithm)});
      const auto mine = host_key(algorithm, 7);
      const auto key = vault.import_ec(kSlot, algorithm, SecretBytes{BytesView{mine.scalar}}).value();
      CHECK(key.public_key.point == mine.point);
      const Bytes digest(card::digest_size(algorithm), 0x77);
      CHECK(ecdsa_verify(key.public_key, digest, vault.ecdsa_sign(key, digest).value()));
      const auto size = mine.scalar.size();
      CHECK(code_of(vault.import_ec(kSlot, algorithm, SecretBytes{size})) == Errc::invalid);
      CHECK(code_of(vault.import_ec(kSlot, algorithm, SecretBytes{BytesView{Bytes(size, 0xFF)}})) ==
            Errc::invalid);
      CHECK(code_of(vault.import_ec(kSlot, algorithm, SecretBytes{size - 1})) == Errc::invalid);
    }
  }
  SUBCASE("Ed25519 and X25519 private keys: 32 octets, whatever they are") {
    for (const auto algorithm : {card::Algorithm::ed25519, card::Algorithm::x25519}) {
      if (!vault.supports(algorithm)) continue;
      CAPTURE(std::string{card::name(algorithm)});
      const auto mine = host_key(algorithm, 7);
      const auto key = vault.import_ec(kSlot, algorithm, SecretBytes{BytesView{mine.scalar}}).value();
      CHECK(key.public_key.point == mine.point);
      CHECK(code_of(vault.import_ec(kSlot, algorithm, SecretBytes{31})) == Errc::invalid);
    }
  }
  SUBCASE("RSA private keys: CRT parts that fit are taken, others are not") {
    const auto algorithm = card::Algorithm::rsa2048;
    if (vault.supports(algorithm)) {
      const auto parts = rsa_parts(algorithm, 1);
      const auto key = vault.import_rsa(kSlot, algorithm, parts).value();
      REQUIRE(key.public_key.modulus.size() == 256);
      const auto block = test_block(256);
      CHECK(rsa_raw_public(key.public_key, vault.rsa_private(key, block).value().expose()) == block);

      auto bad = rsa_parts(algorithm, 1);
      bad.dq.expose().back() ^= 2U;
      CHECK(code_of(vault.import_rsa(kSlot, algorithm, bad)) == Errc::invalid);
      bad = rsa_parts(algorithm, 1);
      bad.p = SecretBytes{bad.p.expose().subspan(1)};
      CHECK(code_of(vault.import_rsa(kSlot, algorithm, bad)) == Errc::invalid);
      bad = rsa_parts(algorithm, 1);
      bad.q.expose().back() ^= 4U;
      CHECK(code_of(vault.import_rsa(kSlot, algorithm, bad)) == Errc::invalid);
    }
  }
}

inline void key_vault_protection_laws(const MakeKeyVaultBench& make) {
  using namespace detail;  // NOLINT(google-build-using-namespace): the law's own helpers
  const auto bench = make();
  auto& vault = bench->vault();
  const auto key = vault.generate(kSlot, card::Algorithm::p256).value();
  const auto rsa = vault.generate({0x9C, 1}, card::Algorithm::rsa2048).value();
  const Bytes digest(32, 0x42);

  SUBCASE("law 1: the result is checked with the public key in the handle") {
    auto swapped = key;
    swapped.public_key = vault.generate(kSlot, card::Algorithm::p256).value().public_key;
    CHECK(code_of(vault.ecdsa_sign(swapped, digest)) == Errc::corrupt);
    auto swapped_rsa = rsa;
    swapped_rsa.public_key = vault.generate(kSlot, card::Algorithm::rsa2048).value().public_key;
    CHECK(code_of(vault.rsa_private(swapped_rsa, test_block(256))) == Errc::corrupt);
  }
  SUBCASE("law 3: a damaged handle is corrupt, wherever it is damaged") {
    for (const auto at : {std::size_t{0}, key.sealed.size() / 2, key.sealed.size() - 1}) {
      auto damaged = key;
      damaged.sealed[at] ^= 1U;
      CAPTURE(at);
      CHECK(code_of(vault.ecdsa_sign(damaged, digest)) == Errc::corrupt);
    }
    auto cut = key;
    cut.sealed.resize(cut.sealed.size() / 2);
    CHECK(code_of(vault.ecdsa_sign(cut, digest)) == Errc::corrupt);
    cut.sealed.clear();
    CHECK(code_of(vault.ecdsa_sign(cut, digest)) == Errc::corrupt);
  }
  SUBCASE("law 3: another card cannot use the handle") {
    CHECK(code_of(bench->other_card().ecdsa_sign(key, digest)) == Errc::corrupt);
    CHECK(code_of(bench->other_card().rsa_private(rsa, test_block(256))) == Errc::corrupt);
  }
  SUBCASE("law 3: nor a symmetric one, in either direction; and a damaged one is corrupt") {
    const auto aes = vault.import_symmetric({0x9B, 1}, card::Algorithm::aes128, SecretBytes{16}).value();
    CHECK(code_of(bench->other_card().encrypt_block(aes, Bytes(16))) == Errc::corrupt);
    CHECK(code_of(bench->other_card().decrypt_block(aes, Bytes(16))) == Errc::corrupt);
    auto damaged = aes;
    damaged.sealed[damaged.sealed.size() / 2] ^= 1U;
    CHECK(code_of(vault.decrypt_block(damaged, Bytes(16))) == Errc::corrupt);
    CHECK(code_of(vault.decrypt_block(key, Bytes(16))) == Errc::invalid);
  }
  SUBCASE("law 4: what an implementation denies, it refuses") {
    for (const auto algorithm : kRsaAlgorithms) {
      if (!vault.supports(algorithm)) CHECK(code_of(vault.generate(kSlot, algorithm)) == Errc::unsupported);
    }
    for (const auto algorithm : {card::Algorithm::p256, card::Algorithm::p384, card::Algorithm::p521,
                                 card::Algorithm::ed25519, card::Algorithm::x25519}) {
      if (!vault.supports(algorithm)) CHECK(code_of(vault.generate(kSlot, algorithm)) == Errc::unsupported);
    }
  }
  SUBCASE("law 5: without the HSM operations are unavailable, and work again after it") {
    if (bench->set_available(false)) {
      CHECK(code_of(vault.ecdsa_sign(key, digest)) == Errc::unavailable);
      CHECK(code_of(vault.generate(kSlot, card::Algorithm::p256)) == Errc::unavailable);
      REQUIRE(bench->set_available(true));
      CHECK(vault.ecdsa_sign(key, digest).has_value());
    }
  }
  SUBCASE("each generation gives another key") {
    CHECK(vault.generate(kSlot, card::Algorithm::p256).value().public_key.point != key.public_key.point);
  }
}

}  // namespace cardea::test
