#include "gp/records.h"

#include <doctest/doctest.h>

#include "cardea/test/print.h"

using namespace cardea;
using namespace cardea::card;
using namespace cardea::card::gp;

namespace {

/// Every change of one octet is either refused or written back as it is.
template <class Decode>
void damage(const Bytes& good, Decode decode) {
  CHECK(decode(good));
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (unsigned value = 0; value < 256; ++value) {
      auto octets = good;
      octets[at] = static_cast<std::uint8_t>(value);
      const auto decoded = decode(octets);
      if (decoded) CHECK(encode(*decoded) == octets);
      if (!decoded) CHECK(decoded.error().code == Errc::corrupt);
    }
  }
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK_FALSE(decode(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))));
  auto longer = good;
  longer.push_back(0);
  CHECK_FALSE(decode(longer));
}

}  // namespace

TEST_CASE("the registry and the key set records have one encoding each") {
  const Registry registry{CardState::secured, application::kSelectable | application::kLockedBit, 7};
  CHECK(decode_registry(encode(registry)).value() == registry);
  damage(encode(registry), [](const Bytes& octets) { return decode_registry(octets); });
  const Registry installed{CardState::op_ready, application::kSelectable, 1, 0x0102030405060708};
  CHECK(decode_registry(encode(installed)).value() == installed);
  damage(encode(installed), [](const Bytes& octets) { return decode_registry(octets); });
  auto uninstalled = encode(Registry{CardState::op_ready, application::kSelectable, 1, 1});
  uninstalled.back() = 0;
  CHECK_FALSE(decode_registry(uninstalled));
  const KeySetRecord set{3, Protocol::scp03, 0x70, Algorithm::aes256, 0x0102030405060708};
  CHECK(decode_key_set(encode(set)).value() == set);
  damage(encode(set), [](const Bytes& octets) { return decode_key_set(octets); });
}

TEST_CASE("which keys suit which protocol") {
  for (const unsigned i : {0x00U, 0x10U, 0x20U, 0x30U, 0x60U, 0x70U})
    CHECK(speaks(Protocol::scp03, static_cast<std::uint8_t>(i), Algorithm::aes192));
  for (const unsigned i : {0x40U, 0x50U, 0x01U, 0x80U, 0x15U, 0x55U})
    CHECK_FALSE(speaks(Protocol::scp03, static_cast<std::uint8_t>(i), Algorithm::aes128));
  CHECK(speaks(Protocol::scp02, 0x15, Algorithm::tdes));
  CHECK(speaks(Protocol::scp02, 0x55, Algorithm::tdes));
  CHECK_FALSE(speaks(Protocol::scp02, 0x1A, Algorithm::tdes));
  CHECK_FALSE(speaks(Protocol::scp02, 0x15, Algorithm::aes128));
  CHECK_FALSE(speaks(Protocol::scp03, 0x70, Algorithm::tdes));
  CHECK_FALSE(speaks(Protocol::scp03, 0x70, Algorithm::p256));
}
