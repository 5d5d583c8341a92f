#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "cardea/api/opaque.h"
#include "cardea/api/oprf.h"
#include "cardea/bytes.h"
#include "cardea/result.h"
#include "cardea/secret.h"

/// Getting a card's secret back without its PIN: by a code that was printed at enrolment, or by two of three
/// answers. Everything below runs at the holder's; the server keeps what it cannot open and evaluates a keyed
/// function over what it cannot read (security.md, section 5).
namespace cardea::api::recovery {

using CardSecret = Secret<32>;

inline constexpr std::size_t kCopySize = 61;  ///< octets in a copy

/// Whose secret: bound into each copy, so that none serves for another card.
struct Subject {
  std::string_view tenant;
  std::string_view card;
};

// --- Recovery codes
// -------------------------------------------------------------------------------------------

/// One code: 100 random bits as four groups of five characters of Crockford's Base32 alphabet, which has no
/// I, L, O, U. Long enough that its hash may lie open; nothing is stretched.
class Code {
 public:
  static Code generate(const Randomness& random = system_randomness());
  /// As a person types it: case, spaces and hyphens do not count; O reads as 0, I and L as 1. Errors:
  /// `invalid` with a sentence that does not repeat the text.
  static Result<Code> parse(std::string_view text);

  /// "7K3QJ-9XWMT-0A1BC-DEFGH", for the print-out.
  [[nodiscard]] SecretBytes text() const;

  /// What the server knows the code by: HKDF-SHA-256(code, "cardea/1 recovery code name").
  [[nodiscard]] std::array<std::uint8_t, 32> name() const;

  /// The copy of the card's secret that this code opens, 61 octets.
  [[nodiscard]] Result<Bytes> protect(const Subject& subject, const CardSecret& secret,
                                      const Randomness& random = system_randomness()) const;
  /// Errors: `denied` when it is not this code's copy for this card.
  [[nodiscard]] Result<CardSecret> open(const Subject& subject, BytesView copy) const;

 private:
  Code() = default;

  using Digits = Secret<20>;
  Digits digits_;  // values of the alphabet, 0 to 31
};

// --- With the registration authority
// -----------------------------------------------------------------------------

inline constexpr std::size_t kHalfSize = 32;

/// What a workstation of the holder keeps of a card. It opens a copy that the server has under a key of its
/// own too, and gives out for links only behind which a registrar stands: half a key each.
class Half {
 public:
  explicit Half(Secret<kHalfSize> octets) : octets_{std::move(octets)} {}
  static Half generate(const Randomness& random = system_randomness());

  [[nodiscard]] const Secret<kHalfSize>& octets() const { return octets_; }

  /// The copy for this device, 61 octets.
  [[nodiscard]] Result<Bytes> protect(const Subject& subject, std::string_view device,
                                      const CardSecret& secret,
                                      const Randomness& random = system_randomness()) const;
  /// Errors: `denied` when it is not this half's copy for this card and device.
  [[nodiscard]] Result<CardSecret> open(const Subject& subject, std::string_view device,
                                        BytesView copy) const;

 private:
  Secret<kHalfSize> octets_;
};

// --- Two of three answers
// -------------------------------------------------------------------------------------

inline constexpr std::size_t kAnswers = 3;

/// Three copies of the card's secret, one for each pair of answers (0 and 1, 0 and 2, 1 and 2): two answers
/// open one copy, a single one opens nothing and cannot be tested alone.
struct AnswerCopies {
  opaque::Ksf ksf;
  std::array<Bytes, 3> copies;
};

/// What enrolment and recovery have in common: three blinded answers go to the server, which evaluates its
/// function over them under a key that belongs to this enrolment alone.
class Answers {
 public:
  /// Answers as `normalise_answer` leaves them; an empty one is not known, and something random is sent in
  /// its place, so that the server does not see which.
  static Result<Answers> start(std::array<SecretBytes, kAnswers> answers,
                               const Randomness& random = system_randomness());

  [[nodiscard]] const std::array<oprf::Element, kAnswers>& blinded() const { return blinded_; }

  /// At enrolment. Takes three times as long as `ksf` says. Errors: `invalid` when an answer is not known,
  /// two are equal, or an evaluation is malformed.
  Result<AnswerCopies> protect(const std::array<oprf::Element, kAnswers>& evaluated, const opaque::Ksf& ksf,
                               const Subject& subject, const CardSecret& secret,
                               const Randomness& random = system_randomness()) const;

  /// At recovery: tries each pair of known answers. Errors: `denied` when none opens its copy.
  Result<CardSecret> recover(const std::array<oprf::Element, kAnswers>& evaluated, const AnswerCopies& copies,
                             const Subject& subject) const;

 private:
  Answers() = default;
  [[nodiscard]] Result<Secret<32>> pair_key(const std::array<oprf::Element, kAnswers>& evaluated,
                                            std::size_t pair, const opaque::Ksf& ksf) const;

  std::array<SecretBytes, kAnswers> answers_;
  std::array<bool, kAnswers> known_{};
  std::array<oprf::Scalar, kAnswers> blinds_;
  std::array<oprf::Element, kAnswers> blinded_{};
};

/// Server: the key of one enrolment's function. `seed` is the tenant's, `nonce` belongs to the enrolment.
Result<oprf::KeyPair> answer_key(const Secret<64>& seed, const Subject& subject, BytesView nonce);

// --- Proof
// ----------------------------------------------------------------------------------------------------

/// Whoever has the card's secret can read what is sealed to the card's public key: so it proves itself before
/// a new PIN is set. `link` is the hash of the link that is being used.
Result<Bytes> make_challenge(BytesView card_public_key, const Subject& subject, BytesView link,
                             BytesView challenge);
/// Errors: `denied` for another card's secret or another link.
Result<SecretBytes> answer_challenge(const CardSecret& secret, const Subject& subject, BytesView link,
                                     BytesView sealed);

}  // namespace cardea::api::recovery
