#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cardea/result.h"
#include "cardea/store/rows.h"

namespace cardea::service {

struct World;

/// Which organisations' cards may be issued, and taken into use, with values that everybody knows.
struct FactoryValues {
  bool pins = false;                                        ///< PIN and PUK, of every organisation's
  std::vector<std::string> pin_organisations{};             ///< ids of those where they may
  bool management_key = false;                              ///< 9B, of every organisation's
  std::vector<std::string> management_key_organisations{};  ///< ids of those where it may

  [[nodiscard]] bool may_have_pins(std::string_view organisation) const;
  [[nodiscard]] bool may_have_management_key(std::string_view organisation) const;
};

/// What the card lacks because it has a factory value in its place that its organisation does not allow, as
/// phrases. Errors: those of the store.
Result<std::vector<std::string>> known_values(const World& world, const store::CardRow& card);

/// Before an issued card is taken into use: whoever reset it, or made its application anew, after it was
/// issued has left it with factory values. Errors: `conflict` with a sentence, which `put_back` knows; those
/// of the store. Any other card is left alone.
Result<void> check_still_own(const World& world, const store::CardRow& card);
[[nodiscard]] bool put_back(const Error& error);

}  // namespace cardea::service
