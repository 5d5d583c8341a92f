#include "cardea/cms/gp/commands.h"

#include <doctest/doctest.h>

#include "cardea/cms/gp/registry.h"
#include "crypto.h"
#include "script.h"

using namespace cardea;
using namespace cardea::cms::gp;
using namespace cardea::cms::gp::testing;

namespace {

std::string text(const apdu::Command& command) {
  return to_hex(apdu::encode(command));
}

/// An SCP03 channel with the test key, where the DEK is static: what it enciphers can be deciphered here.
struct Opened {
  Script card{
      {{"8050000008000102030405060700", "00010203040506070809FF0360A1A2A3A4A5A6A7A890731990A1D499A29000"},
       {"8482330010B0EDE46F131AB894C7896E62F437F8BB", "9000"}}};
  SecureChannel channel = SecureChannel::open(card.transmit(), test_keys(KeyType::aes),
                                              options(SecurityLevel::all, "0001020304050607"))
                              .value();
};

}  // namespace

TEST_CASE("commands of a security domain, octet by octet [GPCS2.3.1#11]") {
  CHECK(text(get_data(0x9F7F)) == "80CA9F7F00");
  CHECK(text(get_data(0x0066)) == "80CA006600");
  CHECK(text(get_status(Scope::load_files_and_modules, true)) == "80F21003024F0000");
  CHECK(text(delete_object(hex("A000000308"), true)) == "80E40080074F05A00000030800");
  CHECK(text(delete_object(hex("A000000308"), false)) == "80E40000074F05A00000030800");
  CHECK(text(delete_key(0xFF, {})) == "80E4000003D201FF00");
  CHECK(text(delete_key(0x01, 0x03)) == "80E4000006D00103D2010100");
  CHECK(text(set_card_state(CardState::secured)) == "80F0800F");
  CHECK(text(lock_application(hex("A000000308"), true)) == "80F0408005A000000308");
  CHECK(text(lock_application(hex("A000000308"), false)) == "80F0400005A000000308");
}

TEST_CASE("INSTALL and its fields [GPCS2.3.1#11.5.2.3]") {
  Installation piv;
  piv.load_file = hex("A0000003080000");
  piv.module = hex("A000000308000010");
  piv.instance = hex("A000000308000010000100");
  CHECK(text(install(piv).value()) ==
        "80E60C002307A000000308000008A0000003080000100BA0000003080000100001000100"
        "02C9000000");
  CHECK(text(install_for_personalization(hex("A000000308")).value()) == "80E620000B000005A00000030800000000");
  CHECK(text(install_for_load(hex("A000000308"), {}, {}, {}, {}).value()) ==
        "80E602000A05A0000003080000000000");
  CHECK(text(install_for_extradition(hex("A000000151"), hex("A000000308"), {}).value()) ==
        "80E610001005A0000001510005A00000030800000000");
  piv.parameters.assign(300, 0x00);
  CHECK(install(piv).error().code == Errc::invalid);
  piv.parameters.assign(230, 0x00);
  CHECK(install(piv).error().code == Errc::invalid);
}

TEST_CASE("PUT KEY: three AES keys under the DEK, each with its length and check value [GPAmdD#7.2]") {
  Opened opened;
  for (const std::size_t size : {16U, 24U, 32U}) {
    CAPTURE(size);
    auto fresh = test_keys(KeyType::aes, size);
    fresh.version = 0x01;
    const auto command = put_key(opened.channel, fresh, 0xFF).value();
    CHECK(command.ins == 0xD8);
    CHECK(command.p1 == 0xFF);
    CHECK(command.p2 == 0x81);
    const std::size_t hidden = size == 16 ? 16 : 32;
    REQUIRE(command.data.size() == 1 + 3 * (3 + hidden + 4));
    CHECK(command.data[0] == 0x01);
    const BytesView first = BytesView{command.data}.subspan(1, 3 + hidden + 4);
    CHECK(first[0] == 0x88);
    CHECK(first[1] == hidden + 1);
    CHECK(first[2] == size);
    const auto plain = decrypt(Cipher::aes_cbc, test_keys(KeyType::aes).dek, {}, first.subspan(3, hidden));
    CHECK(equal(BytesView{plain.value()}.first(size), fresh.enc.expose()));
    CHECK(to_hex(first.last(4)) == "03" + to_hex(key_check_value(KeyType::aes, fresh.enc).value()));
  }
}

