"""Architectures as values: operations that read from and write to banks of memory.

A block has `BANKS` banks of `CHANNELS` channels each. An operation concatenates the banks it reads, mixes their
channels (a 1 x 1 convolution), convolves the result, and adds what comes out to the banks it writes. A block ends with
an exit, which mixes the channels of the banks that were written into those that the next block begins with: what no
operation wrote is lost, so that nothing gets past a block but through its operations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

BLOCKS, BANKS, CHANNELS = 2, 6, 8
FILLED = 2  # banks that have something in them at the beginning of a block
OPERATIONS = (1, 6)  # of a block: the fewest and the most
READS, WRITES = 3, 2  # the most banks of an operation
HIDDEN = (2, 4, 8, 16)  # channels between mixing and convolution, the same in all operations of a block


class Kind(NamedTuple):
    """A convolution that keeps the size of the image."""

    kernel: int
    dilation: int

    @property
    def padding(self) -> int:
        return self.dilation * (self.kernel // 2)


KINDS = (Kind(1, 1), Kind(3, 1), Kind(5, 1), Kind(3, 2))


class Operation(NamedTuple):
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    kind: int  # a place in KINDS, or EXIT
    hidden: int


Architecture = tuple[tuple[Operation, ...], ...]  # the operations of each block
EXIT = len(KINDS)
MIXED = max(*HIDDEN, FILLED * CHANNELS)  # the most channels that any mixing makes
FEATURES = BLOCKS + 2 * BANKS + len(KINDS) + 1 + len(HIDDEN) + OPERATIONS[1] + 1


def sample(rng: np.random.Generator) -> Architecture:
    """Return an architecture in which every bank that is read was written before."""
    return tuple(_block(rng) for _ in range(BLOCKS))


def _block(rng: np.random.Generator) -> tuple[Operation, ...]:
    filled, hidden, operations = set(range(FILLED)), int(rng.choice(HIDDEN)), []
    for _ in range(rng.integers(OPERATIONS[0], OPERATIONS[1] + 1)):
        reads = _subset(rng, sorted(filled), READS)
        writes = _subset(rng, range(BANKS), WRITES)
        operations.append(Operation(reads, writes, int(rng.integers(len(KINDS))), hidden))
        filled |= set(writes)
    return tuple(operations)


def _subset(rng: np.random.Generator, of: object, most: int) -> tuple[int, ...]:
    items = np.asarray(of)
    size = rng.integers(1, min(most, len(items)) + 1)
    return tuple(int(item) for item in np.sort(rng.choice(items, size, replace=False)))


def mixings(architecture: Architecture) -> Iterator[tuple[int, int, Operation]]:
    """All that mixes channels, in order, with block and place: the operations and exits."""
    for block, operations in enumerate(architecture):
        written = tuple(sorted({bank for each in operations for bank in each.writes}))
        leave = Operation(written, tuple(range(FILLED)), EXIT, FILLED * CHANNELS)
        for place, each in enumerate((*operations, leave)):
            yield block, place, each


def encoded(architecture: Architecture) -> np.ndarray:
    """An architecture as float32[FEATURES, mixings], which is what the hypernetwork sees."""
    columns = []
    for block, place, each in mixings(architecture):
        parts = [
            np.eye(BLOCKS)[block],
            np.eye(OPERATIONS[1] + 1)[place],
            np.isin(np.arange(BANKS), each.reads),
            np.isin(np.arange(BANKS), each.writes),
            np.eye(len(KINDS) + 1)[each.kind],
            np.equal(HIDDEN, each.hidden),
        ]
        columns.append(np.concatenate(parts))
    return np.stack(columns, axis=1).astype(np.float32)
