"""NVIDIA GPUs: what there is, memory, waiting and timing. docs/cuda.md is the guide.

Nothing of CUDA is needed until a tensor is put on a GPU with `x.to("cuda")`; then the driver, and for code NVRTC (the
package nvidia-cuda-nvrtc), are looked for and opened. What is missing is a td.BackendError that says so.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tandem import _core
from tandem._boundary import public

_cuda = _core._cuda

__all__ = [
    "Event",
    "Stream",
    "allow_tf32",
    "current_stream",
    "device_count",
    "empty_cache",
    "get_device_name",
    "get_device_properties",
    "is_available",
    "memory_stats",
    "problem",
    "reset_peak_memory",
    "stats",
    "synchronize",
    "use_graphs",
    "versions",
]


def _index(device: Any) -> int:
    if isinstance(device, int) and not isinstance(device, bool):
        return device
    name = _core._device("cuda" if device is None else device)
    if name == "cpu":
        raise ValueError("cuda: got the device 'cpu'; need a GPU, as in 'cuda:0'")
    return int(name.partition(":")[2])


@public
def is_available() -> bool:
    """Return whether there are a driver that can be used and a GPU; `td.cuda.problem()` says what is missing.

    >>> td.cuda.is_available() == (td.cuda.problem() == "")
    True
    """
    return not _cuda.problem()


@public
def problem() -> str:
    """Return why no GPU can be used: what was looked for, and what to do; an empty text when one can."""
    return _cuda.problem()


@public
def device_count() -> int:
    """Return the number of GPUs that the driver sees: 0 without a driver.

    >>> td.cuda.device_count() >= 0
    True
    """
    return _cuda.device_count()


@public
def get_device_properties(device: Any = None) -> SimpleNamespace:
    """Return what is known of a GPU: name, major and minor of its compute capability, total_memory in bytes, and more.

    BackendError when there is no such GPU.
    """
    return SimpleNamespace(**_cuda.properties(_index(device)))


@public
def get_device_name(device: Any = None) -> str:
    """Return the name of a GPU. BackendError when there is no such GPU."""
    return get_device_properties(device).name


@public
def synchronize(device: Any = None) -> None:
    """Wait until a GPU has done all that it was asked for; what failed there is raised here.

    IndexError for an index out of bounds, BackendError, with the kernel and the user's line, for a failure of the GPU.
    """
    _cuda.synchronize(_index(device))


@public
def memory_stats(device: Any = None) -> dict[str, int]:
    """Return bytes in use, their peak, and bytes reserved on a GPU, and how often memory was asked for.

    `in_use` are the bytes of blocks that tensors lie in, `reserved` those held from the driver (td.cuda.empty_cache
    gives back the rest), `retries` the times that the cache was emptied because the GPU was full.
    """
    return _cuda.memory(_index(device))


@public
def empty_cache(device: Any = None) -> None:
    """Give memory of a GPU that no tensor lies in back to the driver, for other processes and libraries."""
    _cuda.empty_cache(_index(device))


@public
def reset_peak_memory(device: Any = None) -> None:
    """Let `peak` of td.cuda.memory_stats begin anew from what is in use now."""
    _cuda.reset_peak(_index(device))


@public
def stats() -> dict[str, int]:
    """Return counts of this process: launches, copies, products, and what was done on the host for programs of GPUs.

    `host_steps` are steps of programs that the CPU carried out on copies (linear algebra, Fourier transforms),
    `host_step_bytes` what was copied for them, `predicates` how often a branch or loop had to read a value back.

    >>> td.cuda.stats()["host_steps"] >= 0
    True
    """
    return _cuda.statistics()


@public
def allow_tf32(allow: bool = True) -> bool:
    """Let products of float32 round what they multiply to TF32 (10 bits), which is faster; return what held before.

    >>> before = td.cuda.allow_tf32(True)
    >>> td.cuda.allow_tf32(before)
    True
    """
    before = _cuda.tf32_allowed()
    _cuda.allow_tf32(bool(allow))
    return before


@public
def use_graphs(use: bool = True) -> bool:
    """Let compiled functions run on a GPU as CUDA graphs; return what held before.

    A graph costs the host the same few microseconds for any number of kernels. A function is recorded in its second
    call with some sizes; results are copied out of the graph, so no call overwrites what another one returned. What
    needs the host while it runs is no graph: `graph_refusals` of td.cuda.stats counts such programs.

    >>> before = td.cuda.use_graphs(True)
    >>> td.cuda.use_graphs(before)
    True
    """
    before = _cuda.graphs_used()
    _cuda.use_graphs(bool(use))
    return before


@public
def versions() -> dict[str, str]:
    """Return the versions of the driver, of cuBLASLt and of cuDNN, or why they cannot be used."""
    driver = _cuda.problem()
    if not driver:
        number = _cuda.driver_version()
        driver = f"CUDA {number // 1000}.{number % 1000 // 10}"
    return {"driver": driver, "cublaslt": _cuda.cublaslt_version(), "cudnn": _cuda.cudnn_version()}


class Stream:
    """The queue of a GPU on which all work of Tandem runs in order: for other libraries, by its handle `cuda_stream`.

    Work on the default stream of other libraries waits for it, and it for them.
    """

    def __init__(self, device: Any = None) -> None:
        self.device = f"cuda:{_index(device)}"
        self.cuda_stream: int = _cuda.stream(_index(device))

    def synchronize(self) -> None:
        """Wait until everything is done; see td.cuda.synchronize."""
        synchronize(self.device)

    def record_event(self, event: Event | None = None) -> Event:
        """Mark this moment in the stream and return the mark."""
        event = Event(self.device) if event is None else event
        event.record()
        return event


@public
def current_stream(device: Any = None) -> Stream:
    """Return the stream on which a GPU does Tandem's work. BackendError when there is no such GPU."""
    return Stream(device)


class Event:
    """A moment in the work of a GPU: it can be waited for, and the time between two be measured."""

    def __init__(self, device: Any = None) -> None:
        self._event = _cuda.Event(_index(device))

    def record(self) -> None:
        """Mark the moment at which all that was asked for so far is done."""
        self._event.record()

    def query(self) -> bool:
        """Return whether that moment has come."""
        return self._event.done()

    def synchronize(self) -> None:
        """Wait for that moment."""
        self._event.synchronize()

    def elapsed_time(self, end: Event) -> float:
        """Return the milliseconds from this moment to another one. Both must have come."""
        return self._event.elapsed(end._event)
