# `tandem_llvm`: LLVM behind three C functions, in a module of its own that is loaded at the first real compilation.
# Nothing of LLVM is visible outside, so that it lives in one process with any other copy of LLVM.
if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${TANDEM_LLVM_SOURCE})
  function(llvm_config output)
    execute_process(COMMAND ${LLVM_CONFIG} --link-static ${ARGN} OUTPUT_VARIABLE text
                    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    separate_arguments(text UNIX_COMMAND "${text}")
    set(${output} ${text} PARENT_SCOPE)
  endfunction()
  llvm_config(llvm_include --includedir)
  llvm_config(llvm_folder --libdir)
  llvm_config(llvm_libraries --libs x86 aarch64 irreader linker passes)
  llvm_config(llvm_system --system-libs)
  # Compression goes in statically where possible, so that the module needs nothing but the C and C++ libraries.
  foreach(name z zstd)
    find_library(STATIC_${name} lib${name}.a)
    if(STATIC_${name})
      list(TRANSFORM llvm_system REPLACE "^-l${name}$" ${STATIC_${name}})
    endif()
  endforeach()

  add_library(tandem_llvm MODULE ${TANDEM_LLVM_SOURCE})
  target_link_libraries(tandem_llvm PRIVATE tandem_settings)
  target_include_directories(tandem_llvm SYSTEM PRIVATE ${llvm_include})
  target_compile_definitions(tandem_llvm PRIVATE TANDEM_LLVM_VERSION="${TANDEM_LLVM_VERSION}")
  set(exports ${CMAKE_CURRENT_SOURCE_DIR}/cmake/tandem_llvm.map)
  target_link_options(tandem_llvm PRIVATE -Wl,--exclude-libs,ALL -Wl,--version-script,${exports} -Wl,--gc-sections
                                          -Wl,--as-needed -Wl,-Bsymbolic)
  target_link_directories(tandem_llvm PRIVATE ${llvm_folder})
  target_link_libraries(tandem_llvm PRIVATE ${llvm_libraries} ${llvm_system})
  # The version script alone decides what is visible.
  set_target_properties(tandem_llvm PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET default LINK_DEPENDS ${exports}
                                               LIBRARY_OUTPUT_DIRECTORY ${TANDEM_PACKAGE_DIR})
  install(TARGETS tandem_llvm LIBRARY DESTINATION tandem)
endif()
