#include "cardea/identity/enrolment.h"

#include <algorithm>
#include <set>

#include "fixture.h"

namespace cardea::identity {
namespace {

using test::must;
using test::World;

constexpr auto kUnknown = "the enrolment code is unknown or was used already";

EnrolmentOffer for_ann() {
  return {"acme", "ann", store::DeviceRole::user, std::chrono::minutes{15}};
}
api::SigningKey new_key() {
  return api::generate_signing_key();
}

TEST_CASE("enrolment: a code makes a device of whom it was made for [C1]") {
  World world;
  const auto issued = must(world.enrolment.create(for_ann()));
  CHECK(issued.expires_at == world.clock.now() + std::chrono::minutes{15});
  const auto key = new_key();
  const auto device = must(world.enrol(issued.code, key, "Ann's laptop"));
  CHECK(device.id == api::thumbprint(key.public_key));
  CHECK(device.organisation == "acme");
  CHECK(device.person == "ann");
  CHECK(device.role == store::DeviceRole::user);
  CHECK(device.name == "Ann's laptop");
  CHECK(device.public_key == to_bytes(key.public_key));
  CHECK(must(world.devices.find(device.id)).person == "ann");
}

TEST_CASE("enrolment: a code works once [C1]") {
  World world;
  const auto code = must(world.enrolment.create(for_ann())).code;
  CHECK(world.enrol(code, new_key(), "one").has_value());
  CHECK_FAILS(world.enrol(code, new_key(), "two"), Errc::denied, kUnknown);
}

TEST_CASE("enrolment: an expired code is refused, and is gone afterwards [C1]") {
  World world;
  const auto code = must(world.enrolment.create(for_ann())).code;
  world.clock.advance(std::chrono::minutes{15});
  CHECK_FAILS(world.enrol(code, new_key(), "late"), Errc::denied, "the enrolment code has expired");
  CHECK_FAILS(world.enrol(code, new_key(), "late"), Errc::denied, kUnknown);
}

TEST_CASE("enrolment: codes have four groups of five from Crockford's alphabet, and differ") {
  World world;
  std::set<std::string> codes;
  for (int i = 0; i < 50; ++i) {
    const auto code = must(world.enrolment.create(for_ann())).code;
    CAPTURE(code);
    REQUIRE(code.size() == 23);
    for (std::size_t n = 0; n < code.size(); ++n) {
      if (n % 6 == 5) {
        CHECK(code[n] == '-');
      } else {
        CHECK(std::string_view{"0123456789ABCDEFGHJKMNPQRSTVWXYZ"}.find(code[n]) != std::string_view::npos);
      }
    }
    codes.insert(code);
  }
  CHECK(codes.size() == 50);
}

TEST_CASE("enrolment: a code is read as people type it") {
  World world;
  const auto typed = [&world](auto change) {
    auto code = must(world.enrolment.create(for_ann())).code;
    change(code);
    CAPTURE(code);
    CHECK(world.enrol(code, new_key(), "x").has_value());
  };
  typed([](std::string& code) {
    std::transform(code.begin(), code.end(), code.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 0x20) : c; });
  });
  typed([](std::string& code) { code.erase(std::remove(code.begin(), code.end(), '-'), code.end()); });
  typed([](std::string& code) { code = " " + code + "\r\n"; });
  typed([](std::string& code) {
    std::replace(code.begin(), code.end(), '0', 'O');
    std::replace(code.begin(), code.end(), '1', 'l');
  });
}

TEST_CASE("enrolment: what can be no code is refused like one that is unknown") {
  World world;
  for (const auto& code : {std::string{}, std::string{"AAAA"}, std::string(20, 'A'), std::string(21, 'A'),
                           std::string(5000, 'A'), std::string(20, 'U'), std::string(20, '\xC3')}) {
    CAPTURE(code);
    CHECK_FAILS(world.enrol(code, new_key(), "x"), Errc::denied, kUnknown);
  }
}

TEST_CASE("enrolment: a device that exists, and names that cannot be shown") {
  World world;
  const auto code = must(world.enrolment.create(for_ann())).code;
  const auto again = world.enrol(code, world.laptop, "x");
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().code == Errc::conflict);
  for (const auto& name : {std::string{}, std::string(101, 'n'), std::string{"a\nb"}, std::string{"a\x7F"}}) {
    CAPTURE(name);
    CHECK_FAILS(world.enrol(code, new_key(), name), Errc::invalid,
                "a device's name has 1 to 100 octets and no control characters");
  }
  CHECK(world.enrol(code, new_key(), std::string(100, 'n')).has_value());
}

