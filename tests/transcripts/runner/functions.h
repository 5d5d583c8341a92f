#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "expression.h"

namespace cardea::transcript {

/// The names of all functions that `{name:…}` may call. README.md says what they do.
std::span<const std::string_view> function_names();

Bytes call_function(std::string_view name, const std::vector<std::string>& arguments,
                    const Variables& variables);

/// A decimal number. Throws Mismatch.
std::size_t number_argument(const std::string& text);

}  // namespace cardea::transcript
