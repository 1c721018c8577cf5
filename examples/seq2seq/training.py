"""The loop: batches, steps, held-out perplexity, curves for TensorBoard, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tandem as td
from examples import checkpoint
from examples.seq2seq.data import END, PAD, VERSE, Passage, padded
from examples.seq2seq.model import Seq2Seq, losses
from examples.seq2seq.ngram import KneserNey

Tensor = td.Tensor
Example = tuple[list[int], list[int]]  # source and target


@dataclass
class Settings:
    steps: int = 6000
    batch: int = 32
    rate: float = 1e-3
    warm_up: int = 300
    weight_decay: float = 0.05
    seed: int = 0
    evaluate_every: int = 500


@td.script
def mean_loss(model: Seq2Seq, source: Tensor, target: Tensor) -> Tensor:
    """The mean cost of a token of target [B, T + 1], in nats."""
    goal = target[:, 1:]
    costs = losses(model(source, target[:, :-1]), goal)
    return costs.sum() / (goal != PAD).astype(td.float32).sum()


@td.script
def text_loss(model: Seq2Seq, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The cost of all tokens of the texts, without their ends, and how many there are."""
    goal = target[:, 1:]
    counted = (goal != PAD) & (goal != END)
    costs = td.where(counted, losses(model(source, target[:, :-1]), goal), 0.0)
    return costs.sum(), counted.astype(td.float32).sum()


class Trainer:
    """A model, its optimizer, and where training is."""

    def __init__(self, model: Seq2Seq, examples: Sequence[Example], settings: Settings) -> None:
        self.model, self.examples, self.settings = model, examples, settings
        self.optimizer = td.optim.AdamW(
            model.parameters(), lr=settings.rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
        )
        self.done = 0

    @td.script
    def step(self, source: Tensor, target: Tensor) -> Tensor:
        """Learn from one batch, and return its loss: forward, backward and update as one program."""
        self.optimizer.zero_grad()
        loss = mean_loss(self.model, source, target)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def batch(self, number: int) -> tuple[Tensor, Tensor]:
        """The batch of a step: which examples it has depends on nothing but the seed."""
        settings, config = self.settings, self.model.config
        per_epoch = max(1, len(self.examples) // settings.batch)
        epoch, place = divmod(number, per_epoch)
        order = np.random.default_rng([settings.seed, epoch]).permutation(len(self.examples))
        chosen = order[place * settings.batch : (place + 1) * settings.batch]
        found = padded([self.examples[k] for k in chosen], config.source, config.target)
        return td.asarray(found.source), td.asarray(found.target)

    def rate(self) -> float:
        """Up in a line, then down like a cosine to a tenth."""
        settings = self.settings
        if self.done < settings.warm_up:
            return settings.rate * (self.done + 1) / settings.warm_up
        part = (self.done - settings.warm_up) / max(1, settings.steps - settings.warm_up)
        return settings.rate * (0.1 + 0.45 * (1 + math.cos(math.pi * min(1.0, part))))

    def run(self) -> Iterator[float]:
        """Go on until all steps are done, and yield the loss of each."""
        while self.done < self.settings.steps:
            self.model.train()
            self.optimizer.param_groups[0]["lr"] = self.rate()
            loss = float(self.step(*self.batch(self.done)))
            self.done += 1
            yield loss

    def save(self, path: Path) -> None:
        checkpoint.save(path, self.model, self.optimizer, self.done)

    def load(self, path: Path) -> None:
        self.done = checkpoint.load(path, self.model, self.optimizer)


def perplexity(model: Seq2Seq, examples: Sequence[Example], batch: int = 32) -> float:
    """The perplexity of the tokens of held-out texts, their ends left out."""
    model.eval()
    total = count = 0.0
    with td.no_grad():
        for start in range(0, len(examples), batch):
            found = padded(examples[start : start + batch], model.config.source, model.config.target)
            cost, tokens = text_loss(model, td.asarray(found.source), td.asarray(found.target))
            total, count = total + float(cost), count + float(tokens)
    return math.exp(total / count)


def baseline(model: KneserNey, passages: Sequence[Passage]) -> float:
    """The perplexity of the same tokens under n-grams, which see the prompt before the text."""
    total = count = 0.0
    for passage in passages:
        before = passage.prompt if passage.prompt[-1] == VERSE else [*passage.prompt, VERSE]
        found = model.probabilities([*before, *passage.text])[len(before) :]
        total, count = total - float(np.log(found).sum()), count + len(found)
    return math.exp(total / count)
