#pragma once

#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <vector>

#include "cardea/api/jose.h"
#include "cardea/api/json.h"
#include "cardea/api/oprf.h"
#include "cardea/result.h"

namespace cardea::api::recovery {

// Octets in JSON, of a reply that a success promised.

inline tl::unexpected<Error> unexpected_reply() {
  return fail(Errc::corrupt, "the server's reply is not what was agreed");
}

inline Result<Bytes> octets_member(const nlohmann::json& object, const char* name) {
  auto octets = from_base64url(text_member(object, name));
  if (!octets || octets->empty()) return unexpected_reply();
  return *std::move(octets);
}

inline Result<std::vector<Bytes>> octet_list(const nlohmann::json& object, const char* name,
                                             std::size_t size) {
  const auto list = object.find(name);
  if (list == object.end() || !list->is_array() || list->size() != size) return unexpected_reply();
  std::vector<Bytes> out;
  for (const auto& item : *list) {
    auto octets = from_base64url(item.is_string() ? item.get<std::string>() : std::string{});
    if (!octets || octets->empty()) return unexpected_reply();
    out.push_back(*std::move(octets));
  }
  return out;
}

inline Result<std::array<oprf::Element, 3>> elements_member(const nlohmann::json& object, const char* name) {
  CARDEA_TRY(const auto list, octet_list(object, name, 3));
  std::array<oprf::Element, 3> out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (list[i].size() != out[i].size()) return unexpected_reply();
    std::ranges::copy(list[i], out[i].begin());
  }
  return out;
}

inline nlohmann::json elements_to_json(const std::array<oprf::Element, 3>& elements) {
  auto out = nlohmann::json::array();
  for (const auto& element : elements)
    out.push_back(base64url(element));
  return out;
}

}  // namespace cardea::api::recovery
