// The registration authority's part: the key that only the HSM makes, around a copy that only the holder's
// workstation opens. Each alone has nothing.
#include <algorithm>
#include <array>

#include "cardea/api/aead.h"
#include "cardea/api/kdf.h"
#include "cardea/api/recovery.h"
#include "cardea/service/recovery.h"

namespace cardea::service {
namespace {

// Part of the copies' encryption: never change it.
constexpr std::string_view kLabel = "cardea registrar half";
constexpr std::size_t kKeySize = 32;
constexpr auto kAead = api::kDefaultAead;

Bytes associated_data(const store::CardRow& row, const std::string& device) {
  Bytes out = to_bytes(as_bytes("cardea/1 registrar half"));
  for (const std::string_view part :
       {std::string_view{row.organisation}, std::string_view{row.id}, std::string_view{device}}) {
    append_be16(out, static_cast<std::uint16_t>(part.size()));
    append(out, as_bytes(part));
  }
  return out;
}

}  // namespace

Result<void> Recovery::keep_half(const std::string& card, const std::string& device, BytesView copy,
                                 const std::string& actor) {
  if (copy.size() != api::recovery::kCopySize)
    return fail(Errc::invalid, "this is no copy of a card's secret");
  CARDEA_TRY(const auto row, world_.database.card(card));
  CARDEA_TRY(const auto place, world_.database.device(device));
  // With both halves in its hands, the authority would need no holder.
  if (place.role == store::DeviceRole::registrar)
    return fail(Errc::denied, "a registrar's workstation keeps no half of a holder's card");
  CARDEA_TRY(const auto secret, world_.vault.tenant_secret(row.organisation, kLabel, kKeySize));
  api::AeadNonce nonce{};
  world_.rng.fill(nonce);
  CARDEA_TRY(const auto sealed, api::aead_seal(kAead, api::derive_key(secret.expose(), as_bytes(kLabel)),
                                               nonce, associated_data(row, device), copy));
  Bytes stored{static_cast<std::uint8_t>(kAead)};
  append(stored, nonce);
  append(stored, sealed);
  CARDEA_CHECK(world_.database.set_half(row.id, device, stored));
  return note(row, actor, "recovery.half", true);
}

Result<Bytes> Recovery::registrar_opens(const store::CardRow& row, const std::string& device) {
  CARDEA_TRY(const auto place, world_.database.device(device));
  if (place.revoked_at) return fail(Errc::denied, "this workstation has been revoked");
  CARDEA_TRY(const auto stored, world_.database.recovery_half(row.id, device));
  CARDEA_TRY(const auto secret, world_.vault.tenant_secret(row.organisation, kLabel, kKeySize));
  api::AeadNonce nonce{};
  const BytesView octets{stored};
  if (octets.size() <= 1 + nonce.size()) return fail(Errc::corrupt, "a stored half is cut off");
  std::ranges::copy(octets.subspan(1, nonce.size()), nonce.begin());
  const auto opened =
      api::aead_open(static_cast<api::Aead>(octets[0]), api::derive_key(secret.expose(), as_bytes(kLabel)),
                     nonce, associated_data(row, device), octets.subspan(1 + nonce.size()));
  if (!opened) return fail(Errc::corrupt, "a stored half does not open");
  return to_bytes(opened->expose());
}

Result<Recovery::Attempt> Recovery::try_half(std::string_view token, const std::string& device) {
  const auto hash = hash_of(token);
  CARDEA_TRY(const auto looked, world_.database.recovery_link(hash, world_.clock.now()));
  if (!looked.assisted) {
    return fail(Errc::denied,
                "nobody of the registration authority stands behind this link: ask there for another");
  }
  CARDEA_TRY(const auto link, spend(hash));
  CARDEA_TRY(const auto row, world_.database.card(link.card));
  auto copy = registrar_opens(row, device);
  if (!copy && copy.error().code == Errc::not_found)
    return fail(Errc::denied, "this workstation has no half of this card");
  if (!copy) return tl::unexpected{copy.error()};
  Attempt attempt;
  attempt.copies.push_back(*std::move(copy));
  attempt.attempts_left = link.attempts;
  CARDEA_TRY(attempt.challenge, challenge(hash, row, std::nullopt, link.expires_at, "workstation"));
  return attempt;
}

}  // namespace cardea::service
