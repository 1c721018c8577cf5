"""Where the C and C++ runtime library of this package is: what a build of a program that uses it asks for.

A wheel brings `libtandem_runtime` (shared and static), `tandem.h`, `tandem.hpp`, a CMake package and a pkg-config file
in this folder, and the program `tandem-run` where Python's programs are. `python -m tandem.runtime --cmakedir` prints
what the functions here return, for shells and build files; docs/deploy.md has examples.
"""

from __future__ import annotations

from pathlib import Path

from tandem import _core

__all__ = ["get_cmake_dir", "get_include", "get_library_dir", "get_pkgconfig_dir"]

_HERE = Path(__file__).parent


def _folder(*parts: str) -> str:
    found = _HERE.joinpath(*parts)
    if not found.is_dir():
        raise _core.BackendError(
            f"runtime: got a package without '{found}', as a build tree is; need an installed wheel; try "
            "pip install tandem-jit, or cmake --install BUILD --component runtime --prefix PREFIX"
        )
    return str(found)


def get_include() -> str:
    """Return the folder of `tandem.h` and `tandem.hpp`."""
    return _folder("include")


def get_library_dir() -> str:
    """Return the folder of `libtandem_runtime.so` and `libtandem_runtime.a`."""
    return _folder("lib")


def get_cmake_dir() -> str:
    """Return what CMake takes as `tandem_DIR`: `find_package(tandem)` finds the library there."""
    return _folder("lib", "cmake", "tandem")


def get_pkgconfig_dir() -> str:
    """Return what pkg-config takes as `PKG_CONFIG_PATH`, for the package `tandem_runtime`."""
    return _folder("lib", "pkgconfig")