TEST_CASE("enrolment: a key is enrolled by who holds its private half, and nobody else [C1] [RFC9449#4.3]") {
  World world;
  const auto code = must(world.enrolment.create(for_ann())).code;
  const auto other_code = must(world.enrolment.create(for_ann())).code;
  const auto owner = new_key();
  const auto thief = new_key();
  const auto refused = [&](const std::string& proof, const RequestTarget& target, const char* sentence) {
    CAPTURE(sentence);
    CHECK_FAILS(world.enrolment.prove({code, owner.public_key, proof, target}), Errc::denied, sentence);
  };
  const auto good = world.enrolment_proof(owner, code);
  refused("", test::kEnrolments, "a DPoP proof is needed");
  refused(world.enrolment_proof(thief, code), test::kEnrolments, "the DPoP proof is made with another key");
  refused(world.enrolment_proof(owner, other_code), test::kEnrolments,
          "the DPoP proof is for another enrolment code");
  // What the owner shows anywhere else.
  refused(world.token_proof(owner), test::kEnrolments, "the DPoP proof is for another address");
  refused(api::make_dpop_proof(owner, "POST", test::kEnrolmentsUrl, "", world.clock.seconds()),
          test::kEnrolments, "the DPoP proof is for another enrolment code");
  refused(world.assertion(owner), test::kEnrolments, "the DPoP proof is of another type");
  refused(good, {"POST", "/v1/enrolments", "other.example"}, "the DPoP proof is for another address");
  refused(good, {"PUT", "/v1/enrolments", test::kHost}, "the DPoP proof is for another method");
  auto forged = good;
  forged.back() = forged.back() == 'A' ? 'Q' : 'A';
  refused(forged, test::kEnrolments, "the token's signature is wrong");
  world.clock.advance(DpopVerifier::kWindow + std::chrono::milliseconds{1});
  refused(good, test::kEnrolments, "the DPoP proof is too old: compare the clocks");

  // All that has used up nothing: the owner's turn.
  CHECK(must(world.enrol(code, owner, "pc")).id == api::thumbprint(owner.public_key));
}

TEST_CASE("enrolment: what is refused fills no memory, and what is proven opens one code [C1]") {
  World world;
  const auto code = must(world.enrolment.create(for_ann())).code;
  const auto key = new_key();
  // The same proof again is the same device with the same code: good until the code is used up.
  const EnrolmentRequest request{code, key.public_key, "", test::kEnrolments};
  const auto proof = world.enrolment_proof(key, code);
  auto shown = request;
  shown.dpop = proof;
  const auto first = must(world.enrolment.prove(shown));
  const auto second = must(world.enrolment.prove(shown));
  CHECK(world.enrolment.redeem(first, "pc").has_value());
  CHECK_FAILS(world.enrolment.redeem(second, "pc"), Errc::denied, kUnknown);
}

TEST_CASE("enrolment: whose code it is, as long as it is good") {
  World world;
  const auto code = must(world.enrolment.create(for_ann())).code;
  CHECK(must(world.enrolment.organisation_of(code)) == "acme");
  CHECK(must(world.enrolment.organisation_of(" " + code + "\n")) == "acme");
  CHECK(must(world.enrolment.organisation_of("")) == std::nullopt);
  CHECK(must(world.enrolment.organisation_of("AAAAA-AAAAA-AAAAA-AAAAA")) == std::nullopt);
  world.clock.advance(std::chrono::minutes{15});
  CHECK(must(world.enrolment.organisation_of(code)) == std::nullopt);
}

TEST_CASE("enrolment: validity has limits") {
  World world;
  auto offer = for_ann();
  for (const auto valid :
       {std::chrono::milliseconds{0}, std::chrono::milliseconds{-1},
        std::chrono::milliseconds{Enrolment::kLongestValidity} + std::chrono::milliseconds{1}}) {
    offer.valid = valid;
    CHECK_FAILS(world.enrolment.create(offer), Errc::invalid,
                "an enrolment code is valid for more than nothing and at most a week");
  }
  offer.valid = Enrolment::kLongestValidity;
  CHECK(world.enrolment.create(offer).has_value());
}

TEST_CASE("enrolment: nothing in the database gives the code away") {
  World world;
  const auto code = must(world.enrolment.create(for_ann())).code;
  auto digits = code;
  digits.erase(std::remove(digits.begin(), digits.end(), '-'), digits.end());
  Bytes hash(crypto_hash_sha256_BYTES);
  crypto_hash_sha256(hash.data(), as_bytes(digits).data(), digits.size());
  // The stored hash is that of the twenty digits, and redeeming it needs the digits.
  CHECK(world.enrol(api::base64url(hash), new_key(), "x").error().code == Errc::denied);
  store::Device device;
  device.id = "d";
  device.name = "n";
  device.public_key = Bytes(32);
  CHECK(world.db->redeem(hash, device, world.clock.now()).has_value());
}

}  // namespace
}  // namespace cardea::identity
