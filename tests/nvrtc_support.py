"""NVRTC of the package nvidia-cuda-nvrtc, without a GPU."""

import ctypes
import sys
from functools import cache
from pathlib import Path

OPTIONS = (b"--std=c++17", b"--fmad=false")


def nvrtc_file() -> Path | None:
    found = (Path(folder) / "nvidia/cu13/lib/libnvrtc.so.13" for folder in sys.path if folder)
    return next((file for file in found if file.exists()), None)


@cache
def library() -> ctypes.CDLL:
    file = nvrtc_file()
    assert file is not None
    for builtins in file.parent.glob("libnvrtc-builtins.so.*"):
        ctypes.CDLL(str(builtins), ctypes.RTLD_GLOBAL)
    return ctypes.CDLL(str(file))


def problem(text: str, arch: int) -> str:
    """Compile for a GPU; return what the compiler complains about, "" if nothing."""
    nvrtc = library()
    program = ctypes.c_void_p()
    assert nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernel.cu", 0, None, None) == 0
    options = (*OPTIONS, f"--gpu-architecture=sm_{arch}".encode())
    status = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value + 1)
    nvrtc.nvrtcGetProgramLog(program, log)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return "" if status == 0 else log.value.decode() or f"status {status}"
