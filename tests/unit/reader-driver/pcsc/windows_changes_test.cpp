#include "cardea/winscard/windows_changes.h"

#include <doctest/doctest.h>

#include <vector>

using namespace cardea;
using namespace cardea::pcsc_link;
using namespace cardea::winscard;

namespace {

ReaderRecord reader(const char* name, std::uint32_t state) {
  return {name, state, 3, 0, 0, state == reader_state::kAbsent ? Bytes{} : Bytes{0x3B}};
}

const ReaderList kTwo{
    1, {reader("r", reader_state::kPresent | reader_state::kPowered), reader("s", reader_state::kAbsent)}};
constexpr std::uint32_t kCounted = 3U << 16U;

/// The event of one entry, and whether the call is over.
std::pair<std::uint32_t, bool> judged(const char* name, std::uint32_t current) {
  Watched watched{name, current, 0, {}};
  const bool over = kWindowsChanges.judge({&watched, 1}, kTwo, kTwo);
  return {watched.event, over};
}

}  // namespace

TEST_CASE("Windows: an unknown reader is a state, told once, and no error [A2]") {
  const std::vector<Watched> unknown{{"nobody", watch::kUnaware, 0, {}}};
  CHECK(kWindowsChanges.admit(unknown, kTwo) == code::kSuccess);
  constexpr auto kGone = watch::kUnknown | watch::kIgnore;
  CHECK(judged("nobody", watch::kUnaware) == std::pair{kGone | watch::kChanged, true});
  CHECK(judged("nobody", watch::kPresent) == std::pair{kGone | watch::kChanged, true});
  CHECK(judged("nobody", watch::kUnknown) == std::pair{std::uint32_t{kGone}, false});
}

TEST_CASE("Windows: the plug and play reader carries the number of readers, and tells when it differs [A2]") {
  CHECK(judged(kPlugAndPlay, watch::kUnaware) == std::pair{2U << 16U | watch::kChanged, true});
  CHECK(judged(kPlugAndPlay, 1U << 16U) == std::pair{2U << 16U | watch::kChanged, true});
  CHECK(judged(kPlugAndPlay, 2U << 16U) == std::pair{2U << 16U, false});
  CHECK(judged(R"(\\?pnp?\notification)", 2U << 16U) == std::pair{2U << 16U, false});
}

TEST_CASE("Windows: known readers are judged as everywhere, ignored ones stay ignored [A2]") {
  CHECK(judged("r", watch::kUnaware) == std::pair{kCounted | watch::kPresent | watch::kChanged, true});
  CHECK(judged("r", watch::kPresent) == std::pair{kCounted | watch::kPresent, false});
  CHECK(judged("s", watch::kPresent) == std::pair{kCounted | watch::kEmpty | watch::kChanged, true});
  CHECK(judged("s", watch::kIgnore) == std::pair{std::uint32_t{watch::kIgnore}, false});
}

TEST_CASE("Windows: one entry that has changed ends the call, and all are filled in [A2]") {
  std::vector<Watched> both{{"r", watch::kPresent, 0, {}}, {"s", watch::kPresent, 0, {}}};
  CHECK(kWindowsChanges.judge(both, kTwo, kTwo));
  CHECK(both[0].event == (kCounted | watch::kPresent));
  CHECK(both[0].atr == Bytes{0x3B});
  CHECK(both[1].event == (kCounted | watch::kEmpty | watch::kChanged));
}
