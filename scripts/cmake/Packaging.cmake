# What is installed besides programs, and the Debian packages: one for each component.
#
#   component        set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME server) in a folder holds for all below it
#   cardea_manual(program 8)            manual page and bash completion of a program, from its --help (manual.py)
#   cardea_settings_manual(file.toml)   manual page of section 5, from a sample of all settings

find_program(CARDEA_PYTHON python3)

# Made when they are installed and not with every build: they ask the programs.
function(cardea_manual program section)
  set(directory "${CMAKE_CURRENT_BINARY_DIR}/manual")
  install(CODE "execute_process(COMMAND \"${CARDEA_PYTHON}\" \"${CMAKE_SOURCE_DIR}/scripts/cmake/manual.py\" program
    \"$<TARGET_FILE:${program}>\" ${section} ${PROJECT_VERSION} \"${directory}\" COMMAND_ERROR_IS_FATAL ANY)")
  install(FILES "${directory}/${program}.${section}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}")
  install(FILES "${directory}/completions/${program}" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
endfunction()

function(cardea_settings_manual file)
  cmake_path(GET file FILENAME name)
  set(directory "${CMAKE_CURRENT_BINARY_DIR}/manual")
  install(CODE "execute_process(COMMAND \"${CARDEA_PYTHON}\" \"${CMAKE_SOURCE_DIR}/scripts/cmake/manual.py\" settings
    \"${CMAKE_CURRENT_SOURCE_DIR}/${file}\" ${PROJECT_VERSION} \"${directory}\" COMMAND_ERROR_IS_FATAL ANY)")
  install(FILES "${directory}/${name}.5" DESTINATION "${CMAKE_INSTALL_MANDIR}/man5")
endfunction()

foreach(component server witness workstation cms)
  install(FILES "${CMAKE_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/cardea-${component}" RENAME copyright
    COMPONENT ${component})
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME cardea)
set(CPACK_PACKAGE_VENDOR Cardea)
set(CPACK_PACKAGE_CONTACT "The maintainers of Cardea <maintainers@cardea.invalid>")
set(CPACK_PACKAGE_DIRECTORY "${CMAKE_BINARY_DIR}/packages")
# Units and reader.conf name the place that was configured.
set(CPACK_PACKAGING_INSTALL_PREFIX "${CMAKE_INSTALL_PREFIX}")
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL server witness workstation cms)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_COMPONENT_SERVER_DESCRIPTION "Server of virtual smart cards\n cardead, its signers, and cardea, the administrator's tool.")
set(CPACK_COMPONENT_WITNESS_DESCRIPTION "Witness of a server's log\n For another machine than the server's.")
set(CPACK_COMPONENT_WORKSTATION_DESCRIPTION "Virtual smart cards on a workstation\n cardea-agent, the reader for pcscd, and a library in the place of libpcsclite.")
set(CPACK_COMPONENT_CMS_DESCRIPTION "Card management client\n cardea-cms issues cards through PC/SC.")
set(CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS systemd)
set(CPACK_DEBIAN_SERVER_PACKAGE_RECOMMENDS "libsofthsm2, libtss2-tcti-device0")
set(CPACK_DEBIAN_WITNESS_PACKAGE_DEPENDS systemd)
set(CPACK_DEBIAN_WORKSTATION_PACKAGE_DEPENDS systemd)
set(CPACK_DEBIAN_WORKSTATION_PACKAGE_RECOMMENDS pcscd)
set(CPACK_DEBIAN_CMS_PACKAGE_RECOMMENDS "openssl, pcscd")
foreach(component server witness workstation)
  string(TOUPPER ${component} upper)
  set(scripts "${CMAKE_SOURCE_DIR}/scripts/cmake/debian/${component}")
  set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA "${scripts}/postinst")
  if(NOT component STREQUAL workstation)
    list(APPEND CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA "${scripts}/prerm" "${scripts}/postrm")
  endif()
  set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_STRICT_PERMISSION ON)
endforeach()
include(CPack)
