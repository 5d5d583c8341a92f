#include <algorithm>
#include <utility>

#include "cardea/api/kdf.h"
#include "cardea/api/recovery.h"
#include "recovery_copy.h"

namespace cardea::api::recovery {
namespace {

constexpr std::string_view kPurpose = "cardea/1 recovery half key";

}  // namespace

Half Half::generate(const Randomness& random) {
  Secret<kHalfSize> octets;
  random(octets.expose());
  return Half{std::move(octets)};
}

Result<Bytes> Half::protect(const Subject& subject, std::string_view device, const CardSecret& secret,
                            const Randomness& random) const {
  return seal_copy(derive_key(octets_.expose(), as_bytes(kPurpose)),
                   copy_context("half", subject, as_bytes(device)), secret, random);
}

Result<CardSecret> Half::open(const Subject& subject, std::string_view device, BytesView copy) const {
  return open_copy(derive_key(octets_.expose(), as_bytes(kPurpose)),
                   copy_context("half", subject, as_bytes(device)), copy);
}

}  // namespace cardea::api::recovery
