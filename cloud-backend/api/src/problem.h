#pragma once

#include "cardea/api/http.h"

namespace cardea::api {

/// What a reply of status 400 and above means to the caller, with the sentence of its problem document
/// (RFC 9457) where it has one. Control characters are taken out: the sentence ends in logs and terminals.
Error to_error(const HttpReply& reply);

}  // namespace cardea::api
