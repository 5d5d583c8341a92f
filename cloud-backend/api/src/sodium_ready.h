#pragma once

namespace cardea::api {

/// libsodium chooses its fast implementations, and learns of the processor's AES, in `sodium_init`. Cheap
/// after the first call.
void sodium_ready();

}  // namespace cardea::api
