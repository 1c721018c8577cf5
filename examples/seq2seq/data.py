"""Passages as numbers: for each a prompt (where it is, and the verse before it), an outline, and its text.

The outline of a passage has for each verse its most telling words: those that are rare in the whole text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from examples.seq2seq.bible import Chapter

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, BEGIN, END, VERSE, OUTLINE = range(5)
SPECIAL = ("<pad>", "<begin>", "<end>", "<verse>", "<outline>")
KEY_WORDS = 3  # of a verse, in its outline
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")


class Passage(NamedTuple):
    """Consecutive verses of a chapter, after the one that is part of the prompt; all as tokens, without ends."""

    prompt: list[int]
    outline: list[int]
    text: list[int]


@dataclass
class Sizes:
    """The most tokens of each part, ends included; what is longer is cut."""

    prompt: int = 64
    outline: int = 64
    text: int = 128


class Batch(NamedTuple):
    """source: int64[B, S]; target: int64[B, T + 1], from BEGIN to END; both filled up with PAD."""

    source: np.ndarray
    target: np.ndarray


def train_tokenizer(chapters: Iterable[Chapter], size: int) -> Tokenizer:
    """Learn byte pairs from some chapters."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator((verse for chapter in chapters for verse in texts(chapter)), trainer)
    return tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(path))


def texts(chapter: Chapter) -> Iterator[str]:
    yield f"{chapter.book} {chapter.number}"
    yield from chapter.verses


class Outlines:
    """Finds the telling words of a verse; frequencies are those of the chapters to train on."""

    def __init__(self, chapters: Iterable[Chapter], least: int = 3) -> None:
        self.count = Counter(
            word.lower() for chapter in chapters for verse in chapter.verses for word in _WORD.findall(verse)
        )
        self.least = least  # rarer words say nothing about other verses

    def words(self, verse: str) -> list[str]:
        """The telling words in their order: the rarest of those that occur elsewhere, too."""
        words = [word for word in dict.fromkeys(_WORD.findall(verse)) if self.count[word.lower()] >= self.least]
        chosen = set(sorted(words, key=lambda word: self.count[word.lower()])[:KEY_WORDS])
        return [word for word in words if word in chosen]


def passages(chapters: Iterable[Chapter], tokenizer: Tokenizer, outlines: Outlines, sizes: Sizes) -> list[Passage]:
    """Cut chapters into passages such that each verse is in the text of one."""
    found = []
    for chapter in chapters:
        place, *verses = (item.ids for item in tokenizer.encode_batch(list(texts(chapter))))
        words = tokenizer.encode_batch([" ".join(outlines.words(verse)) for verse in chapter.verses])
        before: list[int] = []
        for group in _groups([len(verse) + 1 for verse in verses], sizes.text - 1):
            prompt = [*place, VERSE, *before][: sizes.prompt]
            outline = _joined([words[k].ids for k in group])[: sizes.outline - 1]
            text = _joined([verses[k] for k in group])[: sizes.text - 1]
            found.append(Passage(prompt, outline, text))
            before = verses[group[-1]]
    return found


def _groups(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Consecutive positions whose lengths add up to no more than `most`, or a single one."""
    group: list[int] = []
    for k, length in enumerate(lengths):
        if group and sum(lengths[j] for j in group) + length > most:
            yield group
            group = []
        group.append(k)
    if group:
        yield group


def _joined(parts: Iterable[Sequence[int]]) -> list[int]:
    return [token for part in parts for token in (*part, VERSE)]


def pairs(found: Iterable[Passage], stage: str) -> list[tuple[list[int], list[int]]]:
    """What one model learns. stage: "text": prompt to text; "outline": prompt to outline; "outlined": both to text."""
    if stage == "text":
        return [(p.prompt, p.text) for p in found]
    if stage == "outline":
        return [(p.prompt, p.outline) for p in found]
    if stage == "outlined":
        return [(outlined(p.prompt, p.outline), p.text) for p in found]
    raise ValueError(f"seq2seq: got stage={stage!r}; need 'text', 'outline' or 'outlined'")


def outlined(prompt: Sequence[int], outline: Sequence[int]) -> list[int]:
    """The source of the model that writes a text to an outline."""
    return [*prompt, OUTLINE, *outline]


def lengths(stage: str, sizes: Sizes) -> tuple[int, int]:
    """The sizes S and T of the batches of a stage."""
    return {
        "text": (sizes.prompt, sizes.text),
        "outline": (sizes.prompt, sizes.outline),
        "outlined": (sizes.prompt + sizes.outline, sizes.text),
    }[stage]


def padded(examples: Sequence[tuple[Sequence[int], Sequence[int]]], source: int, target: int) -> Batch:
    """Examples as one batch of fixed sizes."""
    batch = Batch(np.full((len(examples), source), PAD, np.int64), np.full((len(examples), target + 1), PAD, np.int64))
    for k, (left, right) in enumerate(examples):
        batch.source[k, : len(left)] = left[:source]
        ended = [BEGIN, *right, END]
        batch.target[k, : len(ended)] = ended[: target + 1]
    return batch
