# Cross-builds for Windows 10 and later (x86) with Debian's mingw-w64. The presets windows-x64 and windows-x86 use it.
set(CARDEA_MINGW i686-w64-mingw32)
include("${CMAKE_CURRENT_LIST_DIR}/mingw.cmake")
