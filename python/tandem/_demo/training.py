"""A small convolutional network, trained here: forward, loss, backward and Adam's update in one compiled program."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

import tandem as td
from tandem._demo import fashion_mnist
from tandem._demo.fashion_mnist import Images
from tandem.nn import functional as F

Tensor = td.Tensor

BATCH, RATE = 128, 6e-3


class Task(NamedTuple):
    """Images to train on and to test with, what they show, and what is asked of a network.

    scale, shift: what makes pixels numbers of about mean 0 and deviation 1. steps: of training. goal: the least part of
    the test images to be recognised.
    """

    name: str
    kinds: tuple[str, ...]
    train: Images
    test: Images
    scale: float
    shift: float
    steps: int
    goal: float

    def examples(self) -> np.ndarray:
        """Return a test image of each kind, its brightest pixel 255: uint8[kinds, height, width]."""
        images, labels = (np.asarray(part) for part in self.test)
        first = images[[int(np.argmax(labels == k)) for k in range(len(self.kinds))]].astype(np.float32)
        return np.asarray(first / first.max(axis=(1, 2), keepdims=True) * 255).astype(np.uint8)


def clothes(folder: Path, quick: bool) -> Task:
    """Fashion-MNIST; FileNotFoundError, which names the package, if its files are not there."""
    train, test = fashion_mnist.load(folder)
    scale, shift = 1 / (255 * fashion_mnist.DEVIATION), -fashion_mnist.MEAN / fashion_mnist.DEVIATION
    steps, goal = (150, 0.75) if quick else (1400, 0.88)
    return Task("Fashion-MNIST", fashion_mnist.KINDS, train, test, scale, shift, steps, goal)


def digits(quick: bool) -> Task:
    """The handwritten digits of scikit-learn, 8 x 8: what there is where the pictures of clothes are missing."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    images = td.asarray(pixels.reshape(-1, 8, 8).astype(np.uint8))
    shuffled = td.asarray(np.random.default_rng(0).permutation(len(labels)))
    images, named = images[shuffled], td.asarray(labels.astype(np.int64))[shuffled]
    train, test = Images(images[:1200], named[:1200]), Images(images[1200:], named[1200:])
    steps, goal = (150, 0.85) if quick else (400, 0.95)
    return Task("scikit-learn's digits", tuple("0123456789"), train, test, 1 / 6, -0.8, steps, goal)


def network(size: int) -> td.nn.Module:
    """For images of size x size. Strides halve them, which costs less than pooling does."""
    return td.nn.Sequential(
        td.nn.Conv2d(1, 16, 5, stride=2, padding=2),
        td.nn.ReLU(),
        td.nn.Conv2d(16, 32, 3, stride=2, padding=1),
        td.nn.ReLU(),
        td.nn.Flatten(),
        td.nn.Linear(32 * (size // 4) ** 2, 64),
        td.nn.ReLU(),
        td.nn.Linear(64, 10),
    )


class Trainer:
    """A network, its optimizer and the step that trains it; two of them begin with the same bits."""

    def __init__(self, task: Task) -> None:
        td.manual_seed(0)
        self.task, self.done = task, 0
        self.model = network(task.train.images.shape[1])
        self.optimizer = td.optim.Adam(self.model.parameters(), lr=RATE)
        self.compiled_step = td.script(self.step)
        self.compiled_classify = td.script(self.classify)

    def scores(self, images: Tensor) -> Tensor:
        pixels = images.astype(td.float32) * self.task.scale + self.task.shift
        return self.model(td.expand_dims(pixels, axis=1))

    def step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Learn from one batch, and return its loss."""
        loss = F.cross_entropy(self.scores(images), labels)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()

    def classify(self, images: Tensor) -> Tensor:
        """Return what each image shows most likely."""
        with td.no_grad():
            return td.argmax(self.scores(images), axis=1)

    def batch(self) -> tuple[Tensor, Tensor]:
        """Return the batch that is next, and set the rate to learn from it with: a cosine that falls to 0."""
        train = self.task.train
        epoch, place = divmod(self.done, len(train.labels) // BATCH)
        if place == 0:
            self.order = np.random.default_rng(epoch).permutation(len(train.labels))
        chosen = td.asarray(self.order[place * BATCH : (place + 1) * BATCH])
        rate = RATE * 0.5 * (1 + math.cos(math.pi * self.done / self.task.steps))
        self.optimizer.param_groups[0]["lr"] = rate
        self.done += 1
        return train.images[chosen], train.labels[chosen]

    def run(self) -> Iterator[Tensor]:
        """Take the steps that are left, compiled; yield the losses."""
        while self.done < self.task.steps:
            yield self.compiled_step(*self.batch())

    def confusion(self) -> np.ndarray:
        """Count the test images by what they show and what they were taken for: int64[kinds, kinds]."""
        images, labels = self.task.test
        found = [np.asarray(self.compiled_classify(images[k : k + 1000])) for k in range(0, len(labels), 1000)]
        kinds = len(self.task.kinds)
        pairs = np.asarray(labels) * kinds + np.concatenate(found)
        return np.bincount(pairs, minlength=kinds * kinds).reshape(kinds, kinds)

    def bits(self) -> bytes:
        """The bits of all parameters."""
        return b"".join(np.asarray(p.detach()).tobytes() for p in self.model.parameters())
