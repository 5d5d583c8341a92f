#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "engine/applet.h"

namespace cardea::card {

/// Which values of P1 or P2 a route takes: one, all, or those that a predicate accepts.
class Match {
 public:
  using Predicate = bool (*)(std::uint8_t);

  constexpr explicit Match(std::uint8_t value) : value_{value} {}
  template <std::convertible_to<Predicate> F>
  constexpr explicit Match(F accepts) : accepts_{accepts} {}

  [[nodiscard]] constexpr bool operator()(std::uint8_t p) const {
    return accepts_ ? accepts_(p) : p == value_;
  }

 private:
  std::uint8_t value_ = 0;
  Predicate accepts_ = nullptr;
};

inline constexpr Match kAny{[](std::uint8_t) { return true; }};

/// Whether a route takes commands with a data field.
enum class Body : std::uint8_t { any, absent, present };

/// What must be true before a handler runs. How an applet finds out is its own affair.
enum class Access : std::uint8_t { always, administrator, administrator_and_pin };

/// One line of an applet's table: the table is the applet.
template <class App>
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the columns of a table, in the order in which it
// is read
struct Route {
  std::uint8_t ins;
  Match p1;
  Match p2;
  Body body;
  Access access;
  Effect effect;
  CardResult<Reply> (App::*run)(const Command&);
  std::string_view name;  ///< for the log
  std::string_view spec;  ///< where it is specified
};

inline bool takes(Body body, const Command& command) {
  return body == Body::any || (body == Body::present) == !command.data.empty();
}

/// INS, then P1-P2, then access rule: the order is the contract, and tests pin it.
template <class App>
Step dispatch(App& app, std::initializer_list<std::span<const Route<App>>> tables, const Command& command) {
  Step out{refuse(sw::kInsNotSupported), Effect::pure, {}};
  for (const auto table : tables) {
    for (const auto& route : table) {
      if (route.ins != command.ins) continue;
      out.result = refuse(sw::kWrongP1P2);
      out.command = route.name;
      if (!route.p1(command.p1) || !route.p2(command.p2) || !takes(route.body, command)) continue;
      out.effect = route.effect;
      if (const auto allowed = app.allows(route.access); !allowed) {
        out.result = refuse(allowed.error());
      } else {
        out.result = (app.*route.run)(command);
      }
      return out;
    }
  }
  return out;
}

}  // namespace cardea::card
