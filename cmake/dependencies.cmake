# Finds what the build needs and stops with one message that lists everything missing.
set(TANDEM_LLVM_SOURCE codegen/llvm/compile.cpp)
set(missing "")

find_package(OpenMP QUIET COMPONENTS CXX)
if(NOT OpenMP_CXX_FOUND)
  list(APPEND missing g++)
endif()

find_path(FMT_INCLUDE fmt/format.h)
if(NOT FMT_INCLUDE)
  list(APPEND missing libfmt-dev)
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
    # LLVM's static libraries need these to link.
    foreach(pair zlib1g-dev:zlib.h libzstd-dev:zstd.h libxml2-dev:libxml2/libxml/xmlversion.h libz3-dev:z3.h)
      string(REPLACE ":" ";" pair ${pair})
      list(GET pair 0 package)
      list(GET pair 1 header)
      find_path(HAVE_${package} ${header})
      if(NOT HAVE_${package})
        list(APPEND missing ${package})
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
