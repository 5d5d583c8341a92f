# What every target of this tree shares, and the three functions that declare targets.
#
#   cardea_library(name SOURCES a.cpp … DEPS cardea::apdu …)      static library cardea::name
#   cardea_program(name SOURCES main.cpp … DEPS …)                program, installed unless NO_INSTALL is given
#   cardea_test(name SOURCES a_test.cpp … DEPS … LABEL unit)      doctest program without a main, run by ctest under LABEL
#   cardea_fuzzer(name SOURCES a_fuzz.cpp DEPS …)                 libFuzzer program; nothing unless CARDEA_FUZZ
#
# The first two take PRECOMPILED standard: for targets of more than a few files.
# Public headers of a library live in its include/ folder; sources in src/ see that folder only.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")

set(CARDEA_SANITIZE "" CACHE STRING "Sanitizers to build with, e.g. address,undefined")
option(CARDEA_FUZZ "Build the libFuzzer targets (clang only)" OFF)
option(CARDEA_PCH "Precompile the headers that most files read (g++ only)" OFF)

# Dev: fast to compile, fast enough to run pcscd scenarios, and still steppable.
set(CMAKE_CXX_FLAGS_DEV "-O1 -g1 -fno-omit-frame-pointer")
# The address sanitizer triples what there is to optimise, and its tests do not wait for the processor.
if(CARDEA_SANITIZE MATCHES "address" AND NOT CARDEA_FUZZ)
  set(CMAKE_CXX_FLAGS_DEV "-O0 -g1 -fno-omit-frame-pointer")
endif()
set(CMAKE_C_FLAGS_DEV "${CMAKE_CXX_FLAGS_DEV}")

