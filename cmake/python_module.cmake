# `_core`, the Python extension, and an importable package folder in the build tree.
file(GLOB bindings CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} python/bindings/*.cpp)
if(bindings)
  find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module)
  if(NOT pybind11_DIR)
    execute_process(COMMAND ${Python_EXECUTABLE} -m pybind11 --cmakedir OUTPUT_VARIABLE pybind11_DIR
                    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
  if(NOT pybind11_DIR)
    message(FATAL_ERROR "pybind11 3 or newer is needed: ${Python_EXECUTABLE} -m pip install 'pybind11>=3'")
  endif()
  set(PYBIND11_FINDPYTHON ON)
  find_package(pybind11 3 REQUIRED CONFIG)

  pybind11_add_module(_core MODULE NO_EXTRAS ${bindings})
  target_link_libraries(_core PRIVATE tandem_frontend)
  set(exports ${CMAKE_CURRENT_SOURCE_DIR}/cmake/core.map)
  target_link_options(_core PRIVATE -Wl,--version-script,${exports} -Wl,--gc-sections)
  set_target_properties(_core PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${TANDEM_PACKAGE_DIR} LINK_DEPENDS ${exports})
  install(TARGETS _core LIBRARY DESTINATION tandem)

  # The extension for another Python than the one at hand, of which its headers are enough (`./dev wheel --headers`).
  set(TANDEM_OTHER_PYTHON "" CACHE STRING "Version of another Python to build the extension for, as in 3.12")
  set(TANDEM_OTHER_PYTHON_HEADERS "" CACHE STRING "Folders of its headers, one with Python.h among them")
  if(TANDEM_OTHER_PYTHON)
    add_library(_core_other MODULE EXCLUDE_FROM_ALL ${bindings})
    target_include_directories(_core_other SYSTEM PRIVATE ${TANDEM_OTHER_PYTHON_HEADERS})
    target_link_libraries(_core_other PRIVATE pybind11::headers tandem_frontend)
    target_link_options(_core_other PRIVATE -Wl,--version-script,${exports} -Wl,--gc-sections)
    string(REPLACE . "" digits ${TANDEM_OTHER_PYTHON})
    set_target_properties(_core_other PROPERTIES PREFIX "" OUTPUT_NAME _core LINK_DEPENDS ${exports}
      SUFFIX .cpython-${digits}-${CMAKE_SYSTEM_PROCESSOR}-linux-gnu.so
      LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/other)
  endif()
endif()

# The pure Python files are linked into the build tree at every build, so that edits need no build.
add_custom_target(python_tree ALL
  COMMAND ${CMAKE_COMMAND} -D FROM=${CMAKE_CURRENT_SOURCE_DIR}/python/tandem -D TO=${TANDEM_PACKAGE_DIR}
          -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/link_tree.cmake
  COMMENT "Linking the Python files" VERBATIM)

# All that Python needs, without the C++ tests.
add_custom_target(module DEPENDS python_tree)
foreach(target _core tandem_llvm)
  if(TARGET ${target})
    add_dependencies(module ${target})
  endif()
endforeach()

# Wheels bring the kernels of ordinary eager work along.
option(TANDEM_PACK "Compile the kernels of ordinary eager work into the package" OFF)
if(TANDEM_PACK AND TARGET _core AND TARGET tandem_llvm)
  set(pack ${TANDEM_PACKAGE_DIR}/kernels.pack)
  add_custom_command(
    OUTPUT ${pack}
    COMMAND ${CMAKE_COMMAND} -E env PYTHONPATH=${TANDEM_PACKAGE_DIR}/.. ${Python_EXECUTABLE} -m tandem._pack ${pack}
    DEPENDS _core tandem_llvm python_tree ${CMAKE_CURRENT_SOURCE_DIR}/python/tandem/_pack.py
    COMMENT "Compiling the kernels of ordinary eager work" VERBATIM)
  add_custom_target(kernel_pack ALL DEPENDS ${pack})
  install(FILES ${pack} DESTINATION tandem)
endif()
