// The reader of settings: a mistake is a sentence with file and line, and settings that are accepted are
// written and read again to the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cardea/config/settings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cardea;
  const std::string_view text{reinterpret_cast<const char*>(data),
                              size};  // NOLINT(*-reinterpret-cast): octet to char
  const auto settings = config::parse(text, "f");
  if (!settings) {
    if (settings.error().code != Errc::invalid || !settings.error().what.starts_with("f:")) std::abort();
    return 0;
  }
  const auto written = config::describe(*settings);
  const auto again = config::parse(written, "g");
  if (!again || config::describe(*again) != written) std::abort();
  return 0;
}
