# `libtandem_runtime`, shared and static, with the C interface and its C++ face (deploy/api), and `tandem-run`: what runs
# models without Python. `cmake --install BUILD --component runtime --prefix PREFIX` installs it with a CMake package and a
# pkg-config file.
set(runtime_parts $<TARGET_OBJECTS:tandem_ir> $<TARGET_OBJECTS:tandem_runtime> $<TARGET_OBJECTS:tandem_interp>
                  $<TARGET_OBJECTS:tandem_deploy>)
set(exports ${CMAKE_CURRENT_SOURCE_DIR}/cmake/runtime.map)
foreach(kind SHARED STATIC)
  string(TOLOWER runtime_${kind} target)
  add_library(${target} ${kind} deploy/api/tandem.cpp ${runtime_parts})
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:tandem_settings> Threads::Threads ${CMAKE_DL_LIBS})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME tandem_runtime EXPORT_NAME ${target}
                                             LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/runtime/lib
                                             ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/runtime/lib)
endforeach()
set_target_properties(runtime_shared PROPERTIES LINK_DEPENDS ${exports})
target_link_options(runtime_shared PRIVATE -Wl,--version-script,${exports} -Wl,--gc-sections -Wl,--no-undefined
                                           -static-libstdc++ -static-libgcc)

add_executable(tandem-run deploy/run/main.cpp deploy/run/npy.cpp)
target_link_libraries(tandem-run PRIVATE tandem_settings runtime_static Threads::Threads ${CMAKE_DL_LIBS})
target_link_options(tandem-run PRIVATE -Wl,--gc-sections)
set_target_properties(tandem-run PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/runtime/bin)
add_custom_target(runtime DEPENDS runtime_shared runtime_static tandem-run)

# A wheel has it all in the folder of the Python package `tandem.runtime`, without the links of its names, which wheels
# cannot have, and `tandem-run` where the programs of Python are.
include(CMakePackageConfigHelpers)
if(SKBUILD)
  set(prefix tandem/runtime/)
  set(CMAKE_INSTALL_LIBDIR lib)
  set(CMAKE_INSTALL_INCLUDEDIR include)
  set(programs ${SKBUILD_SCRIPTS_DIR})
  set(component COMPONENT runtime)
else()
  include(GNUInstallDirs)
  set_target_properties(runtime_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0)
  set(prefix "")
  set(programs ${CMAKE_INSTALL_BINDIR})
  set(component COMPONENT runtime EXCLUDE_FROM_ALL)
endif()
set(libraries ${prefix}${CMAKE_INSTALL_LIBDIR})
set(headers ${prefix}${CMAKE_INSTALL_INCLUDEDIR})
set(package ${libraries}/cmake/tandem)
foreach(target runtime_shared runtime_static)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/deploy/api>
                                              $<INSTALL_INTERFACE:${headers}>)
endforeach()
install(TARGETS runtime_shared runtime_static EXPORT tandem ${component}
        LIBRARY DESTINATION ${libraries} ARCHIVE DESTINATION ${libraries})
install(TARGETS tandem-run ${component} RUNTIME DESTINATION ${programs})
install(FILES deploy/api/tandem.h deploy/api/tandem.hpp ${component} DESTINATION ${headers})
install(EXPORT tandem NAMESPACE tandem:: FILE tandem-targets.cmake ${component} DESTINATION ${package})
file(WRITE ${CMAKE_BINARY_DIR}/tandem-config.cmake.in "@PACKAGE_INIT@
include(CMakeFindDependencyMacro)
find_dependency(Threads)
include(\${CMAKE_CURRENT_LIST_DIR}/tandem-targets.cmake)
check_required_components(tandem)
")
configure_package_config_file(${CMAKE_BINARY_DIR}/tandem-config.cmake.in ${CMAKE_BINARY_DIR}/tandem-config.cmake
                              INSTALL_DESTINATION ${package})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/tandem-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/tandem-config.cmake ${CMAKE_BINARY_DIR}/tandem-config-version.cmake ${component}
        DESTINATION ${package})
configure_file(cmake/tandem_runtime.pc.in ${CMAKE_BINARY_DIR}/tandem_runtime.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/tandem_runtime.pc ${component} DESTINATION ${libraries}/pkgconfig)
