"""`td.profiler`: what ran inside a block, when and for how long, and the memory it took.

Short events are recorded now and then, and counted always: an event says how many it stands for.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tandem import _core
from tandem._boundary import public
from tandem.jit import outside_of_capture
from tandem.profiling_events import STEPS, Event, Line, nested

__all__ = ["Event", "Memory", "Profiler"]

SORTS = ("time", "calls", "mean", "name")


class Memory(NamedTuple):
    """Bytes in use at both ends and at the most in between, and how often and how much memory was asked for."""

    start: int
    end: int
    peak: int
    allocations: int
    allocated_bytes: int  # by steps of programs


class Profiler:
    """What `td.profiler` returns: it is on inside its `with` block, of which it tells afterwards."""

    def __init__(self, max_events: int = 1_000_000, sample: bool = True) -> None:
        if type(max_events) is not int or max_events < 1:
            raise ValueError(f"profiler: got max_events={max_events!r}; need an integer from 1 on")
        if type(sample) is not bool:
            raise ValueError(f"profiler: got sample={sample!r}; need True or False")
        self.max_events = max_events
        self.sample = sample
        self._number: int | None = None
        self._profile: Any = None
        self._before: dict[str, int] = {}
        self._counted: dict[str, int] = {}
        self._events: list[Event] | None = None

    @public
    def __enter__(self) -> Profiler:
        outside_of_capture("profiler")
        if self._number is not None:
            raise _core.Error("profiler: got a block inside its own block; need another profiler; try td.profiler()")
        self._profile = self._events = None
        self._before = _counters()
        self._number = _core._profile_start(self.max_events, not self.sample)
        return self

    def __exit__(self, *_: object) -> None:
        if self._number is None:
            return
        number, self._number = self._number, None
        self._profile = _core._profile_stop(number)
        self._counted = {name: value - self._before[name] for name, value in _counters().items()}

    # What it knows

    def _finished(self) -> Any:
        if self._profile is None:
            raise _core.Error("profiler: got a question before its block ended; need a profile; try it after the block")
        return self._profile

    @property
    def total(self) -> float:
        """Seconds from the beginning to the end of the block."""
        return float(self._finished().seconds)

    @property
    def dropped(self) -> int:
        """How many events came when there was no room left for them."""
        return int(self._finished().dropped)

    @property
    def memory(self) -> Memory:
        """Memory in use at the beginning, the end and at most, and what was allocated."""
        start, end, peak = self._finished().memory
        return Memory(start, end, peak, self._counted["allocations"], self._counted["allocated_bytes"])

    @property
    def events(self) -> list[Event]:
        """All that was recorded, thread by thread in the order of its beginning."""
        profile = self._finished()
        if self._events is None:
            # A count of launches is no help where records are missing.
            launches = {} if profile.dropped else profile.launches()
            self._events = list(nested(profile.events(), profile.origins(), launches))
        return self._events

    @public
    def lines(self) -> dict[Line, float]:
        """Return the seconds of every source line, the slowest first.

        A kernel of several lines is shared out by the scalar instructions that each of them contributed.
        """
        found: dict[Line, float] = defaultdict(float)
        for event in self._steps():
            for line, share in _shares(event):
                found[line] += share * event.own * event.stands_for
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def _steps(self) -> Iterator[Event]:
        return (event for event in self.events if event.kind in STEPS)

    def seconds_by_origin(self) -> dict[int, float]:
        """Return the seconds of kernels and library calls, by the number that their rows in `td.viz` have."""
        found: dict[int, float] = defaultdict(float)
        for event in self._steps():
            found[event.origin] += event.own * event.stands_for
        return dict(found)

    # Text

    @public
    def table(self, by: str = "kernel", sort: str = "time", rows: int = 20) -> str:
        """Return the times as text, by "kernel", "line" or "function".

        sort: "time", "calls", "mean" or "name". rows: how many are shown at most.
        """
        makers: dict[str, Callable[[], list[_Row]]] = {
            "kernel": self._by_kernel,
            "line": self._by_line,
            "function": self._by_function,
        }
        if by not in makers:
            raise ValueError(f"table: got by={by!r}; need 'kernel', 'line' or 'function'")
        if sort not in SORTS:
            raise ValueError(f"table: got sort={sort!r}; need one of {', '.join(map(repr, SORTS))}")
        found = makers[by]()
        found.sort(key=lambda row: row.name)
        if sort != "name":
            found.sort(key=lambda row: -getattr(row, sort))
        heads = [by, *HEADS[by]]
        total = self._seconds(STEPS)
        shown = [[row.name, *row.cells(total)] for row in found[:rows]]
        lines = [*self._summary(), *([NOTES[by]] if by in NOTES else []), "", *_aligned(heads, shown, LEFT)]
        if len(found) > rows:
            lines.append(f"... {len(found) - rows} more")
        return "\n".join(line.rstrip() for line in lines)

    def _seconds(self, kinds: Collection[str]) -> float:
        return sum(event.own * event.stands_for for event in self.events if event.kind in kinds)

    def __str__(self) -> str:
        return self.table() if self._profile is not None else repr(self)

    def __repr__(self) -> str:
        state = "on" if self._number is not None else "not used yet"
        if self._profile is not None:
            state = f"{len(self.events)} events in {_duration(self.total)}"
        return f"<td.profiler, {state}>"

    def _summary(self) -> list[str]:
        count = _count_kinds(self.events)
        left_out = any(event.stands_for > 1 for event in self.events)
        steps = _time(self._seconds(STEPS), left_out)
        compiled = self._seconds(("compile", "load"))
        facts = [f"{_duration(self.total)} in all, {steps} in {sum(count[kind] for kind in STEPS)} steps"]
        facts.append(
            f"{count['operation']} eager operations, {count['call']} calls of compiled functions, "
            f"{count['capture']} captures, {count['compile'] + count['load']} kernels made "
            f"({count['load']} from disk) in {_duration(compiled)}"
        )
        memory = self.memory
        facts.append(
            f"memory: {_size(memory.start)} at first, {_size(memory.end)} at the end, {_size(memory.peak)} at most; "
            f"{memory.allocations} allocations"
        )
        if left_out:
            facts.append(
                "~ is an estimate: of events that are short all were counted and some timed; td.profiler(sample=False) "
                "times all"
            )
        if self.dropped:
            facts.append(
                f"{self.dropped} events are missing: got more than max_events={self.max_events}; need a shorter block "
                "or a larger max_events"
            )
        return facts

    def _by_kernel(self) -> list[_Row]:
        found: dict[Any, _Row] = {}
        moved: dict[Any, int] = defaultdict(int)
        for event in self._steps():
            key = (event.kind, event.name, event.lines)
            row = found.setdefault(key, _Row(event.name))
            row.add(event.own, event.stands_for)
            moved[key] += (event.bytes_read + event.bytes_written) * event.stands_for
        for (kind, name, lines), row in found.items():
            rate = moved[kind, name, lines] / row.time if row.time else 0.0
            row.rest = [_size(rate) if rate else "", kind, _places(lines)]
        return list(found.values())

    def _by_line(self) -> list[_Row]:
        found: dict[Line | None, _Row] = {}
        for event in self._steps():
            shares: Sequence[tuple[Line | None, float]] = _shares(event) or [(None, 1.0)]
            for line, share in shares:
                row = found.setdefault(line, _Row(_places([line]) if line else UNKNOWN, rest=[_source(line)]))
                row.add(share * event.own, event.stands_for)
        return list(found.values())

    def _by_function(self) -> list[_Row]:
        found: dict[str, _Row] = {}
        inside: dict[str, float] = defaultdict(float)
        estimated: dict[str, bool] = defaultdict(bool)
        captures: dict[str, int] = defaultdict(int)
        making: dict[str, float] = defaultdict(float)
        for event in self.events:
            if event.kind == "call" or (event.kind == "operation" and not event.function):
                name = event.name if event.kind == "call" else EAGER
                found.setdefault(name, _Row(name)).add(event.seconds, event.stands_for)
            elif event.kind in STEPS:
                inside[event.function or EAGER] += event.own * event.stands_for
                estimated[event.function or EAGER] |= event.stands_for > 1
            elif event.kind in ("compile", "load"):
                making[event.function or EAGER] += event.own
            elif event.kind == "capture":
                captures[event.function or event.name] += 1
        for name, row in found.items():
            row.part = inside[name]
            row.rest = [_time(inside[name], estimated[name]), str(captures[name]), _duration(making[name])]
        return list(found.values())

    # Files

    @public
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all events as JSON in Chrome's trace format, for chrome://tracing and ui.perfetto.dev."""
        import json

        process = os.getpid()
        threads: Mapping[int, str] = self._finished().threads()
        trace: list[dict[str, Any]] = [_metadata("process_name", process, 0, "tandem")]
        trace += [_metadata("thread_name", process, thread, name) for thread, name in threads.items()]
        memory: list[tuple[float, int]] = [(0.0, self.memory.start), (self.total, self.memory.end)]
        for event in self.events:
            details: dict[str, Any] = {"lines": _places(event.lines)} if event.lines else {}
            if event.bytes_read or event.bytes_written:
                details |= {"bytes read": event.bytes_read, "bytes written": event.bytes_written}
            if event.function and event.kind != "call":
                details["function"] = event.function
            if event.stands_for > 1:
                details["stands for"] = event.stands_for
            if event.detail:
                details["because"] = event.detail
            trace.append(
                {
                    "ph": "X",
                    "name": event.name,
                    "cat": event.kind,
                    "pid": process,
                    "tid": event.thread,
                    "ts": event.start * 1e6,
                    "dur": event.seconds * 1e6,
                    "args": details,
                }
            )
            memory.append((event.start + event.seconds, event.memory))
        memory.sort()
        for k, (time, used) in enumerate(memory):
            if k == 0 or used != memory[k - 1][1]:
                used_now = {"bytes": used}
                trace.append(
                    {"ph": "C", "name": "memory in use", "pid": process, "tid": 0, "ts": time * 1e6, "args": used_now}
                )
        data = {"traceEvents": trace, "displayTimeUnit": "ms", "otherData": {"dropped events": self.dropped}}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(data, file)


