#include <algorithm>
#include <utility>

#include "cardea/api/kdf.h"
#include "cardea/api/recovery.h"
#include "opaque_parts.h"
#include "recovery_copy.h"

namespace cardea::api::recovery {
namespace {

struct Pair {
  std::size_t first, second;
};
constexpr std::array<Pair, 3> kPairs{{{0, 1}, {0, 2}, {1, 2}}};

Bytes pair_context(const Subject& subject, std::size_t pair) {
  const auto number = static_cast<std::uint8_t>(pair);
  return copy_context("answers", subject, {&number, 1});
}

}  // namespace

Result<Answers> Answers::start(std::array<SecretBytes, kAnswers> answers, const Randomness& random) {
  constexpr std::size_t kStandIn = 32;
  Answers out;
  for (std::size_t i = 0; i < kAnswers; ++i) {
    out.known_[i] = !answers[i].empty();
    if (!out.known_[i]) {
      answers[i] = SecretBytes{kStandIn};
      random(answers[i].expose());
    }
    CARDEA_TRY(auto blinded, oprf::blind(answers[i].expose(), random));
    out.answers_[i] = std::move(answers[i]);
    out.blinds_[i] = std::move(blinded.blind);
    out.blinded_[i] = blinded.element;
  }
  return out;
}

/// The key that only both answers give: each goes through the server's function, the two together through
/// the stretching.
Result<Secret<32>> Answers::pair_key(const std::array<oprf::Element, kAnswers>& evaluated, std::size_t pair,
                                     const opaque::Ksf& ksf) const {
  const auto output = [&](std::size_t i) {
    return oprf::finalize(answers_[i].expose(), blinds_[i], evaluated[i]);
  };
  CARDEA_TRY(const auto first, output(kPairs[pair].first));
  CARDEA_TRY(const auto second, output(kPairs[pair].second));
  const auto both = hmac_sha512(first.expose(), {second.expose()});
  CARDEA_TRY(const auto stretched, opaque::randomized_password(both, ksf));
  return derive_key(stretched.expose(), as_bytes("cardea/1 recovery answers key"));
}

Result<AnswerCopies> Answers::protect(const std::array<oprf::Element, kAnswers>& evaluated,
                                      const opaque::Ksf& ksf, const Subject& subject,
                                      const CardSecret& secret, const Randomness& random) const {
  if (!std::ranges::all_of(known_, [](bool known) { return known; })) {
    return fail(Errc::invalid, "all three questions need an answer");
  }
  for (const auto& [first, second] : kPairs) {
    if (same_secret(answers_[first], answers_[second])) {
      return fail(Errc::invalid, "two of the answers are the same");
    }
  }
  AnswerCopies out{ksf, {}};
  for (std::size_t pair = 0; pair < kPairs.size(); ++pair) {
    CARDEA_TRY(const auto key, pair_key(evaluated, pair, ksf));
    CARDEA_TRY(out.copies[pair], seal_copy(key, pair_context(subject, pair), secret, random));
  }
  return out;
}

Result<CardSecret> Answers::recover(const std::array<oprf::Element, kAnswers>& evaluated,
                                    const AnswerCopies& copies, const Subject& subject) const {
  for (std::size_t pair = 0; pair < kPairs.size(); ++pair) {
    if (!known_[kPairs[pair].first] || !known_[kPairs[pair].second]) continue;
    CARDEA_TRY(const auto key, pair_key(evaluated, pair, copies.ksf));
    auto opened = open_copy(key, pair_context(subject, pair), copies.copies[pair]);
    if (opened || opened.error().code != Errc::denied) return opened;
  }
  return fail(Errc::denied, "no two of the answers are right");
}

Result<oprf::KeyPair> answer_key(const Secret<64>& seed, const Subject& subject, BytesView nonce) {
  const auto derived = hmac_sha512(seed.expose(), {copy_context("answer key", subject, nonce)});
  return oprf::derive_key_pair(BytesView{derived.expose()}.first(32), as_bytes("cardea/1 recovery answers"));
}

}  // namespace cardea::api::recovery
