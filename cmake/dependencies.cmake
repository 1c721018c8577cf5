# Finds what the build needs and stops with one message that lists everything missing.
set(TANDEM_LLVM_SOURCE codegen/llvm/compile.cpp)
set(missing "")

find_package(Threads REQUIRED)

find_path(FMT_INCLUDE fmt/format.h)
if(NOT FMT_INCLUDE)
  list(APPEND missing libfmt-dev)
endif()

find_path(NLOHMANN_INCLUDE nlohmann/json.hpp)
if(NOT NLOHMANN_INCLUDE)
  list(APPEND missing nlohmann-json3-dev)
endif()

if(TANDEM_DNNL)
  find_path(DNNL_INCLUDE dnnl.h)
  if(NOT DNNL_INCLUDE)
    list(APPEND missing libdnnl-dev)
  endif()
endif()

if(TANDEM_TESTS)
  find_path(CATCH2_INCLUDE catch2/catch.hpp)
  if(NOT CATCH2_INCLUDE)
    list(APPEND missing catch2)
  endif()
endif()

set(TANDEM_LLVM_VERSION "none")
if(TANDEM_LLVM)
  find_program(LLVM_CONFIG NAMES llvm-config-22 llvm-config-21 llvm-config-20 llvm-config-19 DOC "LLVM 19 to 22")
  if(LLVM_CONFIG)
    execute_process(COMMAND ${LLVM_CONFIG} --version OUTPUT_VARIABLE TANDEM_LLVM_VERSION
                    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    if(TANDEM_LLVM_VERSION VERSION_LESS 19 OR TANDEM_LLVM_VERSION VERSION_GREATER_EQUAL 23)
      message(FATAL_ERROR "LLVM 19 to 22 is needed; ${LLVM_CONFIG} is ${TANDEM_LLVM_VERSION}. "
                          "Point -DLLVM_CONFIG=... at another one, or build with -DTANDEM_LLVM=OFF.")
    endif()
    # What LLVM's static libraries in turn link to; the packages that have it are not all pulled in with LLVM.
    execute_process(COMMAND ${LLVM_CONFIG} --link-static --system-libs OUTPUT_VARIABLE system_libraries
                    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    set(libraries z zstd xml2 z3 tinfo)
    set(packages zlib1g-dev libzstd-dev libxml2-dev libz3-dev libncurses-dev)
    foreach(library package IN ZIP_LISTS libraries packages)
      if(system_libraries MATCHES "(-l|lib)${library}(\\.so)?( |$)")
        find_library(LIBRARY_${library} ${library})
        if(NOT LIBRARY_${library})
          list(APPEND missing ${package})
        endif()
      endif()
    endforeach()
  else()
    list(APPEND missing llvm-22-dev zlib1g-dev libzstd-dev libxml2-dev libz3-dev)
  endif()
endif()

if(missing)
  list(REMOVE_DUPLICATES missing)
  list(JOIN missing " " missing)
  message(FATAL_ERROR "Tandem cannot be built yet: system packages are missing. Install them with\n"
                      "    sudo apt-get install -y ${missing}\n"
                      "(LLVM 19 to 21 will do in place of 22; -DTANDEM_LLVM=OFF builds without LLVM, "
                      "-DTANDEM_DNNL=OFF without oneDNN.)\n")
endif()
