"""Print where the runtime library is: `python -m tandem.runtime --cmakedir`."""

from __future__ import annotations

import argparse

from tandem import _core, runtime


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tandem.runtime", description="Where libtandem_runtime is.")
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--includes", action="store_true", help="flags that compile a program: -I...")
    asked.add_argument("--libs", action="store_true", help="flags that link it, which finds the library where it lies")
    asked.add_argument("--cmakedir", action="store_true", help="the folder of the CMake package: tandem_DIR")
    asked.add_argument("--pkgconfigdir", action="store_true", help="the folder for PKG_CONFIG_PATH")
    asked.add_argument("--version", action="store_true", help="the version of package and library")
    given = parser.parse_args()
    try:
        if given.includes:
            print(f"-I{runtime.get_include()}")
        elif given.libs:
            folder = runtime.get_library_dir()
            print(f"-L{folder} -Wl,-rpath,{folder} -ltandem_runtime")
        elif given.version:
            print(_core.__version__)
        else:
            print(runtime.get_cmake_dir() if given.cmakedir else runtime.get_pkgconfig_dir())
    except _core.BackendError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
