#pragma once

#include <string>

#include "cardea/result.h"

namespace cardea::cms {

/// What a PC/SC return code means to the person at the workstation, as an error of the right class.
Error pcsc_error(long code, const std::string& doing);

}  // namespace cardea::cms
