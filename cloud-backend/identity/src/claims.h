#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cardea/api/json.h"
#include "cardea/result.h"
#include "cardea/store/rows.h"

namespace cardea::identity {

inline tl::unexpected<Error> denied(std::string why) {
  return fail(Errc::denied, std::move(why));
}

/// A JSON object that verify_jws has let through.
inline Result<nlohmann::json> read_object(const std::string& text) {
  auto document = api::parse_json(text);
  if (!document || !document->is_object()) return denied("the token is not a JSON object");
  return document;
}

/// A NumericDate (RFC 7519, section 2) in whole seconds; nothing where it is missing, fractional, or so far
/// off that arithmetic with it could overflow.
inline std::optional<store::Time> time_member(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  const auto seconds = found->get<std::int64_t>();
  if (seconds < 0 || seconds > (std::int64_t{1} << 40U)) return std::nullopt;
  return store::Time{std::chrono::seconds{seconds}};
}

inline std::int64_t seconds_of(store::Time time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

/// A "jti" that may be kept in memory.
inline bool usable_id(const std::string& jti) {
  return !jti.empty() && jti.size() <= 256;
}

}  // namespace cardea::identity
