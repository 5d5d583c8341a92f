# What both Windows toolchains share; CARDEA_MINGW names the target.
set(CMAKE_SYSTEM_NAME Windows)
string(REGEX REPLACE "-.*" "" CMAKE_SYSTEM_PROCESSOR "${CARDEA_MINGW}")

# The variant whose C++ threads are POSIX threads: the other has neither std::thread nor std::mutex.
set(CMAKE_C_COMPILER "${CARDEA_MINGW}-gcc-posix")
set(CMAKE_CXX_COMPILER "${CARDEA_MINGW}-g++-posix")
set(CMAKE_RC_COMPILER "${CARDEA_MINGW}-windres")

# Programs and DLLs carry the C++ library and the threads in them: one file to install, nothing to miss on a workstation.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "-static")
set(CMAKE_MODULE_LINKER_FLAGS_INIT "-static")

# Libraries that scripts/lib/windows.sh built, and the compiler's own. Nothing of the machine that builds.
get_filename_component(CARDEA_WINDOWS_DEPS "${CMAKE_CURRENT_LIST_DIR}/../../build/deps" ABSOLUTE)
set(CMAKE_FIND_ROOT_PATH "/usr/${CARDEA_MINGW}" "${CARDEA_WINDOWS_DEPS}/${CARDEA_MINGW}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} "${CARDEA_WINDOWS_DEPS}/${CARDEA_MINGW}/lib/pkgconfig")
