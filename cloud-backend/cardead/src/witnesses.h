#pragma once

#include "cardea/api/http.h"
#include "cardea/config/settings.h"
#include "cardea/http/metrics.h"
#include "cardea/service/integrity.h"

namespace cardea::cardead {

/// Those that the settings name. Errors: `corrupt` for a file that holds no key.
Result<service::Witnesses> witnesses_of(const config::Settings& settings, api::HttpConnector& connector);

/// How it stands with the one on another machine, in numbers. Both outlive what is asked of them.
void publish_witness(service::Integrity& integrity, http::Metrics& metrics);

}  // namespace cardea::cardead
