"""Times of sorting and searching next to NumPy's, in one run: `python benchmarks/sorting.py [rounds]`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from measure import in_turns
from peers import limit_threads

limit_threads()

import tandem as td  # noqa: E402

Call = Callable[[], Any]
LARGE = 16 << 20


def cases() -> dict[str, tuple[Call, Call]]:
    """Return Tandem's call and NumPy's for each row of the table."""
    rng = np.random.default_rng(5)
    out: dict[str, tuple[Call, Call]] = {}

    def add(name: str, ours: Callable[..., Any], theirs: Callable[..., Any], *arrays: np.ndarray) -> None:
        tensors = [td.asarray(a) for a in arrays]
        out[name] = (lambda: ours(*tensors), lambda: theirs(*arrays))

    normal = rng.standard_normal(LARGE)
    integers = rng.integers(-(1 << 31), 1 << 31, LARGE)
    for dtype in (np.float32, np.float64):
        x = normal.astype(dtype)
        add(f"sort 16M {dtype.__name__}", td.sort, np.sort, x)
        add(f"sort 64K {dtype.__name__}", td.sort, np.sort, x[: 1 << 16])
        add(f"sort 1K {dtype.__name__}", td.sort, np.sort, x[: 1 << 10])
        add(f"argsort 1M {dtype.__name__}", td.argsort, np.argsort, x[: 1 << 20])
    for dtype in (np.int32, np.int64):
        add(f"sort 16M {dtype.__name__}", td.sort, np.sort, integers.astype(dtype))
    x = normal[: 1 << 22].astype(np.float32)
    add("sort [64K, 64] float32", td.sort, np.sort, x.reshape(1 << 16, 64))
    add("sort [4K, 1K] float32", td.sort, np.sort, x.reshape(1 << 12, 1 << 10))
    add("sort [1K, 4K] axis 0", lambda a: td.sort(a, axis=0), lambda a: np.sort(a, axis=0), x.reshape(1 << 10, 1 << 12))
    add("argsort [64K, 64] float32", td.argsort, np.argsort, x.reshape(1 << 16, 64))
    add("topk 16 of 4M", lambda a: td.topk(a, 16), lambda a: np.partition(a, a.size - 16)[-16:], x)
    table = np.sort(x)
    add("searchsorted 1M in 4M", td.searchsorted, np.searchsorted, table, x[: 1 << 20])
    add("unique_values 4M", td.unique_values, np.unique_values, (x * 1000).astype(np.int32))
    add("nonzero 4M", td.nonzero, np.nonzero, x > 1)
    add("cumsum 4M", td.cumsum, np.cumsum, x)
    add("cummax 4M", td.cummax, np.maximum.accumulate, x)
    add("median 4M", td.median, np.median, x)
    add("histogram 4M in 100", lambda a: td.histogram(a, 100), lambda a: np.histogram(a, 100), x)
    add("bincount 4M", td.bincount, np.bincount, (np.abs(x) * 100).astype(np.int64))
    return out


def main() -> None:
    """Print the median of alternating calls and the ratio."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    print(f"{'':28}{'tandem':>10}{'numpy':>10}   ratio    ms, {td.num_threads()} threads")
    for name, calls in cases().items():
        seconds = in_turns(dict(zip(("tandem", "numpy"), calls, strict=True)), rounds, 2e-3)
        ours, theirs = (1e3 * seconds[each] for each in ("tandem", "numpy"))
        print(f"{name:28}{ours:10.3f}{theirs:10.3f}  {ours / theirs:6.2f}")


if __name__ == "__main__":
    main()
