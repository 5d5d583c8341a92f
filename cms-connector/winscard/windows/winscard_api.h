#pragma once

#include <windows.h>

// We are the DLL: nothing of it is imported.
#define WINSCARDAPI
#define WINSCARDDATA
#include <winscard.h>

#include "cardea/pcsc_link/vocabulary.h"

namespace cardea::winscard {

// Codes that only Windows has (winerror.h).
namespace windows_code {
inline constexpr pcsc_link::Code kUnknownCard = 0x8010000D;
inline constexpr pcsc_link::Code kCardUnsupported = 0x8010001C;
inline constexpr pcsc_link::Code kCacheItemNotFound = 0x80100070;
inline constexpr pcsc_link::Code kCacheItemStale = 0x80100071;
inline constexpr pcsc_link::Code kCacheItemTooBig = 0x80100072;
inline constexpr pcsc_link::Code kInvalidHandle =
    6;  ///< ERROR_INVALID_HANDLE, which Windows says of handles that are none
}  // namespace windows_code

}  // namespace cardea::winscard
