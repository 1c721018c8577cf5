"""Refuse to be imported in a sub-interpreter: the C++ core keeps its state once for each process."""

from importlib import import_module


def is_main() -> bool:
    """Return whether this is the interpreter that the process started with."""
    for name in ("_interpreters", "_xxsubinterpreters"):  # the name from Python 3.13 on, and before
        try:
            module = import_module(name)
        except ImportError:
            continue
        return bool(module.get_current() == module.get_main())
    return True


if not is_main():
    raise ImportError(
        "tandem: got an import in a sub-interpreter; need the main interpreter of a process; try threads or "
        "multiprocessing"
    )
