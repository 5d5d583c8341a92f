// Secure messaging of SP 800-73-4, against a client written here straight from the specification over
// OpenSSL's own CMAC, ciphers and hashes: nothing of it is shared with the card.
#include <doctest/doctest.h>

#include <openssl/evp.h>

#include "cardea/apdu/command.h"
#include "cardea/apdu/tlv.h"
#include "cardea/test/block_cipher.h"
#include "cardea/test/host_crypto.h"
#include "conversation.h"

using namespace cardea;
using card::Algorithm;
using test::ask;
using test::TestCard;

namespace {

Bytes cmac(BytesView key, BytesView message) {
  Bytes out(16);
  std::size_t size = 0;
  const auto* const cipher = key.size() == 32 ? "AES-256-CBC" : "AES-128-CBC";
  REQUIRE(EVP_Q_mac(nullptr, "CMAC", nullptr, cipher, nullptr, key.data(), key.size(), message.data(),
                    message.size(), out.data(), out.size(), &size) != nullptr);
  return out;
}

Bytes hash(const char* name, BytesView data) {
  Bytes out(EVP_MAX_MD_SIZE);
  std::size_t size = 0;
  REQUIRE(EVP_Q_digest(nullptr, name, nullptr, data.data(), data.size(), out.data(), &size) == 1);
  out.resize(size);
  return out;
}

Bytes cbc(BytesView key, BytesView initial, BytesView data, int forwards) {
  Bytes out(data.size());
  int n = 0;
  EVP_CIPHER_CTX* const ctx = EVP_CIPHER_CTX_new();
  const auto* const cipher = key.size() == 32 ? EVP_aes_256_cbc() : EVP_aes_128_cbc();
  const bool done = EVP_CipherInit_ex(ctx, cipher, nullptr, key.data(), initial.data(), forwards) == 1 &&
                    EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
                    EVP_CipherUpdate(ctx, out.data(), &n, data.data(), static_cast<int>(data.size())) == 1;
  EVP_CIPHER_CTX_free(ctx);
  REQUIRE(done);
  return out;
}

struct Suite {
  std::uint8_t id;
  Algorithm curve;
  std::size_t field, nonce, key;
  std::uint8_t label;
  const char* digest;
};
constexpr Suite kSuites[] = {{0x27, Algorithm::p256, 32, 16, 16, 0x09, "SHA256"},
                             {0x2E, Algorithm::p384, 48, 24, 32, 0x0D, "SHA384"}};

/// As appendix of the specification lays it out; the signature is nobody's.
Bytes certificate_of(const Suite& suite, BytesView point) {
  const auto oid = suite.id == 0x27 ? from_hex("2A8648CE3D030107").value() : from_hex("2B81040022").value();
  const auto key = apdu::make_template(0x7F49, {apdu::make_tlv(0x06, oid), apdu::make_tlv(0x86, point)});
  return apdu::make_template(
      0x7F21, {from_hex("5F290180 4208A1A2A3A4A5A6A7A8 5F2010000102030405060708090A0B0C0D0E0F").value(), key,
               from_hex("5F4C0100 5F3703010203").value()});
}

class Client {
 public:
  Client(TestCard& card, const Suite& suite) : card_{card}, suite_{suite} {}

