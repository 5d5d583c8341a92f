#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace cardea::api {

/// Fills the span with octets nobody can foresee. A parameter only so that tests can feed published vectors;
/// everybody else leaves the default, libsodium's generator over getrandom(2).
using Randomness = std::function<void(std::span<std::uint8_t>)>;

Randomness system_randomness();

}  // namespace cardea::api
