#pragma once

#include <p11-kit/pkcs11.h>

#include <string_view>

namespace cardea::signer {

/// How a software token is named where the path of a PKCS#11 module would stand: this, then a directory.
inline constexpr std::string_view kSoftwareModule = "software:";

/// The token in that directory, by the functions of PKCS#11 that the signer uses; others are null. One
/// directory in a process. A built-in module: no file, no loader, and nothing for another program to load.
const CK_FUNCTION_LIST* software_module(std::string_view directory);

}  // namespace cardea::signer