# Parts


def _shares(event: Event) -> list[tuple[Line, float]]:
    total = sum(event.weights)
    return [(line, weight / total) for line, weight in zip(event.lines, event.weights, strict=True)]


def _count_kinds(events: Iterable[Event]) -> dict[str, int]:
    count: dict[str, int] = defaultdict(int)
    for event in events:
        count[event.kind] += event.stands_for
    return count


def _counters() -> dict[str, int]:
    return {"allocations": _core.memory_stats()["allocations"], "allocated_bytes": _core.stats()["allocated_bytes"]}


def _metadata(kind: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": process, "tid": thread, "args": {"name": name}}


# Text

EAGER, UNKNOWN = "(eager operations)", "(unknown)"
HEADS = {
    "kernel": ["time", "share", "calls", "mean", "bytes/s", "kind", "lines"],
    "line": ["time", "share", "steps", "mean", "source"],
    "function": ["time", "share", "calls", "mean", "in steps", "captures", "making kernels"],
}
LEFT = frozenset({"kernel", "line", "function", "kind", "lines", "source"})
NOTES = {
    "line": "a kernel of several lines is shared out by the scalar instructions that each of them contributed",
    "function": "time is that of whole calls, with all they call; the share is that of their steps",
}


class _Row:
    def __init__(self, name: str, rest: Iterable[str] = ()) -> None:
        self.name = name
        self.rest = list(rest)  # the cells after those that all tables have
        self.time = 0.0
        self.calls = 0
        self.estimated = False
        self.part: float | None = None  # of the time of all steps, if that is not `time`

    def add(self, seconds: float, count: int) -> None:
        self.time += seconds * count
        self.calls += count
        self.estimated |= count > 1

    @property
    def mean(self) -> float:
        return self.time / self.calls

    def cells(self, total: float) -> list[str]:
        share = f"{(self.time if self.part is None else self.part) / total:.1%}" if total else ""
        times = (_time(seconds, self.estimated) for seconds in (self.time, self.mean))
        return [next(times), share, str(self.calls), next(times), *self.rest]


def _aligned(heads: Sequence[str], rows: Sequence[Sequence[str]], left: frozenset[str]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in [heads, *rows]:
        cells = zip(heads, row, widths, strict=True)
        yield "  ".join(cell.ljust(width) if head in left else cell.rjust(width) for head, cell, width in cells)


def _time(seconds: float, estimated: bool) -> str:
    return f"~{_duration(seconds)}" if estimated else _duration(seconds)


def _duration(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.3g} {unit}"


def _places(lines: Iterable[Line]) -> str:
    from tandem._viz.sources import places

    return places(lines)


def _source(line: Line | None) -> str:
    import linecache

    return linecache.getline(*line).strip()[:60] if line else ""
