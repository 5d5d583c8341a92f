#pragma once

#include <string_view>

#include "cardea/service/issuing.h"
#include "json.h"

namespace cardea::http {

// How cards look in both interfaces.

/// "active", "blocked", "blank", "issuing", "issued": a blocked card is that, however far it has come.
std::string_view state_name(const store::CardRow& row);

/// Whether lists with ?state=… show the card; all of them when there is none. Errors: `invalid` for a state
/// that does not exist.
Result<bool> in_state(const Request& request, const store::CardRow& row);

/// What is missing, the certificates, and whom they name.
Json describe_issuing(const service::IssuingView& view);

}  // namespace cardea::http
