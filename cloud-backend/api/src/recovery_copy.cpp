#include "recovery_copy.h"

#include <algorithm>

#include "cardea/api/aead.h"
#include "cardea/api/hpke.h"

namespace cardea::api::recovery {
namespace {

constexpr std::size_t kSecretSize = 32;
constexpr std::size_t kNonceSize = std::tuple_size_v<AeadNonce>;
static_assert(kCopySize == 1 + kNonceSize + kSecretSize + kAeadTagSize);
constexpr std::string_view kChallengeInfo = "cardea/1 recovery challenge";

void append_counted(Bytes& out, BytesView part) {
  append_be16(out, static_cast<std::uint16_t>(part.size()));
  append(out, part);
}

}  // namespace

Bytes copy_context(std::string_view kind, const Subject& subject, BytesView detail) {
  Bytes out = to_bytes(as_bytes("cardea/1 recovery"));
  append_counted(out, as_bytes(kind));
  append_counted(out, as_bytes(subject.tenant));
  append_counted(out, as_bytes(subject.card));
  append_counted(out, detail);
  return out;
}

Result<Bytes> seal_copy(const Secret<32>& key, BytesView context, const CardSecret& secret,
                        const Randomness& random) {
  AeadNonce nonce{};
  random(nonce);
  CARDEA_TRY(const auto sealed, aead_seal(kDefaultAead, key, nonce, context, secret.expose()));
  Bytes copy{static_cast<std::uint8_t>(kDefaultAead)};
  append(copy, nonce);
  append(copy, sealed);
  return copy;
}

Result<CardSecret> open_copy(const Secret<32>& key, BytesView context, BytesView copy) {
  if (copy.size() != kCopySize) return fail(Errc::invalid, "this is no copy of a card's secret");
  AeadNonce nonce{};
  std::ranges::copy(copy.subspan(1, kNonceSize), nonce.begin());
  CARDEA_TRY(const auto plain,
             aead_open(static_cast<Aead>(copy[0]), key, nonce, context, copy.subspan(1 + kNonceSize)));
  CardSecret secret;
  std::ranges::copy(plain.expose(), secret.expose().begin());
  return secret;
}

Result<Bytes> make_challenge(BytesView card_public_key, const Subject& subject, BytesView link,
                             BytesView challenge) {
  hpke::PublicKey recipient{};
  if (card_public_key.size() != recipient.size()) return fail(Errc::corrupt, "the card has no public key");
  std::ranges::copy(card_public_key, recipient.begin());
  return hpke::seal(recipient, as_bytes(kChallengeInfo), copy_context("challenge", subject, link), challenge);
}

Result<SecretBytes> answer_challenge(const CardSecret& secret, const Subject& subject, BytesView link,
                                     BytesView sealed) {
  CardSecret own;
  std::ranges::copy(secret.expose(), own.expose().begin());
  return hpke::open(hpke::key_pair_of(std::move(own)), as_bytes(kChallengeInfo),
                    copy_context("challenge", subject, link), sealed);
}

}  // namespace cardea::api::recovery
