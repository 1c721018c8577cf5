"""Training the hypernetwork, scoring architectures with the weights it makes, training them on their own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tandem as td
from examples import checkpoint
from examples.smash import model as parts
from examples.smash.architecture import Architecture, mixings, sample
from examples.smash.comparison import Comparison
from examples.smash.model import Alone, Smash
from tandem._demo.fashion_mnist import Images, normalised
from tandem.nn import functional as F

Tensor = td.Tensor


@dataclass
class Settings:
    steps: int = 12000  # of the hypernetwork
    rate: float = 3e-3
    alone_steps: int = 400  # of each architecture
    alone_rate: float = 8e-3
    alone_runs: int = 2  # of each architecture: other initial weights, another order of the images
    batch: int = 64
    architectures: int = 36  # to compare
    scored: int = 5000  # images that a score is taken on
    seed: int = 0


class Data:
    """Images to train on, images to score with, images to test with."""

    def __init__(self, train: Images, test: Images, settings: Settings) -> None:
        pixels = normalised(train.images)
        last = len(pixels) - settings.scored
        self.images, self.labels = pixels[:last], train.labels[:last]
        self.valid = pixels[last:], train.labels[last:]
        self.test = normalised(test.images), test.labels
        self.size = settings.batch

    def batch(self, step: int, seed: int) -> tuple[Tensor, Tensor]:
        """The batch of a step, which depends on nothing but the seed."""
        size = self.size
        epoch, place = divmod(step, len(self.labels) // size)
        order = np.random.default_rng([seed, epoch]).permutation(len(self.labels))
        chosen = td.asarray(order[place * size : (place + 1) * size])
        return self.images[chosen], self.labels[chosen]


class Trainer:
    """A network, its optimizer, and where training is; for `Smash` and for `Alone`."""

    def __init__(self, model: Any, steps: int, rate: float, seed: int = 0) -> None:
        self.model, self.steps, self.rate, self.seed, self.done = model, steps, rate, seed, 0
        self.optimizer = td.optim.Adam(model.parameters(), lr=rate)
        # What an architecture does not use gets a gradient of 0 and not None: which parameters have gradients is a part
        # of the program that updates them, and there would be one for each architecture.
        for p in model.parameters():
            p.grad = td.zeros(p.shape)

    def step(self, images: Tensor, labels: Tensor, *architecture: Architecture) -> Tensor:
        """Learn from one batch, and return its loss. May be annotated, where there is one architecture."""
        self.optimizer.zero_grad(set_to_none=False)
        loss = F.cross_entropy(self.model(images, *architecture), labels)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def run(self, data: Data, several: bool = False) -> Iterator[float]:
        """Go on until all steps are done, with another architecture in each if there are several; yield the losses."""
        while self.done < self.steps:
            rate = self.rate * 0.5 * (1 + math.cos(math.pi * self.done / self.steps))
            self.optimizer.param_groups[0]["lr"] = rate
            chosen = (sample(np.random.default_rng([self.seed, 1, self.done])),) if several else ()
            loss = float(self.step(*data.batch(self.done, self.seed), *chosen))
            self.done += 1
            yield loss

    def save(self, path: Path) -> None:
        checkpoint.save(path, self.model, self.optimizer, self.done)

    def load(self, path: Path) -> None:
        self.done = checkpoint.load(path, self.model, self.optimizer)


def accuracy(model: Any, images: Tensor, labels: Tensor, *given: Any, batch: int = 500) -> float:
    """The part of the images that is recognised. Batches are large: normalisation looks at them as a whole."""
    right = 0
    with td.no_grad():
        for start in range(0, len(labels), batch):
            found = td.argmax(model(images[start : start + batch], *given), axis=1)
            right += int((found == labels[start : start + batch]).astype(td.int64).sum())
    return right / len(labels)


def candidates(settings: Settings) -> list[Architecture]:
    """The architectures to compare."""
    return [sample(np.random.default_rng([settings.seed, 2, k])) for k in range(settings.architectures)]


def train_alone(data: Data, settings: Settings, found: Comparison) -> Iterator[None]:
    """Train each architecture that is not in `found` yet on its own, as often as the settings say; yield after each."""
    for architecture in candidates(settings)[len(found.alone) :]:
        reached, weights = [], 0
        for run in range(settings.alone_runs):
            seed = settings.seed + run
            td.manual_seed(seed)
            trainer = Trainer(Alone(architecture), settings.alone_steps, settings.alone_rate, seed)
            trainer.step = td.script(trainer.step)  # type: ignore[method-assign]  # one architecture: one program
            for _ in trainer.run(data):
                pass
            reached.append(accuracy(trainer.model, *data.test))
            weights = sum(p.size for p in trainer.model.parameters())
        found.add(architecture, weights, reached)
        yield


def score(model: Smash, data: Data, settings: Settings, found: Comparison) -> Iterator[None]:
    """Score each architecture with weights made for it, and with weights made in another order; yield after each."""
    found.score, found.shuffled = [], []
    for number, architecture in enumerate(candidates(settings)):
        rng = np.random.default_rng([settings.seed, 3, number])
        places = rng.permutation(len(list(mixings(architecture)))).tolist()
        found.score.append(accuracy(model, *data.valid, architecture))
        found.shuffled.append(accuracy(model, *data.valid, architecture, places))
        yield


def captures() -> dict[str, int]:
    """How often each compiled part was captured so far."""
    named = {"stem": parts.stem, "operation": parts.operation, "exit": parts.leave, "head": parts.head}
    named["hypernetwork"] = parts.make
    return {name: function.stats()["captures"] for name, function in named.items()}
