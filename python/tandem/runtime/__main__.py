"""Print where the runtime library is: `python -m tandem.runtime --cmakedir`."""

from __future__ import annotations

import argparse

from tandem import _core, runtime


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tandem.runtime", description="Where libtandem_runtime is.")
    parser.add_argument("--includes", action="store_true", help="flags that compile a program: -I...")
    parser.add_argument("--libs", action="store_true", help="flags that link it; it finds the library where it lies")
    parser.add_argument("--cmakedir", action="store_true", help="the folder of the CMake package: tandem_DIR")
    parser.add_argument("--pkgconfigdir", action="store_true", help="the folder for PKG_CONFIG_PATH")
    parser.add_argument("--version", action="store_true", help="the version of package and library")
    given = parser.parse_args()
    said = []
    try:
        if given.includes:
            said.append(f"-I{runtime.get_include()}")
        if given.libs:
            folder = runtime.get_library_dir()
            said.append(f"-L{folder} -Wl,-rpath,{folder} -ltandem_runtime")
        if given.cmakedir:
            said.append(runtime.get_cmake_dir())
        if given.pkgconfigdir:
            said.append(runtime.get_pkgconfig_dir())
        if given.version:
            said.append(_core.__version__)
    except _core.BackendError as error:
        parser.exit(1, f"{error}\n")
    if not said:
        parser.error("need one of the options")
    print(" ".join(said))


if __name__ == "__main__":
    main()
