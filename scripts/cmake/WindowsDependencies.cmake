# Header-only libraries for the Windows builds. They are Debian's, seen through a folder of symbolic links that
# scripts/lib/windows.sh makes: all of /usr/include would bring the wrong C library along.

foreach(package tl-expected nlohmann_json cli11 spdlog doctest)
  file(WRITE "${CMAKE_FIND_PACKAGE_REDIRECTS_DIR}/${package}-config.cmake" "# Its target is in WindowsDependencies.cmake.\n")
endforeach()

function(cardea_header_only target)
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} SYSTEM INTERFACE "${CARDEA_WINDOWS_DEPS}/include")
  target_compile_definitions(${target} INTERFACE ${ARGN})
endfunction()

cardea_header_only(tl::expected)
cardea_header_only(nlohmann_json::nlohmann_json)
cardea_header_only(CLI11::CLI11)
cardea_header_only(doctest::doctest)
cardea_header_only(spdlog::spdlog FMT_HEADER_ONLY)

if(NOT EXISTS "${CARDEA_WINDOWS_DEPS}/include/tl/expected.hpp")
  message(FATAL_ERROR "The Windows libraries are not there: run scripts/dev windows, which builds them")
endif()
