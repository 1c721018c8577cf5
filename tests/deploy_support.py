"""What the tests of C and C++ programs share."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT, SANITIZED

BUILD = Path(os.environ.get("TANDEM_BUILD_DIR", ROOT / "build/dev"))
CMAKE = shutil.which("cmake") or str(Path(sys.executable).parent / "cmake")


# Programs that use a library built with sanitizers are built with them, too; compilers and linkers themselves are not.
# The usual linker takes minutes for so many sections.
SANITIZERS = ["-fsanitize=address,undefined", "-fuse-ld=gold"] if SANITIZED else []


def run(*command, env=None, check=True, **options):
    if SANITIZED:
        env = {name: value for name, value in (os.environ if env is None else env).items() if name != "LD_PRELOAD"}
        env |= dict.fromkeys(("CFLAGS", "CXXFLAGS", "LDFLAGS"), " ".join(SANITIZERS))
    done = subprocess.run(
        [str(word) for word in command], env=env, text=True, capture_output=True, timeout=300, **options
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def installed_runtime(folder: Path) -> Path:
    """The prefix to which `cmake --install` puts the runtime."""
    run(CMAKE, "--install", BUILD, "--component", "runtime", "--prefix", folder / "prefix")
    return folder / "prefix"


def bare_environment(folder: Path) -> dict[str, str]:
    """Neither Python nor LLVM nor anything of the user can be found."""
    (folder / "empty").mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ}
    return {"PATH": str(folder / "empty"), "HOME": str(folder / "empty"), "TANDEM_CACHE_DIR": "", **kept}
