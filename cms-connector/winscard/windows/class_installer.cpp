// Windows' own DLL is the class installer of smart card readers, too, and programs may be linked to that.
#include "winscard_api.h"
// After windows.h.
#include <setupapi.h>

// NOLINTBEGIN(readability-identifier-naming): Windows' name
extern "C" {

/// There is nothing that we would do differently for a device: for every request, also one that is not known,
/// a class installer then asks for what Windows does by itself.
DWORD WINAPI ClassInstall32(DI_FUNCTION, HDEVINFO, PSP_DEVINFO_DATA) {
  return ERROR_DI_DO_DEFAULT;
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
