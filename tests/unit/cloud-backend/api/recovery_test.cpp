#include "cardea/api/recovery.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "cardea/api/answer_text.h"
#include "cardea/api/hpke.h"
#include "cardea/hex.h"

namespace cardea::api::recovery {
namespace {

const Subject kCard{"trust", "card-1"};
const Subject kOtherCard{"trust", "card-2"};
// The least that a server may ask for: what is tested here does not depend on it.
const opaque::Ksf kQuick{opaque::Ksf::Function::argon2id, 8 * 1024, 1};

CardSecret secret_of(std::uint8_t octet) {
  CardSecret secret;
  std::ranges::fill(secret.expose(), octet);
  return secret;
}
SecretBytes text(std::string_view value) {
  return SecretBytes{as_bytes(value)};
}
std::string shown(const SecretBytes& secret) {
  return {secret.expose().begin(), secret.expose().end()};
}
std::array<SecretBytes, kAnswers> three(std::string_view a, std::string_view b, std::string_view c) {
  return {text(a), text(b), text(c)};
}

/// The server's part: a key for this enrolment, and its function over what the client sent.
struct Server {
  Secret<64> seed;
  Bytes nonce = Bytes(16, 0x01);
  Subject subject = kCard;

  [[nodiscard]] std::array<oprf::Element, kAnswers> evaluate(const Answers& answers) const {
    const auto key = answer_key(seed, subject, nonce);
    REQUIRE(key);
    std::array<oprf::Element, kAnswers> out{};
    for (std::size_t i = 0; i < kAnswers; ++i)
      out[i] = *oprf::evaluate(key->private_key, answers.blinded()[i]);
    return out;
  }
};

AnswerCopies enrolled(const Server& server) {
  const auto answers = Answers::start(three("rover", "stmarys", "1984"));
  REQUIRE(answers);
  auto copies = answers->protect(server.evaluate(*answers), kQuick, kCard, secret_of(0x5C));
  REQUIRE(copies);
  return *std::move(copies);
}

Result<CardSecret> recovered(const Server& server, const AnswerCopies& copies,
                             std::array<SecretBytes, kAnswers> given, const Subject& subject = kCard) {
  const auto answers = Answers::start(std::move(given));
  REQUIRE(answers);
  return answers->recover(server.evaluate(*answers), copies, subject);
}

bool is_secret(const Result<CardSecret>& got) {
  return got && same_secret(*got, secret_of(0x5C));
}
bool refused(const Result<CardSecret>& got) {
  return !got && got.error().code == Errc::denied;
}

TEST_CASE("recovery: any two of three answers open the card's secret, one does not [D5]") {
  const Server server;
  const auto copies = enrolled(server);
  CHECK(is_secret(recovered(server, copies, three("rover", "stmarys", "1984"))));
  CHECK(is_secret(recovered(server, copies, three("rover", "stmarys", ""))));
  CHECK(is_secret(recovered(server, copies, three("rover", "wrong", "1984"))));
  CHECK(is_secret(recovered(server, copies, three("", "stmarys", "1984"))));
  CHECK(refused(recovered(server, copies, three("rover", "", ""))));
  CHECK(refused(recovered(server, copies, three("rover", "wrong", "wrong2"))));
  CHECK(refused(recovered(server, copies, three("stmarys", "rover", ""))));
  CHECK(refused(recovered(server, copies, three("", "", ""))));
}

TEST_CASE("recovery: answers are worth nothing with another server's key, enrolment or card") {
  const Server server;
  const auto copies = enrolled(server);
  Server other_seed;
  other_seed.seed.expose()[0] = 1;
  CHECK(refused(recovered(other_seed, copies, three("rover", "stmarys", "1984"))));
  Server other_enrolment;
  other_enrolment.nonce[0] = 0x02;
  CHECK(refused(recovered(other_enrolment, copies, three("rover", "stmarys", "1984"))));
  CHECK(refused(recovered(server, copies, three("rover", "stmarys", "1984"), kOtherCard)));
}

TEST_CASE("recovery: a copy is bound to its pair, and every octet of it counts") {
  const Server server;
  auto swapped = enrolled(server);
  std::swap(swapped.copies[0], swapped.copies[2]);
  CHECK(refused(recovered(server, swapped, three("rover", "stmarys", ""))));

  const auto copies = enrolled(server);
  for (std::size_t i = 1; i < copies.copies[0].size(); ++i) {
    auto damaged = copies;
    damaged.copies[0][i] ^= 0x01U;
    CHECK(refused(recovered(server, damaged, three("rover", "stmarys", ""))));
  }
}

TEST_CASE("recovery: enrolment takes three different answers") {
  const Server server;
  const auto missing = Answers::start(three("rover", "", "1984"));
  REQUIRE(missing);
  const auto without = missing->protect(server.evaluate(*missing), kQuick, kCard, secret_of(1));
  REQUIRE_FALSE(without);
  CHECK(without.error() == Error{Errc::invalid, "all three questions need an answer"});

  const auto twice = Answers::start(three("rover", "rover", "1984"));
  REQUIRE(twice);
  const auto same = twice->protect(server.evaluate(*twice), kQuick, kCard, secret_of(1));
  REQUIRE_FALSE(same);
  CHECK(same.error() == Error{Errc::invalid, "two of the answers are the same"});
}

TEST_CASE("recovery: what the server sees of an answer is new each time") {
  const auto first = Answers::start(three("rover", "stmarys", ""));
  const auto second = Answers::start(three("rover", "stmarys", ""));
  REQUIRE(first);
  REQUIRE(second);
  for (std::size_t i = 0; i < kAnswers; ++i)
    CHECK(first->blinded()[i] != second->blinded()[i]);
}

TEST_CASE("recovery: a code opens its copy, on its card only [D5]") {
  const auto code = Code::generate();
  const auto copy = code.protect(kCard, secret_of(0x5C));
  REQUIRE(copy);
  CHECK(copy->size() == 61);
  CHECK(is_secret(code.open(kCard, *copy)));
  CHECK(refused(code.open(kOtherCard, *copy)));
  CHECK(refused(Code::generate().open(kCard, *copy)));
  CHECK(code.open(kCard, BytesView{*copy}.first(60)).error().code == Errc::invalid);
}

TEST_CASE("recovery: a code survives being written down and typed") {
  std::uint8_t next = 0;
  const auto code = Code::generate([&](std::span<std::uint8_t> out) {
    for (auto& octet : out)
      octet = next++;
  });
  CHECK(shown(code.text()) == "01234-56789-ABCDE-FGHJK");
  const auto typed = Code::parse(" o1z34 56789abcde-fghjk\n");
  CHECK_FALSE(typed->name() == code.name());  // Z is a digit of its own
  for (const auto* way : {"01234-56789-ABCDE-FGHJK", "oI234 56789 abcde fghjk\n", "0L23456789ABCDEFGHJK"}) {
    const auto again = Code::parse(way);
    REQUIRE(again);
    CHECK(again->name() == code.name());
  }
}

TEST_CASE("recovery: a code that cannot be one is refused without being repeated") {
  CHECK(Code::parse("0123").error() == Error{Errc::invalid, "a recovery code has 20 characters; this has 4"});
  CHECK(Code::parse("01234-56789-ABCDE-FGHJK-0").error() ==
        Error{Errc::invalid, "a recovery code has 20 characters; this has more"});
  CHECK(Code::parse("01234-56789-ABCDE-FGHJU").error() ==
        Error{Errc::invalid, "a recovery code has letters and digits only, and no U"});
}

TEST_CASE("recovery: only the card's secret reads the challenge, for this card and this link") {
  const auto pair = hpke::generate_key_pair();
  CardSecret secret;
  std::ranges::copy(pair.private_key.expose(), secret.expose().begin());
  const Bytes link(32, 0x11);
  const Bytes other_link(32, 0x12);
  const auto challenge = from_hex("00112233445566778899AABBCCDDEEFF");
  const auto sealed = make_challenge(pair.public_key, kCard, link, *challenge);
  REQUIRE(sealed);

  const auto answer = answer_challenge(secret, kCard, link, *sealed);
  REQUIRE(answer);
  CHECK(equal(answer->expose(), *challenge));
  CHECK(answer_challenge(secret_of(7), kCard, link, *sealed).error().code == Errc::denied);
  CHECK(answer_challenge(secret, kOtherCard, link, *sealed).error().code == Errc::denied);
  CHECK(answer_challenge(secret, kCard, other_link, *sealed).error().code == Errc::denied);
}

std::string normal(std::string_view answer) {
  const auto got = normalise_answer(as_bytes(answer));
  return got ? shown(*got) : "refused: " + got.error().what;
}

TEST_CASE("recovery: answers are compared as people mean them") {
  CHECK(normal("St. Mary's") == "stmarys");
  CHECK(normal("  ST  MARYS ") == "stmarys");
  CHECK(normal("Straße 12") == "strasse12");                // case folding
  CHECK(normal("\xEF\xBC\xA1\xEF\xBC\x91") == "a1");        // full-width A1
  CHECK(normal("Zo\x65\xCC\x88") == normal("ZO\xC3\x8B"));  // e + diaeresis, and E with it
  CHECK(normal("Zo\xC3\xAB") != normal("Zoe"));
  CHECK(normal("\xCE\xA3\xCE\x8A\xCE\xA3\xCE\xA5\xCE\xA6\xCE\x9F\xCE\xA3") ==
        normal("\xCF\x83\xCE\xAF\xCF\x83\xCF\x85\xCF\x86\xCE\xBF\xCF\x82"));  // Σίσυφος: both sigmas
}

TEST_CASE("recovery: an answer must be text with something in it") {
  CHECK(normal("") == "refused: the answer has no letters and no digits");
  CHECK(normal(" ... ") == "refused: the answer has no letters and no digits");
  CHECK(normal("\xC3\x28") == "refused: the answer is not text in UTF-8");
  CHECK(normal(std::string(257, 'a')) == "refused: the answer is too long");
  CHECK(normal(std::string(256, 'a')) == std::string(256, 'a'));
  std::string dense;  // one character whose compatibility form has 18
  for (int i = 0; i < 85; ++i)
    dense += "\xEF\xB7\xBA";
  CHECK(normal(dense).substr(0, 7) != "refused");
}

}  // namespace
}  // namespace cardea::api::recovery
