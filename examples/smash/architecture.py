"""Architectures as values: operations that read from and write to banks of memory.

A block has `BANKS` banks of `CHANNELS` channels each. An operation concatenates the banks it reads, mixes their
channels (a 1 x 1 convolution), convolves the result, and adds what comes out to the banks it writes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BLOCKS, BANKS, CHANNELS = 2, 6, 8
FILLED = 2  # banks that have something in them at the beginning of a block
OPERATIONS = (2, 5)  # of a block: the fewest and the most
READS, WRITES = 3, 2  # the most banks of an operation
HIDDEN = (4, 8, 16)  # channels between mixing and convolution


class Kind(NamedTuple):
    """A convolution that keeps the size of the image."""

    kernel: int
    dilation: int

    @property
    def padding(self) -> int:
        return self.dilation * (self.kernel // 2)


KINDS = (Kind(3, 1), Kind(5, 1), Kind(3, 2))


class Operation(NamedTuple):
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    kind: int  # a place in KINDS
    hidden: int


Architecture = tuple[tuple[Operation, ...], ...]  # the operations of each block
FEATURES = BLOCKS + 2 * BANKS + len(KINDS) + len(HIDDEN) + 1


def sample(rng: np.random.Generator) -> Architecture:
    """Return an architecture in which every bank that is read was written before."""
    return tuple(_block(rng) for _ in range(BLOCKS))


def _block(rng: np.random.Generator) -> tuple[Operation, ...]:
    filled, operations = set(range(FILLED)), []
    for _ in range(rng.integers(OPERATIONS[0], OPERATIONS[1] + 1)):
        reads = _subset(rng, sorted(filled), READS)
        writes = _subset(rng, range(BANKS), WRITES)
        operations.append(Operation(reads, writes, int(rng.integers(len(KINDS))), int(rng.choice(HIDDEN))))
        filled |= set(writes)
    return tuple(operations)


def _subset(rng: np.random.Generator, of: object, most: int) -> tuple[int, ...]:
    items = np.asarray(of)
    size = rng.integers(1, min(most, len(items)) + 1)
    return tuple(int(item) for item in np.sort(rng.choice(items, size, replace=False)))


def encoded(architecture: Architecture) -> np.ndarray:
    """An architecture as float32[FEATURES, operations], which is what the hypernetwork sees."""
    columns = []
    for block, operations in enumerate(architecture):
        for place, operation in enumerate(operations):
            parts = [
                np.eye(BLOCKS)[block],
                np.isin(np.arange(BANKS), operation.reads),
                np.isin(np.arange(BANKS), operation.writes),
                np.eye(len(KINDS))[operation.kind],
                np.equal(HIDDEN, operation.hidden),
                [place / OPERATIONS[1]],
            ]
            columns.append(np.concatenate(parts))
    return np.stack(columns, axis=1).astype(np.float32)
