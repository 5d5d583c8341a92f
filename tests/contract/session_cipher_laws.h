#pragma once

// The laws of card::SessionCipher as doctest cases, for any implementation.

#include <doctest/doctest.h>

#include <string>

#include "cardea/card/ports/session_cipher.h"
#include "cardea/hex.h"
#include "cardea/test/block_cipher.h"
#include "cardea/test/print.h"

namespace cardea::test {

namespace detail {

inline SecretBytes secret(const char* hex) {
  return SecretBytes{from_hex(hex).value()};
}

inline Bytes shown(const Result<SecretBytes>& result) {
  REQUIRE(result.has_value());
  return to_bytes(result->expose());
}

}  // namespace detail

inline void session_cipher_laws(card::SessionCipher& cipher) {
  using card::Algorithm;
  using detail::secret;
  using detail::shown;

  SUBCASE("examples of CBC [SP800-38A#F.2]") {
    struct Example {
      Algorithm algorithm;
      const char* key;
      const char* second_block;
    };
    const Example examples[] = {
        {Algorithm::aes128, "2B7E151628AED2A6ABF7158809CF4F3C", "5086CB9B507219EE95DB113A917678B2"},
        {Algorithm::aes192, "8E73B0F7DA0E6452C810F32B809079E562F8EAD2522C6B7B",
         "B4D9ADA9AD7DEDF4E5E738763F69145A"},
        {Algorithm::aes256, "603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4",
         "9CFC4E967EDB808D679F777BC6702C7D"},
    };
    const auto initial = from_hex("000102030405060708090A0B0C0D0E0F").value();
    const auto text = from_hex("6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E51").value();
    for (const auto& example : examples) {
      CAPTURE(std::string{card::name(example.algorithm)});
      const auto key = secret(example.key);
      const auto encrypted = shown(cipher.cbc_encrypt(example.algorithm, key, initial, text));
      CHECK(to_hex(BytesView{encrypted}.last(16)) == example.second_block);
      CHECK(shown(cipher.cbc_decrypt(example.algorithm, key, initial, encrypted)) == text);
    }
  }

  SUBCASE("one block and an initial value of zeroes is ECB; three equal parts are single DES") {
    const auto key = secret("0102030405060708 1112131415161718 2122232425262728");
    const Bytes block = from_hex("1122334455667788").value();
    CHECK(shown(cipher.cbc_encrypt(Algorithm::tdes, key, Bytes(8), block)) ==
          ecb_encrypt(Algorithm::tdes, key.expose(), block));
    // The worked example of J. Orlin Grabbe's "The DES Algorithm Illustrated".
    const auto des = secret("133457799BBCDFF1 133457799BBCDFF1 133457799BBCDFF1");
    const Bytes text = from_hex("0123456789ABCDEF").value();
    const auto encrypted = shown(cipher.cbc_encrypt(Algorithm::tdes, des, Bytes(8), text));
    CHECK(to_hex(encrypted) == "85E813540F0AB405");
    CHECK(shown(cipher.cbc_decrypt(Algorithm::tdes, des, Bytes(8), encrypted)) == text);
  }

  SUBCASE("nothing in gives nothing out, and what does not fit is invalid") {
    const SecretBytes key{16};
    const Bytes iv(16);
    CHECK(shown(cipher.cbc_encrypt(Algorithm::aes128, key, iv, {})).empty());
    CHECK(shown(cipher.cbc_decrypt(Algorithm::aes128, key, iv, {})).empty());
    const auto refused = [&](Algorithm algorithm, std::size_t key_size, std::size_t initial,
                             std::size_t data) {
      const auto forwards = cipher.cbc_encrypt(algorithm, SecretBytes{key_size}, Bytes(initial), Bytes(data));
      const auto backwards =
          cipher.cbc_decrypt(algorithm, SecretBytes{key_size}, Bytes(initial), Bytes(data));
      return !forwards && forwards.error().code == Errc::invalid && !backwards &&
             backwards.error().code == Errc::invalid;
    };
    CHECK(refused(Algorithm::aes128, 16, 16, 17));
    CHECK(refused(Algorithm::aes128, 16, 8, 16));
    CHECK(refused(Algorithm::aes128, 24, 16, 16));
    CHECK(refused(Algorithm::tdes, 16, 8, 8));
    CHECK(refused(Algorithm::p256, 32, 16, 16));
  }
}

}  // namespace cardea::test
