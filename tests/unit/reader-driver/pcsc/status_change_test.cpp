#include "cardea/winscard/status_change.h"

#include <doctest/doctest.h>

#include "cardea/test/print.h"

using namespace cardea;
using namespace cardea::pcsc_link;
using namespace cardea::winscard;

namespace {

constexpr auto kReady = reader_state::kPresent | reader_state::kPowered | reader_state::kNegotiable;

ReaderList readers(std::uint32_t state, std::uint16_t events = 3, std::int32_t sharing = 0) {
  return {
      1,
      {ReaderRecord{"r", state, events, sharing, 0, state == reader_state::kAbsent ? Bytes{} : Bytes{0x3B}}}};
}

/// The event of one reader, and whether the call is over.
std::pair<std::uint32_t, bool> judged(std::uint32_t current, const ReaderList& now) {
  Watched watched{"r", current, 0, {}};
  const bool over = kPcscliteChanges.judge({&watched, 1}, now, now);
  return {watched.event, over};
}

std::pair<std::uint32_t, bool> over(std::uint32_t event) {
  return {event | watch::kChanged, true};
}

std::pair<std::uint32_t, bool> still(std::uint32_t event) {
  return {event, false};
}

constexpr std::uint32_t kCounted = 3U << 16U;

}  // namespace

TEST_CASE("What contradicts a belief ends the call, what it does not speak of does not [A2]") {
  const auto present = readers(kReady);
  const auto empty = readers(reader_state::kAbsent);
  CHECK(judged(watch::kUnaware, present) == over(kCounted | watch::kPresent));
  CHECK(judged(watch::kUnaware, empty) == over(kCounted | watch::kEmpty));
  CHECK(judged(watch::kPresent, present) == still(kCounted | watch::kPresent));
  CHECK(judged(watch::kPresent, empty) == over(kCounted | watch::kEmpty));
  CHECK(judged(watch::kEmpty, present) == over(kCounted | watch::kPresent));
  CHECK(judged(watch::kEmpty, empty) == still(kCounted | watch::kEmpty));
  CHECK(judged(watch::kUnknown, present) == over(kCounted | watch::kPresent));
  CHECK(judged(watch::kUnavailable, present) == over(kCounted | watch::kPresent));
  CHECK(judged(watch::kMute, present) == over(kCounted | watch::kPresent));
}

TEST_CASE("The counter tells of a card that was away between two looks [A2]") {
  CHECK(judged(watch::kPresent | kCounted, readers(kReady)) == still(kCounted | watch::kPresent));
  CHECK(judged(watch::kPresent | (1U << 16U), readers(kReady)) == over(kCounted | watch::kPresent));
}

TEST_CASE("Sharing shows, and ends the call of whoever believed otherwise [A2]") {
  const auto used = readers(kReady, 3, 2);
  const auto exclusive = readers(kReady, 3, kExclusivelyShared);
  const auto free = readers(kReady);
  constexpr auto kUsed = kCounted | watch::kPresent | watch::kInUse;
  constexpr auto kExcluded = kCounted | watch::kPresent | watch::kExclusive;
  CHECK(judged(watch::kPresent, used) == still(kUsed));
  CHECK(judged(watch::kPresent | watch::kInUse, used) == still(kUsed));
  CHECK(judged(watch::kPresent | watch::kInUse, exclusive) == over(kExcluded));
  CHECK(judged(watch::kPresent | watch::kInUse, free) == over(kCounted | watch::kPresent));
  CHECK(judged(watch::kPresent | watch::kExclusive, exclusive) == still(kExcluded));
  CHECK(judged(watch::kPresent | watch::kExclusive, used) == over(kUsed));
  CHECK(judged(watch::kPresent | watch::kExclusive, free) == over(kCounted | watch::kPresent));
  // A reader that is connected to without a card is not in use.
  CHECK(judged(watch::kEmpty, readers(reader_state::kAbsent, 3, 1)) == still(kCounted | watch::kEmpty));
}

TEST_CASE("A mute card [A2]") {
  const auto mute = readers(reader_state::kPresent | reader_state::kSwallowed);
  CHECK(judged(watch::kPresent, mute) == over(kCounted | watch::kPresent | watch::kMute));
  CHECK(judged(watch::kPresent | watch::kMute, mute) == still(kCounted | watch::kPresent | watch::kMute));
}

TEST_CASE("Readers that are not there, and the one that stands for all [A2]") {
  const auto now = readers(kReady);
  std::vector<Watched> watched{{"gone", watch::kUnaware, 0, {}}};
  CHECK(kPcscliteChanges.admit(watched, now) == code::kUnknownReader);
  CHECK(kPcscliteChanges.judge(watched, now, now));
  CHECK(watched[0].event == (watch::kUnknown | watch::kUnavailable | watch::kChanged));
  CHECK_FALSE(watched[0].atr.has_value());
  watched[0].current = watch::kUnknown;
  CHECK_FALSE(kPcscliteChanges.judge(watched, now, now));

  watched = {{R"(\\?PNP?\notification)", watch::kUnaware, 0, {}}};
  CHECK(kPcscliteChanges.admit(watched, now) == code::kSuccess);
  CHECK_FALSE(kPcscliteChanges.judge(watched, now, now));
  CHECK(watched[0].event == 0);
  CHECK(kPcscliteChanges.judge(watched, ReaderList{0, {}}, now));
  CHECK(watched[0].event == watch::kChanged);
}

TEST_CASE("An ignored reader says nothing, and one other change is enough [A2]") {
  const auto now = readers(kReady);
  std::vector<Watched> watched{{"r", watch::kIgnore, 0, {}}, {"r", watch::kEmpty, 0, {}}};
  CHECK(kPcscliteChanges.judge(watched, now, now));
  CHECK(watched[0].event == 0);
  CHECK(watched[1].atr == Bytes{0x3B});
}
