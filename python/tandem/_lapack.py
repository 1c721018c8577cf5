"""Where a LAPACK may be when the system has none: inside NumPy's wheel."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def bundled() -> str:
    """Return the path of the OpenBLAS that came with NumPy, or "" if there is none."""
    spec = importlib.util.find_spec("numpy")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for place in (Path(folder).parent / "numpy.libs", Path(folder) / ".dylibs"):
            for file in sorted(place.glob("libscipy_openblas*")):
                return str(file)
    return ""
