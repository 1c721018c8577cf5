"""Files of records (TFRecord): each has its length, a checksum of that, its bytes, and a checksum of them.

A record goes to the system in one write, so that it survives whatever becomes of the process; a reader takes an
incomplete one at the end for one that is still being written.
"""

from __future__ import annotations

import functools
import itertools
import os
import struct
import threading
import time
from pathlib import Path

import numpy as np

_POLYNOMIAL = 0x82F63B78  # of CRC-32C (Castagnoli), reflected
_SHORT = 2048  # bytes from which on whole rows at once are faster than byte by byte
_numbers = itertools.count()


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of some bytes."""
    if len(data) < _SHORT:
        return _by_bytes(data, 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    # Checksums without the usual inversion are linear: that of A + B is that of A, moved by the length of B, xor B's.
    # So equal blocks are walked side by side, and joined in pairs; zeros in front change nothing.
    width = 1 << max(5, (len(data) // 16).bit_length() // 2)  # bytes of a block
    count = 1 << (-(-len(data) // width) - 1).bit_length()
    padded = np.zeros(count * width, np.uint8)
    padded[-len(data) :] = np.frombuffer(data, np.uint8)
    padded[-len(data) : -len(data) + 4] ^= 0xFF  # the inversion at the beginning
    columns = np.ascontiguousarray(padded.reshape(count, width).T)
    table = _table()
    sums = np.zeros(count, np.uint32)
    for column in columns:
        sums = table[(sums ^ column) & 0xFF] ^ (sums >> 8)
    while len(sums) > 1:
        sums = _moved(sums[::2], width) ^ sums[1::2]
        width *= 2
    return int(sums[0]) ^ 0xFFFF_FFFF


def _by_bytes(data: bytes, start: int) -> int:
    table, found = _list(), start
    for byte in data:
        found = table[(found ^ byte) & 0xFF] ^ (found >> 8)
    return found


@functools.cache
def _table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table.astype(np.uint32)


@functools.cache
def _list() -> list[int]:
    return [int(value) for value in _table()]


@functools.cache
def _moving(width: int) -> np.ndarray:
    """What becomes of each of the four bytes of a checksum when `width` zeros follow; a power of two."""
    found = np.arange(256, dtype=np.uint32) << np.arange(0, 32, 8, dtype=np.uint32)[:, None]
    if width == 1:
        return _table()[found & 0xFF] ^ (found >> 8)
    return _moved(_moved(found, width // 2), width // 2)


def _moved(sums: np.ndarray, width: int) -> np.ndarray:
    tables = _moving(width)
    return tables[0][sums & 0xFF] ^ tables[1][sums >> 8 & 0xFF] ^ tables[2][sums >> 16 & 0xFF] ^ tables[3][sums >> 24]


def framed(data: bytes) -> bytes:
    """Return the record of some bytes."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _masked(length), data, _masked(data)))


def _masked(data: bytes) -> bytes:
    # Readers expect it so, because a checksum of something that contains checksums is of little use.
    found = crc32c(data)
    return struct.pack("<I", ((found >> 15 | found << 17) + 0xA282EAD8) & 0xFFFF_FFFF)


class RecordFile:
    """A new file in a folder that records are appended to. Threads may share it."""

    def __init__(self, folder: Path, suffix: str) -> None:
        import socket

        folder.mkdir(parents=True, exist_ok=True)
        host = socket.gethostname().replace(os.sep, "_")
        # TensorBoard looks for "tfevents", and takes files in the order of their names.
        name = f"events.out.tfevents.{int(time.time()):010d}.{host}.{os.getpid()}.{next(_numbers)}{suffix}"
        self.path = folder / name
        self._lock = threading.Lock()
        self._descriptor: int | None = os.open(
            self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o666
        )

    @property
    def closed(self) -> bool:
        return self._descriptor is None

    def append(self, data: bytes) -> None:
        """Append a record, whole or not at all."""
        rest = memoryview(framed(data))
        with self._lock:
            descriptor = self._open()
            written = 0
            try:
                while rest:
                    count = os.write(descriptor, rest)
                    written += count
                    rest = rest[count:]
            except OSError:  # a full disk: what follows a part of a record could not be read
                if written:
                    os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
                raise

    def sync(self) -> None:
        """Wait until all records are on the disk."""
        with self._lock:
            os.fsync(self._open())

    def close(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is None:
            raise ValueError("tensorboard.Writer: got a call after close(); need an open writer; try a new one")
        return self._descriptor
