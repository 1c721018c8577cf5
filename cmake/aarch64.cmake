# A tool chain for Debian's cross compiler (g++-aarch64-linux-gnu): cmake -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake.
# Programs run under qemu-user where that is installed.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
# Headers of the system that are for every processor are used; libraries are not.
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
