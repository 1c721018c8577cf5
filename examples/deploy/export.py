"""Train a small network on handwritten digits, and save it so that C++ can go on: `python -m examples.deploy.export`.

The file holds two methods, `forward` and `step`; a step is forward, backward and the update of AdamW as one program.
Next to it lie the digits themselves as plain numbers, for the program in main.cpp.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

import tandem as td

BATCH = 64


class Network(td.nn.Module):
    """Two convolutions and a linear layer: images [N, 1, 8, 8] to the scores of ten digits [N, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.first = td.nn.Conv2d(1, 8, 3, padding=1)
        self.second = td.nn.Conv2d(8, 16, 3, padding=1)
        self.pool = td.nn.MaxPool2d(2)
        self.head = td.nn.Linear(16 * 4 * 4, 10)

    def forward(self, images: td.Tensor) -> td.Tensor:
        x = td.nn.functional.relu(self.second(td.nn.functional.relu(self.first(images))))
        return self.head(self.pool(x).reshape((x.shape[0], 16 * 4 * 4)))


def digits() -> tuple[np.ndarray, np.ndarray]:
    """1,797 real images of handwritten digits: float32[N, 1, 8, 8] from 0 to 1, and int64[N]."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return (data.images[:, None] / 16).astype(np.float32), data.target.astype(np.int64)


def training_step(model: Network) -> Callable[[td.Tensor, td.Tensor], td.Tensor]:
    """One step of AdamW on a batch, which returns its loss."""
    optimizer = td.optim.AdamW(model.parameters(), lr=2e-3)

    @td.script
    def step(images: td.Tensor, labels: td.Tensor) -> td.Tensor:
        optimizer.zero_grad()
        loss = td.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def batch(images: np.ndarray, labels: np.ndarray, number: int) -> tuple[td.Tensor, td.Tensor]:
    """The batch of a step; main.cpp takes the same ones."""
    start = number * BATCH % (len(images) - BATCH)
    return td.asarray(images[start : start + BATCH]), td.asarray(labels[start : start + BATCH])


def export(folder: Path, steps: int) -> tuple[Network, Callable[[td.Tensor, td.Tensor], td.Tensor]]:
    """Train, and write `digits.tdm`, `images.f32` and `labels.i64`."""
    td.manual_seed(0)
    images, labels = digits()
    model = Network()
    step = training_step(model)
    for number in range(steps):
        loss = step(*batch(images, labels, number))
    print(f"loss after {steps} steps: {float(loss):.4f}")
    folder.mkdir(parents=True, exist_ok=True)
    some = batch(images, labels, 0)
    td.save(
        model,
        folder / "digits.tdm",
        methods={"forward": (some[0],), "step": (step, *some)},
        dynamic={"images": {0: "batch"}, "labels": {0: "batch"}},
    )
    images.tofile(folder / "images.f32")
    labels.tofile(folder / "labels.i64")
    return model, step


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/deploy"))
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    export(options.folder, options.steps)
