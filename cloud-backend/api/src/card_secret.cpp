#include "cardea/api/card_secret.h"

#include <algorithm>
#include <utility>

#include "cardea/api/kdf.h"

namespace cardea::api::card_secret {
namespace {

constexpr std::uint8_t kFormat = 0x01;
constexpr std::uint8_t kUnderKey = 0x01;
constexpr std::uint8_t kToPublicKey = 0x02;
constexpr std::size_t kHead = 1 + 1 + 1 + 32;
constexpr std::size_t kNonce = 12;
constexpr std::string_view kPurpose = "cardea/1 card secret copy";

Bytes head(std::uint8_t kind, const hpke::PublicKey& card) {
  Bytes out{kFormat, kind, static_cast<std::uint8_t>(kDefaultAead)};
  append(out, card);
  return out;
}

Bytes associated_data(const Place& place, BytesView head) {
  Bytes out = to_bytes(as_bytes("cardea/1 card secret"));
  for (const auto part : {place.tenant, place.card, place.holder}) {
    append_be16(out, static_cast<std::uint16_t>(part.size()));
    append(out, as_bytes(part));
  }
  append(out, head);
  return out;
}

Result<void> check_form(BytesView copy, std::uint8_t kind, std::size_t size) {
  if (copy.size() != size || copy[0] != kFormat || copy[1] != kind) {
    return fail(Errc::invalid, "this is no copy of a card's secret");
  }
  return {};
}

/// The pair of what was inside, if it is the pair that the copy names.
Result<hpke::KeyPair> pair_of(const SecretBytes& opened, BytesView copy) {
  Value value;
  if (opened.size() != Value::size()) return fail(Errc::corrupt, "the copy does not hold a card's secret");
  std::ranges::copy(opened.expose(), value.expose().begin());
  auto pair = hpke::key_pair_of(std::move(value));
  if (!equal(pair.public_key, copy.subspan(3, 32))) {
    return fail(Errc::corrupt, "the copy holds another secret than the one it names");
  }
  return pair;
}

}  // namespace

Result<Bytes> seal_copy(const Place& place, BytesView key_material, const hpke::KeyPair& card,
                        const Randomness& random) {
  auto out = head(kUnderKey, card.public_key);
  AeadNonce nonce{};
  random(nonce);
  CARDEA_TRY(const auto sealed, aead_seal(kDefaultAead, derive_key(key_material, as_bytes(kPurpose)), nonce,
                                          associated_data(place, out), card.private_key.expose()));
  append(out, nonce);
  append(out, sealed);
  return out;
}

Result<hpke::KeyPair> open_copy(const Place& place, BytesView key_material, BytesView copy) {
  CARDEA_CHECK(check_form(copy, kUnderKey, kKeyCopySize));
  AeadNonce nonce{};
  std::ranges::copy(copy.subspan(kHead, kNonce), nonce.begin());
  CARDEA_TRY(const auto opened,
             aead_open(static_cast<Aead>(copy[2]), derive_key(key_material, as_bytes(kPurpose)), nonce,
                       associated_data(place, copy.first(kHead)), copy.subspan(kHead + kNonce)));
  return pair_of(opened, copy);
}

Result<Bytes> seal_copy_to(const Place& place, const hpke::PublicKey& escrow, const hpke::KeyPair& card,
                           const Randomness& random) {
  auto out = head(kToPublicKey, card.public_key);
  CARDEA_TRY(const auto sealed, hpke::seal(escrow, as_bytes(kPurpose), associated_data(place, out),
                                           card.private_key.expose(), kDefaultAead, random));
  append(out, sealed);
  return out;
}

Result<hpke::KeyPair> open_copy_with(const Place& place, const hpke::KeyPair& escrow, BytesView copy) {
  CARDEA_CHECK(check_form(copy, kToPublicKey, kEscrowCopySize));
  CARDEA_TRY(const auto opened,
             hpke::open(escrow, as_bytes(kPurpose), associated_data(place, copy.first(kHead)),
                        copy.subspan(kHead), static_cast<Aead>(copy[2])));
  return pair_of(opened, copy);
}

Result<hpke::PublicKey> subject_of(BytesView copy) {
  if (!check_form(copy, kUnderKey, kKeyCopySize))
    CARDEA_CHECK(check_form(copy, kToPublicKey, kEscrowCopySize));
  hpke::PublicKey key{};
  std::ranges::copy(copy.subspan(3, key.size()), key.begin());
  return key;
}

}  // namespace cardea::api::card_secret
