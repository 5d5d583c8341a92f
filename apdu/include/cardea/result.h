#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace cardea {

/// Why an operation outside the card failed, coarse enough to act on. Inside the card a failure is a status
/// word (`card::CardResult`); card-os/src/engine/error_map.cpp is the only place that turns one into the
/// other.
enum class Errc {
  unavailable,  ///< something needed is not answering; trying later may help
  not_found,    ///< the thing named does not exist
  conflict,     ///< the thing exists already, or changed since it was read
  corrupt,      ///< stored or received data is not what was written or agreed
  denied,       ///< the caller may not do this
  exhausted,    ///< no room, quota or capacity left
  invalid,      ///< the request makes no sense as put
  unsupported,  ///< this implementation cannot do it at all
};

/// A failure outside the card.
struct [[nodiscard]] Error {
  Errc code;
  std::string what;  ///< a sentence for the operator; never key, PIN or APDU data

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = tl::expected<T, Error>;

/// `return fail(Errc::not_found, "no such card");`
inline tl::unexpected<Error> fail(Errc code, std::string what) {
  return tl::unexpected<Error>{Error{code, std::move(what)}};
}

}  // namespace cardea

#define CARDEA_CONCAT_(a, b) a##b
#define CARDEA_CONCAT(a, b) CARDEA_CONCAT_(a, b)

/// `CARDEA_TRY(const auto n, count());` binds the value or returns the error.
#define CARDEA_TRY(declaration, ...) \
  CARDEA_TRY_(CARDEA_CONCAT(cardea_try_, __LINE__), declaration, __VA_ARGS__)
#define CARDEA_TRY_(name, declaration, ...)                  \
  auto name = (__VA_ARGS__);                                 \
  if (!name) return tl::unexpected{std::move(name).error()}; \
  declaration = *std::move(name)

/// `CARDEA_CHECK(save());` returns the error, if there is one.
#define CARDEA_CHECK(...)                                     \
  do {                                                        \
    if (auto cardea_check = (__VA_ARGS__); !cardea_check) {   \
      return tl::unexpected{std::move(cardea_check).error()}; \
    }                                                         \
  } while (false)
