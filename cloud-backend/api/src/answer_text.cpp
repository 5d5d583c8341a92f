#include "cardea/api/answer_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <span>

namespace cardea::api {
namespace {

constexpr std::size_t kLongest = 256;
constexpr std::size_t kMostPoints = 18 * kLongest;  // no character's compatibility form has more

bool counts(utf8proc_int32_t point) {
  switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

void wipe_points(std::span<utf8proc_int32_t> points) {
  const auto octets = std::as_writable_bytes(points);
  // NOLINTNEXTLINE(*-reinterpret-cast): std::byte to octet
  wipe({reinterpret_cast<std::uint8_t*>(octets.data()), octets.size()});
}

}  // namespace

Result<SecretBytes> normalise_answer(BytesView utf8) {
  if (utf8.size() > kLongest) return fail(Errc::invalid, "the answer is too long");
  constexpr auto kForm =
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT |
                                     UTF8PROC_CASEFOLD | UTF8PROC_IGNORE | UTF8PROC_REJECTNA);
  std::array<utf8proc_int32_t, kMostPoints> points{};
  const auto found = utf8proc_decompose(utf8.data(), static_cast<utf8proc_ssize_t>(utf8.size()),
                                        points.data(), kMostPoints, kForm);
  if (found < 0 || static_cast<std::size_t>(found) > kMostPoints) {
    wipe_points(points);
    return fail(Errc::invalid, "the answer is not text in UTF-8");
  }
  auto* const kept =
      std::remove_if(points.begin(), points.begin() + found, [](auto point) { return !counts(point); });
  const auto left = static_cast<utf8proc_ssize_t>(kept - points.begin());
  const auto count = utf8proc_normalize_utf32(points.data(), left, kForm);

  std::size_t size = 0;
  std::array<utf8proc_uint8_t, 4> octets{};
  for (utf8proc_ssize_t i = 0; i < count; ++i)
    size +=
        static_cast<std::size_t>(utf8proc_encode_char(points[static_cast<std::size_t>(i)], octets.data()));
  SecretBytes out{size};
  auto at = out.expose().begin();
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    const auto n = utf8proc_encode_char(points[static_cast<std::size_t>(i)], octets.data());
    at = std::copy_n(octets.begin(), n, at);
  }
  wipe(octets);
  wipe_points(points);
  if (size == 0) return fail(Errc::invalid, "the answer has no letters and no digits");
  return out;
}

}  // namespace cardea::api
