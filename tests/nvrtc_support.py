"""Where the package nvidia-cuda-nvrtc has its library."""

import sys
from pathlib import Path


def nvrtc_file() -> Path | None:
    found = (Path(folder) / "nvidia/cu13/lib/libnvrtc.so.13" for folder in sys.path if folder)
    return next((file for file in found if file.exists()), None)
