#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::cms::perso {

using Json = nlohmann::json;

/// Text to JSON without exceptions. Errors: `invalid`.
Result<Json> parse_json(std::string_view text, const std::string& what);

/// Reads the members of a JSON object, and afterwards tells whether any was left unread.
class JsonObject {
 public:
  /// Errors: `invalid` when `json` is no object. `place` is how errors name it; `json` must outlive the
  /// reader.
  static Result<JsonObject> from(const Json& json, std::string place);

  [[nodiscard]] const std::string& place() const { return place_; }
  /// Null when it is not there; counts as read.
  const Json* find(const std::string& key);

  // Each: the default when the member is absent, `invalid` when it is of another kind.
  Result<std::string> text(const std::string& key, const std::string& absent);
  Result<std::int64_t> number(const std::string& key, std::int64_t absent, std::int64_t least,
                              std::int64_t most);
  Result<bool> flag(const std::string& key, bool absent);
  Result<std::vector<std::string>> texts(const std::string& key);
  Result<Bytes> hex(const std::string& key);

  /// Errors: `invalid` naming the first member that nobody asked for.
  [[nodiscard]] Result<void> nothing_else() const;

  [[nodiscard]] tl::unexpected<Error> wrong(const std::string& key, const std::string& what) const;

 private:
  JsonObject(const Json& json, std::string place) : json_{&json}, place_{std::move(place)} {}

  const Json* json_;
  std::string place_;
  std::set<std::string> read_;
};

}  // namespace cardea::cms::perso
