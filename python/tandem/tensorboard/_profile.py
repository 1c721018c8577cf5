"""A profile for the plug-ins that every TensorBoard has: curves of times, a picture of what ran when, its legend."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from tandem.profiling_events import STEPS
from tandem.tensorboard import _summaries

if TYPE_CHECKING:
    from tandem.profiling import Profiler

# What has the most time, in this order; all else is grey.
COLOURS = {
    "blue": (31, 119, 180),
    "orange": (255, 127, 14),
    "green": (44, 160, 44),
    "red": (214, 39, 40),
    "purple": (148, 103, 189),
    "brown": (140, 86, 75),
    "pink": (227, 119, 194),
    "olive": (188, 189, 34),
    "cyan": (23, 190, 207),
}
GREY, LINES, CALLS, PAPER = (127, 127, 127), (225, 225, 225), (200, 210, 225), (255, 255, 255)
WIDTH, LANE, GAP = 1200, 28, 10
CURVES = 20  # kernels with a curve of their own


def seconds_by_kernel(profile: Profiler) -> dict[str, tuple[float, int]]:
    """Return the seconds and runs of all that has a name, the slowest first."""
    found: dict[str, list[float]] = defaultdict(lambda: [0.0, 0])
    for event in profile.events:
        if event.kind in STEPS:
            found[event.name][0] += event.own * event.stands_for
            found[event.name][1] += event.stands_for
    rows = sorted(found.items(), key=lambda item: (-item[1][0], item[0]))
    return {name: (seconds, int(runs)) for name, (seconds, runs) in rows}


def curves(tag: str, profile: Profiler) -> list[_summaries.Value]:
    """Return the milliseconds of the slowest kernels, of everything, and the most bytes in use."""
    found = seconds_by_kernel(profile)
    numbers = {f"{tag}/ms/{name}": seconds * 1e3 for name, (seconds, _) in list(found.items())[:CURVES]}
    numbers[f"{tag}/ms"] = sum(seconds for seconds, _ in found.values()) * 1e3
    numbers[f"{tag}/peak MB"] = profile.memory.peak / 1e6
    return [_summaries.scalar(name, value) for name, value in numbers.items()]


def legend(profile: Profiler) -> str:
    """Return what the colours of the picture mean, in Markdown."""
    found = seconds_by_kernel(profile)
    names = [*COLOURS, *["grey"] * max(0, len(found) - len(COLOURS))]
    total = sum(seconds for seconds, _ in found.values()) or 1.0
    rows = [
        f"| {colour} | `{name}` | {seconds * 1e3:.3f} | {seconds / total:.1%} | {runs} |"
        for colour, (name, (seconds, runs)) in list(zip(names, found.items(), strict=False))[:50]
    ]
    head = [
        f"{profile.total * 1e3:.3f} ms from left to right; a lane for each thread, calls above the kernels in them.",
        "",
        "| colour | kernel | ms | share | runs |",
        "|---|---|---|---|---|",
    ]
    return "\n".join(head + rows)


def picture(profile: Profiler) -> np.ndarray:
    """Return what ran when: `uint8[height, width, 3]`."""
    colours = dict(zip(seconds_by_kernel(profile), COLOURS.values(), strict=False))
    threads = {thread: place for place, thread in enumerate(sorted({event.thread for event in profile.events}))}
    image = np.full((max(1, len(threads)) * (LANE + GAP) + GAP, WIDTH, 3), PAPER, np.uint8)
    image[:, :: WIDTH // 10] = LINES
    scale = WIDTH / (profile.total or 1.0)
    for kinds, top, bottom in ((("call", "operation"), 0, LANE // 3), (STEPS, LANE // 3, LANE)):
        for event in profile.events:
            if event.kind not in kinds:
                continue
            left = min(int(event.start * scale), WIDTH - 1)
            right = max(left + 1, int((event.start + event.seconds) * scale))
            row = GAP + threads[event.thread] * (LANE + GAP)
            image[row + top : row + bottom, left:right] = colours.get(event.name, GREY) if top else CALLS
    return image
