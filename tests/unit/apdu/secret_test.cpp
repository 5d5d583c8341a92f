#include "cardea/secret.h"

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "cardea/test/print.h"

namespace cardea {

static_assert(!std::is_copy_constructible_v<Secret<8>> && !std::is_copy_assignable_v<Secret<8>>);
static_assert(!std::is_copy_constructible_v<SecretBytes> && !std::is_copy_assignable_v<SecretBytes>);
static_assert(std::is_nothrow_move_constructible_v<Secret<8>> &&
              std::is_nothrow_move_assignable_v<Secret<8>>);
static_assert(std::is_nothrow_move_constructible_v<SecretBytes> &&
              std::is_nothrow_move_assignable_v<SecretBytes>);

namespace {

SecretBytes bytes_of(std::string_view text) {
  return SecretBytes{as_bytes(text)};
}

}  // namespace

TEST_CASE("wipe: overwrites everything, and nothing is nothing") {
  Bytes memory(32, 0xA5);
  wipe(memory);
  CHECK(memory == Bytes(32));
  wipe({});
}

TEST_CASE("constant_time_equal: equality and nothing else") {
  const Bytes a{1, 2, 3};
  CHECK(constant_time_equal(a, Bytes{1, 2, 3}));
  CHECK_FALSE(constant_time_equal(a, Bytes{1, 2, 4}));
  CHECK_FALSE(constant_time_equal(a, Bytes{9, 2, 3}));
  CHECK_FALSE(constant_time_equal(a, Bytes{1, 2}));
  CHECK(constant_time_equal({}, {}));
}

TEST_CASE("Secret: moving leaves zeroes behind") {
  Secret<4> from;
  from.expose()[0] = 0x42;
  Secret<4> to{std::move(from)};
  CHECK(to.expose()[0] == 0x42);
  CHECK(from.expose()[0] == 0);  // NOLINT(bugprone-use-after-move): what is left is the point
  Secret<4> third;
  third = std::move(to);
  CHECK(third.expose()[0] == 0x42);
  CHECK(to.expose()[0] == 0);  // NOLINT(bugprone-use-after-move): what is left is the point
  auto& same = third;
  third = std::move(same);
  CHECK(third.expose()[0] == 0x42);
}

TEST_CASE("Secret: its memory is wiped when it goes") {
  alignas(Secret<16>) std::array<std::uint8_t, sizeof(Secret<16>)> memory{};
  auto* secret = new (memory.data()) Secret<16>;
  for (auto& octet : secret->expose())
    octet = 0xEE;
  CHECK(memory[7] == 0xEE);
  secret->~Secret<16>();
  CHECK(std::all_of(memory.begin(), memory.end(), [](auto octet) { return octet == 0; }));
}

TEST_CASE("SecretBytes: moving takes the octets along") {
  auto from = bytes_of("123456");
  SecretBytes to{std::move(from)};
  CHECK(to.size() == 6);
  CHECK(from.empty());  // NOLINT(bugprone-use-after-move): what is left is the point
  auto third = bytes_of("other");
  third = std::move(to);
  CHECK(equal(third.expose(), as_bytes("123456")));
  CHECK(to.empty());  // NOLINT(bugprone-use-after-move): what is left is the point
}

TEST_CASE("SecretBytes: clones are equal and apart") {
  const auto original = bytes_of("12345678");
  auto copy = original.clone();
  CHECK(same_secret(original, copy));
  copy.expose()[0] ^= 1U;
  CHECK_FALSE(same_secret(original, copy));
  CHECK_FALSE(same_secret(original, bytes_of("1234567")));
  CHECK(SecretBytes{8}.expose()[7] == 0);
}

TEST_CASE("WipeOnExit: wipes the buffer when the scope ends") {
  Bytes buffer(8, 0x31);
  {
    const WipeOnExit wiped{buffer};
    CHECK(buffer[0] == 0x31);
  }
  CHECK(buffer == Bytes(8));
}

}  // namespace cardea
