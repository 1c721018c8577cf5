"""The images of Fashion-MNIST: 60,000 + 10,000 pictures of clothes, 28 x 28 pixels, of ten kinds."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np

import tandem as td

FOLDER = Path("/usr/share/datasets/fashion-mnist")
KINDS = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
MEAN, DEVIATION = 0.2860, 0.3530  # of the pixels to train on, from 0 to 1
_TYPES = {8: np.uint8}  # of the elements of an idx file, by its third byte


class Images(NamedTuple):
    """images: uint8[N, 28, 28]. labels: int64[N], positions in `KINDS`."""

    images: td.Tensor
    labels: td.Tensor


def load(folder: Path = FOLDER) -> tuple[Images, Images]:
    """Return the images to train on and those to test with."""
    return _part(folder, "train"), _part(folder, "t10k")


def normalised(images: td.Tensor) -> td.Tensor:
    """Images as float32[N, 1, 28, 28] of about mean 0 and deviation 1 (those of the training images)."""
    return ((images.astype(td.float32) / 255 - MEAN) / DEVIATION).reshape(-1, 1, 28, 28)


def _part(folder: Path, name: str) -> Images:
    images = read_idx(folder / f"{name}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{name}-labels-idx1-ubyte.gz")
    return Images(td.asarray(images), td.asarray(labels.astype(np.int64)))


def read_idx(path: Path) -> np.ndarray:
    """Return the array in a compressed idx file: its type, number of axes, sizes, elements."""
    try:
        content = gzip.decompress(path.read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(
            f"fashion_mnist: got no file {path}; need the images; try apt-get install dataset-fashion-mnist"
        ) from None
    kind, axes = content[2], content[3]
    if content[:2] != b"\0\0" or kind not in _TYPES:
        raise ValueError(f"fashion_mnist: got {path}, which is no idx file of bytes; need one; try installing it again")
    shape = np.frombuffer(content, ">u4", axes, 4)
    elements = np.frombuffer(content, _TYPES[kind], offset=4 + 4 * axes)
    if elements.size != np.prod(shape, dtype=np.int64):
        raise ValueError(
            f"fashion_mnist: got {elements.size} elements in {path}; need {shape}; try installing it again"
        )
    return elements.reshape(shape.astype(int))
