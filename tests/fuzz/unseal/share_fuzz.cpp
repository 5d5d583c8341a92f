// What people type as a share: refused, or written down and read again as the same share.

#include <cstdlib>
#include <string>

#include "cardea/unseal/shares.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cardea;  // NOLINT(google-build-using-namespace): one function
  const std::string typed(data, data + size);
  const auto share = unseal::parse_share(typed);
  if (!share) return 0;
  const auto text = unseal::to_text(*share, share->threshold);
  const auto again = unseal::parse_share(std::string{text.expose().begin(), text.expose().end()});
  if (!again || again->number != share->number || again->threshold != share->threshold ||
      again->key != share->key || !same_secret(again->data, share->data)) {
    std::abort();
  }
  return 0;
}
