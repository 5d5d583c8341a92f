# What every target of this tree shares, and the three functions that declare targets.
#
#   cardea_library(name SOURCES a.cpp … DEPS cardea::apdu …)      static library cardea::name
#   cardea_program(name SOURCES main.cpp … DEPS …)                program, installed unless NO_INSTALL is given
#   cardea_test(name SOURCES a_test.cpp … DEPS … LABEL unit)      doctest program without a main, run by ctest under LABEL
#   cardea_fuzzer(name SOURCES a_fuzz.cpp DEPS …)                 libFuzzer program; nothing unless CARDEA_FUZZ
#
# Public headers of a library live in its include/ folder; sources in src/ see that folder only.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")

set(CARDEA_SANITIZE "" CACHE STRING "Sanitizers to build with, e.g. address,undefined")
option(CARDEA_FUZZ "Build the libFuzzer targets (clang only)" OFF)

# Dev: fast to compile, fast enough to run pcscd scenarios, and still steppable.
set(CMAKE_CXX_FLAGS_DEV "-O1 -g1 -fno-omit-frame-pointer")
set(CMAKE_C_FLAGS_DEV "${CMAKE_CXX_FLAGS_DEV}")

add_library(cardea_build_flags INTERFACE)
target_compile_options(cardea_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Werror
  # g++ 12, once it optimises, warns of what cannot happen (inside tl::expected and std::vector). clang and the sanitizers look too.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")
target_compile_definitions(cardea_build_flags INTERFACE _GLIBCXX_ASSERTIONS)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  # g++ 12 sees overlapping copies in std::string's operator+ that are not there (its bug 105329), and in a vector that
  # grows writes past the end of a branch that is not taken.
  target_compile_options(cardea_build_flags INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread>)
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
if(CARDEA_FUZZ)
  target_compile_options(cardea_build_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# All programs that CTest runs, and all fuzz targets: what the rings of other presets need built.
add_custom_target(cardea_tests)
add_custom_target(cardea_fuzzers)

function(cardea_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(cardea_${name} STATIC ${ARG_SOURCES})
  add_library(cardea::${name} ALIAS cardea_${name})
  if(IS_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}/include")
    target_include_directories(cardea_${name} PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}/include")
  endif()
  target_link_libraries(cardea_${name} PUBLIC ${ARG_DEPS} PRIVATE cardea_build_flags ${ARG_PRIVATE_DEPS})
endfunction()

function(cardea_program name)
  cmake_parse_arguments(ARG "NO_INSTALL" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE cardea_build_flags ${ARG_DEPS})
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
