# Flags every target shares, and `tandem_library`.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Where `_core` and the LLVM module go: a folder that can be imported from, one per build.
set(TANDEM_PACKAGE_DIR ${CMAKE_BINARY_DIR}/python/tandem)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(tandem_settings INTERFACE)
target_include_directories(tandem_settings INTERFACE ${CMAKE_CURRENT_SOURCE_DIR})
# Contraction would let the compiler merge a multiply and an add, and change results with the flags of the day.
target_compile_options(tandem_settings INTERFACE -Wall -Wextra -Wpedantic -Werror -ffp-contract=off
                                                 -ffunction-sections -fdata-sections)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Both see problems inside std::variant and std::string that are not there (GCC bugs 80635 and 105651).
  target_compile_options(tandem_settings INTERFACE -Wno-maybe-uninitialized -Wno-restrict)
endif()
target_compile_definitions(tandem_settings INTERFACE TANDEM_VERSION="${PROJECT_VERSION}")
# The text library is used from its headers: Debian has it as a shared library only, and a wheel must not need that.
target_compile_definitions(tandem_settings INTERFACE FMT_HEADER_ONLY=1)
if(TANDEM_SANITIZE)
  # Instrumented code makes the compiler's flow analysis guess wrong: warnings are judged in the other builds.
  target_compile_options(tandem_settings INTERFACE -Wno-error)
  target_compile_options(tandem_settings INTERFACE -fsanitize=${TANDEM_SANITIZE} -fno-sanitize-recover=all
                                                   -fno-omit-frame-pointer)
  target_link_options(tandem_settings INTERFACE -fsanitize=${TANDEM_SANITIZE})
endif()

# tandem_library(name SOURCES pattern... LINKS target...): the static library `tandem_<name>` of the files that match.
# A folder without sources gives an empty target with the same dependencies.
function(tandem_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
  file(GLOB sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} ${arg_SOURCES})
  list(REMOVE_ITEM sources ${TANDEM_LLVM_SOURCE})
  if(NOT sources)
    add_library(tandem_${name} INTERFACE)
    target_link_libraries(tandem_${name} INTERFACE tandem_settings ${arg_LINKS})
    return()
  endif()
  add_library(tandem_${name} STATIC ${sources})
  target_link_libraries(tandem_${name} PUBLIC tandem_settings ${arg_LINKS})
  target_compile_definitions(tandem_${name} PRIVATE TANDEM_LLVM_VERSION="${TANDEM_LLVM_VERSION}")
  if(TANDEM_DNNL)
    target_compile_definitions(tandem_${name} PRIVATE TANDEM_HAVE_DNNL=1)
  endif()
endfunction()