  /// The request; the card's answer is checked with the point that its certificate says.
  bool establish() {
    const auto mine = test::host_key(suite_.curve, 3);
    const Bytes id{0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
    const auto asked = concat({Bytes{0x00}, id, mine.point});
    const auto data = apdu::make_template(0x7C, {apdu::make_tlv(0x81, asked), apdu::make_tlv(0x82, {})});
    const auto answer = card_.raw(apdu::encode({0x00, 0x87, suite_.id, 0x04, data, 65536, true}));
    word = answer.sw;
    if (answer.sw != apdu::sw::kOk) return false;
    const auto outer = apdu::read_tlv(answer.data).value();
    const auto value = apdu::read_tlv(outer.value).value().value;
    REQUIRE(value[0] == 0x00);
    const auto nonce = value.subspan(1, suite_.nonce);
    const auto cryptogram = value.subspan(1 + suite_.nonce, 16);
    const auto certificate = value.subspan(1 + suite_.nonce + 16);
    const auto body = apdu::read_tlvs(apdu::read_tlv(certificate).value().value).value();
    const auto key_parts = apdu::read_tlvs(apdu::find(body, 0x7F49).value()).value();
    card::PublicKey theirs;
    theirs.algorithm = suite_.curve;
    theirs.point = to_bytes(apdu::find(key_parts, 0x86).value());
    const auto shared = test::host_ecdh(mine, theirs).value();
    const auto card_id = hash("SHA256", certificate);

    Bytes info{0x04, suite_.label, suite_.label, suite_.label, suite_.label, 0x08};
    append(info, id);
    append(info, Bytes{0x01, 0x00, 0x10});
    append(info, BytesView{mine.point}.subspan(1, 16));
    info.push_back(0x08);
    append(info, BytesView{card_id}.first(8));
    info.push_back(static_cast<std::uint8_t>(suite_.nonce));
    append(info, nonce);
    append(info, Bytes{0x01, 0x00});
    Bytes material;
    for (std::uint8_t round = 1; material.size() < 4 * suite_.key; ++round)
      append(material, hash(suite_.digest, concat({Bytes{0, 0, 0, round}, shared, info})));
    const auto part = [&](std::size_t n) {
      return to_bytes(BytesView{material}.subspan(n * suite_.key, suite_.key));
    };
    mac_ = part(1);
    enc_ = part(2);
    rmac_ = part(3);
    const auto confirmed =
        concat({as_bytes("KC_1_V"), BytesView{card_id}.first(8), id, BytesView{mine.point}.subspan(1)});
    mcv_ = Bytes(16);
    rmcv_ = Bytes(16);
    counter_ = 0;
    return to_bytes(cryptogram) == cmac(part(0), confirmed);
  }

  Bytes wrap(std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, BytesView data) {
    ++counter_;
    Bytes body;
    if (!data.empty()) {
      Bytes padded = to_bytes(data);
      padded.push_back(0x80);
      padded.resize((padded.size() + 15) / 16 * 16);
      append(body, apdu::make_tlv(0x87, concat({Bytes{0x01}, cbc(enc_, initial(0x00), padded, 1)})));
    }
    append(body, Bytes{0x97, 0x01, 0x00});
    Bytes header{0x0C, ins, p1, p2, 0x80};
    header.resize(16);
    mcv_ = cmac(mac_, concat({mcv_, header, body}));
    apdu::append_tlv(body, 0x8E, BytesView{mcv_}.first(8));
    return body;
  }

  /// One protected command, in parts of a short command's size, and its answer put together.
  apdu::Response send(std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, BytesView data) {
    const auto all = wrap(ins, p1, p2, data);
    BytesView rest{all};
    for (; rest.size() > 255; rest = rest.subspan(255)) {
      const auto part =
          card_.raw(apdu::encode({0x1C, ins, p1, p2, to_bytes(rest.first(255)), std::nullopt, false}));
      REQUIRE(part.sw == apdu::sw::kOk);
    }
    auto response = card_.raw(apdu::encode({0x0C, ins, p1, p2, to_bytes(rest), 256, false}));
    while (response.sw.sw1() == 0x61) {
      const auto more = card_.send("00C0000000");
      append(response.data, more.data);
      response.sw = more.sw;
    }
    if (response.sw != apdu::sw::kOk) return response;
    const auto objects = apdu::read_tlvs(response.data).value();
    const auto checksum = apdu::find(objects, 0x8E).value();
    const auto before = BytesView{response.data}.first(response.data.size() - 10);
    rmcv_ = cmac(rmac_, concat({rmcv_, before}));
    REQUIRE(to_bytes(checksum) == to_bytes(BytesView{rmcv_}.first(8)));
    const auto status = apdu::find(objects, 0x99).value();
    apdu::Response out{{}, apdu::StatusWord{status[0], status[1]}};
    if (const auto hidden = apdu::find(objects, 0x87)) {
      REQUIRE(hidden->front() == 0x01);
      out.data = cbc(enc_, initial(0x80), hidden->subspan(1), 0);
      while (out.data.back() == 0x00)
        out.data.pop_back();
      REQUIRE(out.data.back() == 0x80);
      out.data.pop_back();
    }
    return out;
  }

  apdu::StatusWord word = apdu::sw::kOk;

 private:
  Bytes initial(std::uint8_t first) const {
    Bytes block{first, 0, 0, 0, 0, 0, 0, 0};
    append_be64(block, counter_);
    return test::ecb_encrypt(enc_.size() == 32 ? Algorithm::aes256 : Algorithm::aes128, enc_, block).value();
  }

  TestCard& card_;
  const Suite& suite_;
  Bytes mac_, enc_, rmac_, mcv_, rmcv_;
  std::uint64_t counter_ = 0;
};

/// A card whose secure messaging key and certificate are there. The certificate comes where a card manager
/// would put it, here without the channel: that has tests of its own.
Bytes prepare(TestCard& card, const Suite& suite) {
  test::become_administrator(card);
  const auto made = card.send("0047000405AC038001" + to_hex(Bytes{suite.id}) + "00");
  REQUIRE(made.sw == apdu::sw::kOk);
  const auto template_ = apdu::read_tlv(made.data).value();
  const auto point = to_bytes(apdu::read_tlv(template_.value).value().value);
  const card::Change change{{card::RecordSpace::object, 0x7F21}, certificate_of(suite, point)};
  REQUIRE(card.world().store.commit({&change, 1}));
  return point;
}

Bytes octets(std::string_view hex) {
  return from_hex(hex).value();
}

}  // namespace

TEST_CASE("key establishment and protected commands, both cipher suites [SP800-73-4/2#4.1] [A6]") {
  for (const auto& suite : kSuites) {
    CAPTURE(suite.digest);
    TestCard card{test::kNist};
    Client client{card, suite};
    CHECK_FALSE(client.establish());
    CHECK(client.word == apdu::sw::kWrongP1P2);
    prepare(card, suite);
    // The cipher suite is told where there is one.
    CHECK(ask(card, "00A4040005A000000308").find("8001" + to_hex(Bytes{suite.id}) + "060100") !=
          std::string::npos);
    REQUIRE(client.establish());
    CHECK(card.card().has_security_status());

    CHECK(client.send(0xCB, 0x3F, 0xFF, octets("5C017E")).data ==
          octets("7E124F0BA0000003080000100001005F2F024000"));
    CHECK(client.send(0x20, 0x00, 0x80, octets("393939393939FFFF")).sw == apdu::sw::tries_left(2));
    CHECK(client.send(0x20, 0x00, 0x80, octets("313233343536FFFF")).sw == apdu::sw::kOk);
    CHECK(client.send(0x20, 0x00, 0x80, {}).sw == apdu::sw::kOk);
    CHECK(client.send(0xCB, 0x3F, 0xFF, octets("5C035FC109")).sw == apdu::sw::kNotFound);
    // Plain commands go on beside it.
    CHECK(ask(card, "00200080") == "9000");
    CHECK(ask(card, "00A4040005A000000308").ends_with("9000"));
    CHECK(client.send(0x24, 0x00, 0x80, octets("313233343536FFFF393133373533FFFF")).sw == apdu::sw::kOk);
  }
}

TEST_CASE(
    "long commands are cut after they are protected, long answers fetched in pieces [SP800-73-4/2#4.2]") {
  TestCard card{test::kNist};
  const auto& suite = kSuites[0];
  prepare(card, suite);
  REQUIRE(card.send("0047009A05AC0380010700").sw.sw1() == 0x61);
  const auto content = Bytes(3000, 0xA5);
  const auto put = concat({octets("5C035FC105"), apdu::make_tlv(0x53, content)});
  REQUIRE(card.raw(apdu::encode({0x00, 0xDB, 0x3F, 0xFF, put, std::nullopt, true})).sw == apdu::sw::kOk);
  Client client{card, suite};
  REQUIRE(client.establish());
  CHECK(client.send(0xCB, 0x3F, 0xFF, octets("5C035FC105")).data == apdu::make_tlv(0x53, content));
  REQUIRE(client.send(0x20, 0x00, 0x80, octets("313233343536FFFF")).sw == apdu::sw::kOk);
  Bytes block(256, 0x01);
  block[0] = 0;
  const auto inside = concat({apdu::make_tlv(0x82, {}), apdu::make_tlv(0x81, block)});
  const auto signature = client.send(0x87, 0x07, 0x9A, apdu::make_tlv(0x7C, inside));
  CHECK(signature.sw == apdu::sw::kOk);
  CHECK(signature.data.size() == 264);
}

TEST_CASE("secure messaging that is not as it should be: 6987, 6988, and the session is over") {
  const auto& suite = kSuites[0];
  TestCard card{test::kNist};
  prepare(card, suite);
  Client client{card, suite};
  const auto raw = [&](BytesView data, std::uint8_t ins = 0xCB) {
    return card.raw(apdu::encode({0x0C, ins, 0x3F, 0xFF, to_bytes(data), 256, false})).sw.value();
  };
  const auto gone = [&] { return raw(octets("8E080000000000000000")) == 0x6882; };
  const auto ask_7e = octets("5C017E");

  CHECK(gone());
  REQUIRE(client.establish());
  CHECK(raw({}) == 0x6987);
  CHECK(gone());
  REQUIRE(client.establish());
  CHECK(raw(octets("970100")) == 0x6987);
  CHECK(gone());
  for (const auto* const wrong :
       {"8E080000000000000000", "8E0700000000000000", "870201008E080000000000000000", "8E",
        "8701018E080000000000000000", "9701008701018E080000000000000000", "5C017E8E080000000000000000"}) {
    CAPTURE(wrong);
    REQUIRE(client.establish());
    CHECK(raw(octets(wrong)) == 0x6988);
    CHECK(gone());
  }
  // Played again, and with another header.
  REQUIRE(client.establish());
  const auto good = client.wrap(0xCB, 0x3F, 0xFF, ask_7e);
  CHECK(raw(good) == 0x9000);
  CHECK(raw(good) == 0x6988);
  CHECK(gone());
  REQUIRE(client.establish());
  const auto other = client.wrap(0xCB, 0x3F, 0xFF, ask_7e);
  CHECK(card.raw(apdu::encode({0x0C, 0xCB, 0x3F, 0xFE, other, 256, false})).sw.value() == 0x6988);
  // What is not to be protected.
  REQUIRE(client.establish());
  CHECK(raw(client.wrap(0x2C, 0x3F, 0xFF, ask_7e), 0x2C) == 0x6882);
  CHECK(gone());
  // Another application, reset.
  REQUIRE(client.establish());
  CHECK(card.send("00A4040000").sw == apdu::sw::kOk);
  CHECK(card.send("00A4040005A000000308").sw == apdu::sw::kOk);
  CHECK(gone());
  REQUIRE(client.establish());
  card.power_cycle();
  CHECK(gone());
  CHECK_FALSE(card.card().has_security_status());
}

// Where the PIN travels inside, no client looks at it on the way: what clients refuse, the card does.
TEST_CASE(
    "through secure messaging a new PIN that everybody tries first is 6A80, and nothing is tried [C5]") {
  TestCard card{test::kNist};
  const auto& suite = kSuites[0];
  prepare(card, suite);
  Client client{card, suite};
  REQUIRE(client.establish());
  REQUIRE(client.send(0x20, 0x00, 0x80, octets("313233343536FFFF")).sw == apdu::sw::kOk);
  const auto change = [&](std::string_view old_field, std::string_view new_field) {
    return client.send(0x24, 0x00, 0x80, concat({octets(old_field), octets(new_field)})).sw;
  };
  for (const auto* const common : {"313131313131FFFF", "3132333435363738", "313233343536FFFF"}) {
    CAPTURE(common);
    CHECK(change("313233343536FFFF", common) == apdu::sw::kWrongData);
    CHECK(change("393939393939FFFF", common) == apdu::sw::kWrongData);
  }
  CHECK(change("393939393939FFFF", "41424344FFFFFFFF") == apdu::sw::kWrongData);
  CHECK(client.send(0x20, 0x00, 0x80, {}).sw == apdu::sw::kOk);  // verified as before, all tries there
  CHECK(change("393939393939FFFF", "393133373533FFFF") == apdu::sw::tries_left(2));
  CHECK(change("313233343536FFFF", "393133373533FFFF") == apdu::sw::kOk);
}

TEST_CASE(
    "a protected command that is too long to be put together: 6988, and the session is over "
    "[SP800-73-4/2#4.2]") {
  const auto& suite = kSuites[0];
  TestCard card{test::kNist};
  prepare(card, suite);
  Client client{card, suite};
  constexpr int kWithinLimit = 64;  // parts of 255 octets in 16 KiB
  for (const std::uint8_t last_class : Bytes{0x1C, 0x0C}) {
    CAPTURE(last_class);
    REQUIRE(client.establish());
    const auto part = [&](std::uint8_t cla) {
      return card.raw(apdu::encode({cla, 0x87, 0x07, 0x9A, Bytes(255, 0x87), std::nullopt, false}))
          .sw.value();
    };
    for (int i = 0; i < kWithinLimit; ++i)
      REQUIRE(part(0x1C) == 0x9000);
    CHECK(part(last_class) == 0x6988);
    CHECK(part(0x0C) == 0x6882);
    CHECK(ask(card, "00200080") == "63C3");
  }
}

TEST_CASE("keys cannot be established under those that they would replace: 6985, and the session stands") {
  const auto& suite = kSuites[0];
  TestCard card{test::kNist};
  prepare(card, suite);
  Client client{card, suite};
  REQUIRE(client.establish());
  const auto asked = concat({Bytes(9), test::host_key(Algorithm::p256, 3).point});
  const auto data = apdu::make_template(0x7C, {apdu::make_tlv(0x81, asked), apdu::make_tlv(0x82, {})});
  CHECK(client.send(0x87, 0x27, 0x04, data).sw == apdu::sw::kConditionsNotSatisfied);
  CHECK(client.send(0x20, 0x00, 0x80, {}).sw == apdu::sw::tries_left(3));
  CHECK(client.establish());
}

TEST_CASE("a request for keys that is not one, and keys without their certificate [SP800-73-4/2#4.1]") {
  const auto& suite = kSuites[0];
  TestCard card{test::kNist};
  const auto point = prepare(card, suite);
  const auto mine = test::host_key(Algorithm::p256, 3).point;
  const auto asks = [&](BytesView value, std::uint8_t p1 = 0x27) {
    const auto data = apdu::make_template(0x7C, {apdu::make_tlv(0x81, value), apdu::make_tlv(0x82, {})});
    return card.raw(apdu::encode({0x00, 0x87, p1, 0x04, data, 256, false})).sw.value();
  };
  const auto good = concat({Bytes(9), mine});
  CHECK(asks(good) == 0x9000);
  CHECK(asks(good, 0x2E) == 0x6A86);
  CHECK(asks(good, 0x11) == 0x6A86);
  CHECK(asks(concat({Bytes{0x01}, Bytes(8), mine})) == 0x6A80);
  CHECK(asks(concat({Bytes(8), mine})) == 0x6A80);
  CHECK(asks(concat({Bytes(9), Bytes{0x02}, BytesView{mine}.subspan(1)})) == 0x6A80);
  CHECK(asks(concat({Bytes(9), Bytes{0x04}, Bytes(64, 0x11)})) == 0x6A80);  // no point of the curve
  CHECK(ask(card, "0087270404 7C028100 00") == "6A80");
  // Another key than the certificate is about.
  test::become_administrator(card);
  REQUIRE(card.send("0047000405AC0380012700").sw == apdu::sw::kOk);
  CHECK(asks(good) == 0x6A86);
  CHECK(ask(card, "00A4040005A000000308").find("800127") == std::string::npos);
  CHECK(ask(card, "00CB3FFF045C027F2100") == "6A82");
  CHECK(ask(card, "0047000405AC0380011100") == "6A80");
  // The audit log does not hear of it: no session.
  prepare(card, suite);
  card.world().audit.set_failing(true);
  CHECK(asks(good) == 0x6F00);
  CHECK(card.card().state_digest() == card.card().state_digest());
}

TEST_CASE("Yubico's card has no secure messaging") {
  TestCard card{test::kYubikey5};
  test::become_administrator(card);
  CHECK(ask(card, "0047000405AC0380012700") == "6A86");
  CHECK(ask(card, "0087270404 7C028100 00") == "6A86");
  CHECK(ask(card, "0CCB3FFF0A8E08000000000000000000") == "6882");
}
