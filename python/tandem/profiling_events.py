"""What a profile recorded, and what follows for every event from those around it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

Line = tuple[str, int]

STEPS = frozenset({"kernel", "library", "copy", "put", "host"})  # what programs consist of; the rest holds them


class Event(NamedTuple):
    """Something that took time. Times are in seconds, `start` from the beginning of the profile.

    It may stand for others like it that were only counted: all of them took about `stands_for * seconds`.
    kind: "kernel", "library" (a matmul), "copy", "put" (elements written at indices), "host" (a call from a
    compiled program into Python); and what such steps are part of: "operation" (an eager one), "call" (of a compiled
    function), "capture", "compile" (of a kernel), "load" (of a kernel from the disk cache).
    """

    kind: str
    name: str
    start: float
    seconds: float
    own: float  # without the events inside it
    thread: int
    function: str  # the compiled function it ran in; "" outside of all
    lines: tuple[Line, ...]  # of the user's code
    weights: tuple[int, ...]  # how the time is shared among the lines
    bytes_read: int
    bytes_written: int
    memory: int  # bytes in use at its end
    detail: str  # of a capture: why
    origin: int  # tells kernels of one name apart
    stands_for: int = 1


EXAMPLE, SINGLE, REST = range(3)  # the roles of records: see EventRole in runtime/profile.h
NOWHERE: tuple[Any, ...] = ((), (), "")  # lines, weights, detail of what has no origin


class _Record:
    """A row of the recorder, and what follows from those around it."""

    def __init__(self, row: Sequence[Any]) -> None:
        self.kind, self.name, self.start, self.seconds, self.thread, *moved, count, self.role, self.key = row
        self.read, self.written, self.memory = moved
        self.count: int = count  # how many it stands for; in every event like the one around it, until that is known
        self.own: float = self.seconds
        self.function = ""
        self.lines: tuple[Any, Any] = ((), ())

    def holds(self, other: _Record) -> bool:
        return self.thread == other.thread and other.start + other.seconds <= self.start + self.seconds + 1e-12


def nested(
    rows: Iterable[Sequence[Any]], origins: Mapping[int, tuple[Any, ...]], launches: Mapping[int, int]
) -> Iterator[Event]:
    """Events with what follows from the ones around them: the function, own times, counts, lines of eager kernels."""
    # Events are recorded when they end, so that what holds others comes after them.
    ordered = _counted(sorted(map(_Record, rows), key=lambda record: (record.thread, record.start, -record.seconds)))
    open_: list[_Record] = []
    for record in ordered:
        while open_ and not open_[-1].holds(record):
            open_.pop()
        parent = open_[-1] if open_ else None
        if parent is not None:
            parent.own -= record.seconds * record.count
            record.count *= parent.count
            record.function = parent.function
        if record.kind == "call":
            record.function = record.name
        record.lines = origins.get(record.key, NOWHERE)[:2]
        if not record.lines[0] and parent is not None and parent.kind != "call":
            record.lines = parent.lines
        open_.append(record)
    of_step: dict[tuple[str, int], list[_Record]] = defaultdict(list)
    for record in ordered:
        if record.kind in STEPS:
            of_step[record.kind, record.key].append(record)
    for (_, key), records in of_step.items():
        total = launches.get(key, sum(record.count for record in records))
        _single_out(records)
        counts = _adjusted([record.count for record in records], total)
        for record, count in zip(records, counts, strict=True):
            record.count = count
    for r in ordered:
        detail = origins.get(r.key, NOWHERE)[2]
        times, moved = (r.start, r.seconds, max(r.own, 0.0)), (r.read, r.written, r.memory)
        yield Event(r.kind, r.name, *times, r.thread, r.function, *r.lines, *moved, detail, r.key, r.count)


def _counted(records: Sequence[_Record]) -> list[_Record]:
    """The records of what was timed. The others say how many more there were: those of the last example before."""
    last: dict[tuple[Any, ...], _Record] = {}  # by kind, origin and thread, and by the former two
    later = []
    for record in records:
        here, anywhere = (record.kind, record.key, record.thread), (record.kind, record.key)
        if record.role == EXAMPLE:
            last[here] = record
            last[anywhere] = max(last.get(anywhere, record), record, key=lambda each: each.start)
        elif record.role == REST and here in last:
            last[here].count += record.count
        elif record.role == REST:
            later.append(record)
    for record in later:
        if example := last.get((record.kind, record.key)):
            example.count += record.count
    return [record for record in records if record.role != REST]


def _single_out(records: Sequence[_Record]) -> None:
    """Let steps that were interrupted stand for themselves: one of many that would be a quarter of the time of all.

    What interrupts a program takes microseconds, as long as a hundred small kernels, and one may stand for more.
    """
    if len(records) < 16:
        return
    usual = median(record.seconds for record in records)
    total = sum(record.seconds * record.count for record in records)
    for record in sorted(records, key=lambda each: -each.seconds * each.count):
        if record.count == 1 or record.seconds < 8 * usual or record.seconds * record.count < total / 4:
            return
        total -= record.seconds * (record.count - 1)
        record.count = 1


def _adjusted(counts: Sequence[int], total: int) -> Sequence[int]:
    """Counts whose sum is `total`, in the proportion of what they stand for beside themselves."""
    beside = sum(counts) - len(counts)
    if beside == 0 or total < len(counts):  # all were timed; or some began before the profile
        return counts
    wanted, passed, out = total - len(counts), 0, []
    for count in counts:
        before = passed * wanted // beside
        passed += count - 1
        out.append(1 + passed * wanted // beside - before)
    return out
