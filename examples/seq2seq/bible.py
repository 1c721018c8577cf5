"""The text: the King James Version as book, chapter, verse, from Debian's packages bible-kjv and bible-kjv-text."""

from __future__ import annotations

import re
import subprocess
from typing import NamedTuple

BOOKS = (  # noqa: SIM905
    "Genesis Exodus Leviticus Numbers Deuteronomy Joshua Judges Ruth 1_Samuel 2_Samuel 1_Kings 2_Kings 1_Chronicles "
    "2_Chronicles Ezra Nehemiah Esther Job Psalms Proverbs Ecclesiastes Song_of_Solomon Isaiah Jeremiah Lamentations "
    "Ezekiel Daniel Hosea Joel Amos Obadiah Jonah Micah Nahum Habakkuk Zephaniah Haggai Zechariah Malachi Matthew Mark "
    "Luke John Acts Romans 1_Corinthians 2_Corinthians Galatians Ephesians Philippians Colossians 1_Thessalonians "
    "2_Thessalonians 1_Timothy 2_Timothy Titus Philemon Hebrews James 1_Peter 2_Peter 1_John 2_John 3_John Jude "
    "Revelation"
).split()
HELD_OUT_BOOKS = ("Ruth", "Jonah", "James")  # a story, another one, a letter: never seen in training
HELD_OUT_EVERY = 20  # of the other chapters, this one and every 20th after it
COMMAND = ["bible", "-f", "Gen1:1-Rev22:21"]


class Chapter(NamedTuple):
    book: str
    number: int
    verses: tuple[str, ...]


class Split(NamedTuple):
    """train; valid: chapters of the same books; test: books of which nothing else is known."""

    train: list[Chapter]
    valid: list[Chapter]
    test: list[Chapter]


def read() -> list[Chapter]:
    """Return all chapters in order."""
    try:
        done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise FileNotFoundError(
            "seq2seq: got no program 'bible'; need it and its text; try apt-get install bible-kjv bible-kjv-text"
        ) from None
    return parse(done.stdout)


def parse(text: str) -> list[Chapter]:
    """Return the chapters of lines like `Ge1:1 In the beginning ...`, whose books are in the usual order."""
    found: dict[tuple[str, int], list[str]] = {}
    order: dict[str, str] = {}
    for line in text.splitlines():
        match = re.fullmatch(r"(\d?[A-Za-z]+)(\d+):\d+ (.*)", line)
        if match is None:
            raise ValueError(f"seq2seq: got the line {line[:60]!r}; need `Ge1:1 In the beginning ...`")
        abbreviation, chapter, verse = match.groups()
        if abbreviation not in order:
            order[abbreviation] = BOOKS[len(order)].replace("_", " ")
        found.setdefault((order[abbreviation], int(chapter)), []).append(" ".join(verse.split()))
    return [Chapter(book, number, tuple(verses)) for (book, number), verses in found.items()]


def split(chapters: list[Chapter]) -> Split:
    """Hold out whole books and whole chapters."""
    parts = Split([], [], [])
    others = [chapter for chapter in chapters if chapter.book not in HELD_OUT_BOOKS]
    parts.test.extend(chapter for chapter in chapters if chapter.book in HELD_OUT_BOOKS)
    for k, chapter in enumerate(others):
        (parts.valid if k % HELD_OUT_EVERY == HELD_OUT_EVERY // 2 else parts.train).append(chapter)
    return parts
