#include <algorithm>

#include "cardea/card/profile.h"
#include "cardea/hex.h"

namespace cardea::card {

namespace {

// Unknown to middleware's tables, so that it is taken for a generic PIV card.
constexpr auto kNistAtr = "3B888131FE450073C84013009000FB"_hex;
// Historical bytes: compact TLV 57 with "YubiKey"; OpenSC then asks for the version.
constexpr auto kYubikey5Atr = "3BFD1300008131FE158073C021C057597562694B657940"_hex;

// A YubiKey 5 has a card manager with SCP03 (firmware 5.3 and later), but none of its channels replaces the
// authentication with 9B.
constexpr Profile kProfiles[] = {
    {"piv-yubikey5", "PIV, as a YubiKey 5 has it", kYubikey5Atr, true, false},
    {"piv-nist", "PIV, SP 800-73-4", kNistAtr, false, true},
};

}  // namespace

std::span<const Profile> profiles() {
  return kProfiles;
}

const Profile* find_profile(std::string_view name) {
  const auto* const found = std::ranges::find(kProfiles, name, &Profile::name);
  return found == std::end(kProfiles) ? nullptr : found;
}

}  // namespace cardea::card