TEST_CASE("PUT KEY: 3DES keys, and no key set without a version") {
  Opened opened;
  auto fresh = test_keys(KeyType::tdes);
  CHECK(put_key(opened.channel, fresh, 0x00).error().code == Errc::invalid);
  fresh.version = 0x02;
  const auto command = put_key(opened.channel, fresh, 0x00).value();
  REQUIRE(command.data.size() == 1 + 3 * 22);
  CHECK(to_hex(BytesView{command.data}.first(3)) == "028010");
  CHECK(to_hex(BytesView{command.data}.subspan(19, 4)) == "038BAF47");
}

TEST_CASE("the card's answer to PUT KEY must repeat the check values") {
  auto fresh = test_keys(KeyType::tdes);
  fresh.version = 0x01;
  CHECK(check_put_key_answer(fresh, hex("018BAF478BAF478BAF47")));
  CHECK(check_put_key_answer(fresh, hex("018BAF478BAF478BAF48")).error().code == Errc::corrupt);
  CHECK(check_put_key_answer(fresh, hex("028BAF478BAF478BAF47")).error().code == Errc::corrupt);
  CHECK(check_put_key_answer(fresh, hex("018BAF478BAF47")).error().code == Errc::corrupt);
}

TEST_CASE(
    "STORE DATA: groups share commands, enciphered ones apart, the last one says so [GPCS2.3.1#11.11]") {
  Opened opened;
  std::vector<DataGroup> groups;
  groups.push_back({0x0101, secret("AABB"), false});
  groups.push_back({0x0102, secret("CC"), false});
  groups.push_back({0x8201, secret("000102030405060708090A0B0C0D0E0F"), true});
  groups.push_back({0x0103, secret("DD"), false});
  const auto commands = store_data(opened.channel, groups).value();
  REQUIRE(commands.size() == 3);
  CHECK(text(commands[0]) ==
        "80E20800090101"
        "02AABB"
        "0102"
        "01CC");
  CHECK(commands[1].p1 == 0x68);
  CHECK(commands[1].p2 == 0x01);
  CHECK(to_hex(BytesView{commands[1].data}.first(3)) == "820110");
  const auto plain =
      decrypt(Cipher::aes_cbc, test_keys(KeyType::aes).dek, {}, BytesView{commands[1].data}.subspan(3));
  CHECK(to_hex(plain.value()) == "000102030405060708090A0B0C0D0E0F");
  CHECK(text(commands[2]) ==
        "80E2880204"
        "0103"
        "01DD");

  groups[2].value = secret("000102");
  CHECK(store_data(opened.channel, groups).error().code == Errc::invalid);
  CHECK(store_data(opened.channel, {}).error().code == Errc::invalid);
}

TEST_CASE("STORE DATA: a group of 300 octets has a long length and goes out in two blocks") {
  Opened opened;
  std::vector<DataGroup> groups;
  groups.push_back({0x0101, SecretBytes{300}, false});
  groups.push_back({0x0102, secret("CC"), false});
  const auto commands = store_data(opened.channel, groups).value();
  REQUIRE(commands.size() == 3);
  CHECK(to_hex(BytesView{commands[0].data}.first(5)) == "0101FF012C");
  CHECK(commands[0].data.size() == 239);
  CHECK(commands[0].p1 == 0x08);
  CHECK(commands[1].data.size() == 305 - 239);
  CHECK(text(commands[2]) ==
        "80E2880204"
        "0102"
        "01CC");

  std::vector<DataGroup> huge;
  huge.push_back({0x0101, SecretBytes{0xFFFF}, false});
  CHECK(store_data(opened.channel, huge).error().code == Errc::exhausted);
}

TEST_CASE("STORE DATA of BER-TLV objects") {
  Opened opened;
  const auto commands = store_tlvs(opened.channel, hex("4203414243")).value();
  REQUIRE(commands.size() == 1);
  CHECK(text(commands[0]) == "80E29000054203414243");
}

TEST_CASE("GET STATUS: registry entries with all their fields [GPCS2.3.1#11.4.3.1]") {
  const auto files =
      parse_status(hex("E3224F07A00000030800009F700101CE0201008408A000000308000010CC05A000000151"));
  REQUIRE(files);
  REQUIRE(files->size() == 1);
  CHECK(to_hex(files->front().version) == "0100");
  REQUIRE(files->front().modules.size() == 1);
  CHECK(to_hex(files->front().modules[0]) == "A000000308000010");
  CHECK(to_hex(files->front().domain) == "A000000151");
  CHECK(parse_status({}).value().empty());
  CHECK(parse_status(hex("E3054F05A000")).error().code == Errc::corrupt);        // cut off
  CHECK(parse_status(hex("E3074F05A000000151")).error().code == Errc::corrupt);  // no life cycle
  CHECK(parse_status(hex("E30A4F059F700101")).error().code == Errc::corrupt);
  CHECK(parse_status(hex("61074F05A000000151")).error().code == Errc::corrupt);  // another template
}
