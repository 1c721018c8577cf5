"""Convolution and pooling against PyTorch eager: the better of several runs in turn, both with two threads.

python benchmarks/convolution.py [WORD in the names to measure ...]
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import torch

import tandem as td

F, G = td.nn.functional, torch.nn.functional

# name, shape of the input, of the weights, options
CONVOLUTIONS: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ("3x3 of 56x56", (32, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
    ("3x3 of 28x28", (32, 128, 28, 28), (128, 128, 3, 3), {"padding": 1}),
    ("3x3 of 14x14", (16, 256, 14, 14), (256, 256, 3, 3), {"padding": 1}),
    ("3x3 of 7x7", (8, 512, 7, 7), (512, 512, 3, 3), {"padding": 1}),
    ("7x7 stride 2", (8, 3, 224, 224), (64, 3, 7, 7), {"stride": 2, "padding": 3}),
    ("3x3 stride 2", (16, 128, 56, 56), (128, 128, 3, 3), {"stride": 2, "padding": 1}),
    ("depthwise", (16, 96, 112, 112), (96, 1, 3, 3), {"padding": 1, "groups": 96}),
    ("depthwise stride 2", (16, 96, 112, 112), (96, 1, 3, 3), {"padding": 1, "groups": 96, "stride": 2}),
    ("1x1", (32, 256, 28, 28), (64, 256, 1, 1), {}),
    ("1x1 to many", (32, 64, 56, 56), (256, 64, 1, 1), {}),
    ("groups", (16, 128, 28, 28), (128, 4, 3, 3), {"padding": 1, "groups": 32}),
    ("dilated", (4, 64, 64, 64), (64, 64, 3, 3), {"padding": 4, "dilation": 4}),
    ("one image", (1, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
    ("one large image", (1, 16, 512, 512), (16, 16, 3, 3), {"padding": 1}),
    ("one small image", (1, 32, 16, 16), (32, 32, 3, 3), {"padding": 1}),
    ("audio", (8, 1, 160000), (512, 1, 10), {"stride": 5}),
    ("audio, deeper", (8, 512, 1600), (512, 512, 3), {"stride": 2}),
    ("sequence", (16, 256, 512), (256, 256, 5), {"padding": 2}),
    ("volume", (2, 16, 32, 64, 64), (32, 16, 3, 3, 3), {"padding": 1}),
    ("volume, first", (1, 1, 64, 128, 128), (16, 1, 3, 3, 3), {"padding": 1}),
]
TRANSPOSED: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ("transposed 4x4 stride 2", (16, 128, 28, 28), (128, 64, 4, 4), {"stride": 2, "padding": 1}),
    ("transposed 2x2 stride 2", (8, 64, 56, 56), (64, 32, 2, 2), {"stride": 2}),
]
POOLS: list[tuple[str, str, tuple[int, ...], tuple[Any, ...]]] = [
    ("max 3x3 stride 2", "max_pool2d", (32, 64, 112, 112), (3, 2, 1)),
    ("max 2x2", "max_pool2d", (32, 64, 112, 112), (2,)),
    ("max 3x3 stride 1", "max_pool2d", (16, 64, 56, 56), (3, 1, 1)),
    ("avg 2x2", "avg_pool2d", (32, 64, 112, 112), (2,)),
    ("avg 3x3 stride 1", "avg_pool2d", (16, 64, 56, 56), (3, 1, 1)),
    ("adaptive avg to 7", "adaptive_avg_pool2d", (32, 256, 28, 28), (7,)),
    ("global avg", "adaptive_avg_pool2d", (32, 512, 7, 7), (1,)),
    ("max 1d", "max_pool1d", (16, 64, 16000), (4,)),
    ("max 3d", "max_pool3d", (4, 32, 32, 64, 64), (2,)),
    ("avg 3d", "avg_pool3d", (4, 32, 32, 64, 64), (2,)),
]
RESIZES: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("nearest x2", (8, 64, 56, 56), {"scale_factor": 2}),
    ("bilinear x2", (8, 64, 56, 56), {"scale_factor": 2, "mode": "bilinear"}),
    ("bilinear down", (8, 3, 512, 512), {"size": 224, "mode": "bilinear"}),
    ("bicubic x2", (8, 3, 256, 256), {"scale_factor": 2, "mode": "bicubic"}),
    ("bilinear, antialias", (8, 3, 512, 512), {"size": 224, "mode": "bilinear", "antialias": True}),
]


def cases() -> list[tuple[str, Callable[[Any, Any], Any], list[tuple[int, ...]]]]:
    out: list[tuple[str, Callable[[Any, Any], Any], list[tuple[int, ...]]]] = []
    for kind, group in (("conv", CONVOLUTIONS), ("conv_transpose", TRANSPOSED)):
        for name, x, w, options in group:
            function = f"{kind}{len(x) - 2}d"
            out.append((name, lambda m, a, f=function, o=options: getattr(m, f)(*a, **o), [x, w]))
    for name, function, x, given in POOLS:
        out.append((name, lambda m, a, f=function, g=given: getattr(m, f)(*a, *g), [x]))
    for name, x, options in RESIZES:
        out.append((name, lambda m, a, o=options: m.interpolate(*a, **o), [x]))
    return out


def best(runs: list[Callable[[], Any]], clock: Callable[[], float], seconds: float = 1.0) -> list[float]:
    """Return the shortest time of each, measured in turn."""
    times = [float("inf")] * len(runs)
    for run in runs:
        run()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for i, run in enumerate(runs):
            start = clock()
            run()
            times[i] = min(times[i], clock() - start)
    return times


def main() -> None:
    words = [word for word in sys.argv[1:] if word != "--processor"]
    alone = len(words) < len(sys.argv) - 1
    threads, clock = (1, time.thread_time) if alone else (2, time.perf_counter)
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    td.set_num_threads(threads)
    print(f"{'':28}{'tandem':>10}{'torch':>10}   ratio    ms, {threads} threads; {td._core.library_versions()}")
    ratios = []
    for name, run, shapes in cases():
        if words and not any(word in name for word in words):
            continue
        rng = np.random.default_rng(0)
        arrays = [rng.standard_normal(shape, np.float32) for shape in shapes]
        ours, theirs = [td.asarray(a) for a in arrays], [torch.from_numpy(a) for a in arrays]
        one, other = best([functools.partial(run, F, ours), functools.partial(run, G, theirs)], clock)
        ratios.append(one / other)
        print(f"{name:28}{one * 1e3:10.3f}{other * 1e3:10.3f}{one / other:8.2f}", flush=True)
    print(f"geometric mean {np.exp(np.log(ratios).mean()):.2f}, largest {max(ratios):.2f}")


if __name__ == "__main__":
    main()
