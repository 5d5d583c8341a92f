#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "cardea/secret.h"

namespace cardea::test {

/// A secret text that this process can look for in its own memory, freed memory too, without what it looks
/// with being found: it is only ever kept with all bits turned round. A copy is known by its second half:
/// into the first 16 octets of what is freed, where a secret begins that had a block for itself, allocators
/// write their lists.
class Marker {
 public:
  Marker() {
    std::random_device random;
    constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::uniform_int_distribution<std::size_t> pick{0, kLetters.size() - 1};
    for (auto& octet : turned_)
      octet = static_cast<std::uint8_t>(~kLetters[pick(random)]);
  }

  /// Writes `before`, the marker, and `after` into a file, and leaves no copy of the marker behind.
  void write(const std::string& path, const std::string& before, const std::string& after) const {
    SecretBytes content{before.size() + turned_.size() + after.size()};
    auto to = std::copy(before.begin(), before.end(), content.expose().begin());
    to = std::transform(turned_.begin(), turned_.end(), to,
                        [](std::uint8_t octet) { return static_cast<std::uint8_t>(~octet); });
    std::copy(after.begin(), after.end(), to);
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    (void)!::write(file, content.expose().data(), content.size());
    ::close(file);
  }

  /// How often it stands in what this process can write to.
  [[nodiscard]] std::size_t copies() const {
    std::size_t found = 0;
    for (const auto& [begin, end] : regions())
      found += copies_between(begin, end);
    return found;
  }

 private:
  struct Region {
    std::uintptr_t begin, end;
  };

  /// Those of the sanitizers are too large to be anybody's data.
  static std::vector<Region> regions() {
    constexpr std::uintptr_t kLargest = std::uintptr_t{1} << 28U;
    std::vector<Region> out;
    std::ifstream maps{"/proc/self/maps"};
    for (std::string line; std::getline(maps, line);) {
      Region region{};
      char dash = 0;
      std::string rights;
      std::istringstream{line} >> std::hex >> region.begin >> dash >> region.end >> rights;
      if (rights.starts_with("rw") && region.end - region.begin <= kLargest) out.push_back(region);
    }
    return out;
  }

  // Where nothing of this program lives, and where other threads write, the sanitizers have a say too: this
  // reads all the same.
  [[nodiscard]] __attribute__((no_sanitize("address", "thread"))) std::size_t copies_between(
      std::uintptr_t begin, std::uintptr_t end) const {
    std::size_t found = 0;
    constexpr std::size_t kHalf = kSize / 2;
    for (auto at = begin; at + kHalf <= end; ++at) {
      // NOLINTNEXTLINE(*-reinterpret-cast,performance-no-int-to-ptr): memory as it stands
      const auto* const octets = reinterpret_cast<const volatile std::uint8_t*>(at);
      std::size_t same = 0;
      while (same < kHalf && octets[same] == static_cast<std::uint8_t>(~turned_[kHalf + same]))
        ++same;
      if (same == kHalf) ++found;
    }
    return found;
  }

  static constexpr std::size_t kSize = 32;
  std::array<std::uint8_t, kSize> turned_{};
};

}  // namespace cardea::test