add_library(cardea_build_flags INTERFACE)
target_compile_options(cardea_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Werror
  # g++ 12, once it optimises, warns of what cannot happen (inside tl::expected and std::vector). clang and the sanitizers look too.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")
target_compile_definitions(cardea_build_flags INTERFACE _GLIBCXX_ASSERTIONS)
# g++ 12 sees overlapping copies in std::string's operator+ that are not there (its bug 105329), and in a vector that
# grows writes past the end of a branch that is not taken.
set(mistaken_warnings -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(cardea_build_flags INTERFACE "$<$<CXX_COMPILER_ID:GNU>:${mistaken_warnings}>")
  target_compile_options(cardea_build_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
  if(WIN32)
    target_link_options(cardea_build_flags INTERFACE -fstack-protector-strong)  # mingw has it in a library
  else()
    target_link_options(cardea_build_flags INTERFACE -Wl,-z,relro,-z,now)
  endif()
endif()
if(WIN32)
  # Windows 10; wide interfaces; no macros min and max; the C library's own printf would not know %zu.
  target_compile_definitions(cardea_build_flags INTERFACE _WIN32_WINNT=0x0A00 WINVER=0x0A00 UNICODE _UNICODE NOMINMAX WIN32_LEAN_AND_MEAN)
endif()
if(CARDEA_SANITIZE)
  target_compile_options(cardea_build_flags INTERFACE "-fsanitize=${CARDEA_SANITIZE}" -fno-sanitize-recover=all)
  target_link_options(cardea_build_flags INTERFACE "-fsanitize=${CARDEA_SANITIZE}")
endif()
# For libraries that are loaded: whatever they lack is said when they are linked. The sanitizers' own part is clang's to add, to programs only.
set(cardea_no_undefined -Wl,--no-undefined)
if(CARDEA_SANITIZE AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  set(cardea_no_undefined "")
endif()
if(CARDEA_FUZZ)
  target_compile_options(cardea_build_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Half of what compiling a small file costs is reading headers that all files read. What is precompiled, where a target says so, is the
# standard library. Nothing of Cardea: what a target does not name it still cannot include, and scripts/check-includes finds an #include that is missing. Not <iostream>, not CLI11: they put objects into every file that sees them.
set(precompiled_standard
  <algorithm> <array> <atomic> <charconv> <chrono> <condition_variable> <filesystem> <fstream> <functional> <map> <memory> <mutex> <optional> <set> <span>
  <sstream> <string> <string_view> <thread> <tl/expected.hpp> <unordered_map> <variant> <vector>)
if(CARDEA_PCH AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  find_package(tl-expected REQUIRED)
  # The mistaken warnings: of precompiled headers g++ gives them also where it optimises little.
  # -fpch-preprocess: without it ccache cannot tell which precompiled header was used.
  # -fPIC: programs are compiled as libraries are, instead of -fPIE. g++ would want a precompiled header for each.
  add_library(cardea_precompiled_flags INTERFACE)
  target_compile_options(cardea_precompiled_flags INTERFACE ${mistaken_warnings} -fpch-preprocess -fPIC)
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/precompiled.cpp" CONTENT "// Nothing: the target is there for its precompiled header.\n")
  set(precompiled_launcher "${CMAKE_CXX_COMPILER_LAUNCHER}")
  if(precompiled_launcher MATCHES "ccache")
    # Else it does not keep results: a precompiled header could have been made with other macros. Here all have those of cardea_build_flags.
    # And it reads a header of a hundred megabytes once, not for every file.
    list(PREPEND precompiled_launcher env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_INODECACHE=1)
  endif()
  foreach(kind standard)
    add_library(cardea_precompiled_${kind} OBJECT EXCLUDE_FROM_ALL "${CMAKE_BINARY_DIR}/precompiled.cpp")
    target_link_libraries(cardea_precompiled_${kind} PRIVATE cardea_build_flags cardea_precompiled_flags tl::expected)
    set_target_properties(cardea_precompiled_${kind} PROPERTIES CXX_COMPILER_LAUNCHER "${precompiled_launcher}")
    target_precompile_headers(cardea_precompiled_${kind} PRIVATE ${precompiled_${kind}})
  endforeach()
endif()

# `kind` is "standard", or nothing for none.
function(cardea_precompile target kind)
  if(kind AND TARGET cardea_precompiled_flags)
    target_link_libraries(${target} PRIVATE cardea_precompiled_flags)
    set_target_properties(${target} PROPERTIES CXX_COMPILER_LAUNCHER "${precompiled_launcher}")
    target_precompile_headers(${target} REUSE_FROM cardea_precompiled_${kind})
  endif()
endfunction()

# All programs that CTest runs, and all fuzz targets: what the rings of other presets need built.
add_custom_target(cardea_tests)
add_custom_target(cardea_fuzzers)

function(cardea_library name)
  cmake_parse_arguments(ARG "" "PRECOMPILED" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(cardea_${name} STATIC ${ARG_SOURCES})
  add_library(cardea::${name} ALIAS cardea_${name})
  if(IS_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}/include")
    target_include_directories(cardea_${name} PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}/include")
  endif()
  target_link_libraries(cardea_${name} PUBLIC ${ARG_DEPS} PRIVATE cardea_build_flags ${ARG_PRIVATE_DEPS})
  cardea_precompile(cardea_${name} "${ARG_PRECOMPILED}")
endfunction()

function(cardea_program name)
  cmake_parse_arguments(ARG "NO_INSTALL" "PRECOMPILED" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE cardea_build_flags ${ARG_DEPS})
  cardea_precompile(${name} "${ARG_PRECOMPILED}")
  if(NOT ARG_NO_INSTALL)
    install(TARGETS ${name} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  endif()
endfunction()

function(cardea_test name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;DEPS;ARGS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE cardea_build_flags cardea_test_main ${ARG_DEPS})
  add_test(NAME ${name} COMMAND ${name} ${ARG_ARGS})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT 300)
  add_dependencies(cardea_tests ${name})
endfunction()

function(cardea_fuzzer name)
  if(NOT CARDEA_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE cardea_build_flags ${ARG_DEPS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(cardea_fuzzers ${name})
endfunction()
