"""What a transformer has to beat: an interpolated Kneser-Ney model of n-grams, on the same tokens.

Chen and Goodman, "An empirical study of smoothing techniques for language modeling" (1999), the modified form with
three discounts. An n-gram is one integer, so that counting and looking up are NumPy's sorting and searching.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BITS = 12  # of a token


class KneserNey:
    """Probabilities of the next token, from those before it in the same text."""

    def __init__(self, texts: Sequence[Sequence[int]], vocabulary: int, order: int = 5) -> None:
        if vocabulary >= 1 << BITS or order * BITS > 62:
            raise ValueError(f"ngram: got {vocabulary} tokens and order {order}; need at most {(1 << BITS) - 1} and 5")
        self.vocabulary, self.order = vocabulary, order
        # Count n-grams of the full order; of the lower ones, count by how many different tokens they are preceded.
        self._levels = []
        grams = np.concatenate([_grams(text, order, vocabulary) for text in texts])
        for size in range(order, 0, -1):
            keys, counts = np.unique(grams, return_counts=True)
            self._levels.append(_Level(keys, counts))
            grams = keys & ((1 << BITS * (size - 1)) - 1)  # each different one, without its first token
        self._levels.reverse()

    def probabilities(self, text: Sequence[int]) -> np.ndarray:
        """The probability of each token of a text, given those before it."""
        grams = _grams(text, self.order, self.vocabulary)
        found = np.full(len(grams), 1.0 / self.vocabulary)
        for size, level in enumerate(self._levels, 1):
            found = level.interpolated(grams & ((1 << BITS * size) - 1), found)
        return found


class _Level:
    """The n-grams of one order."""

    def __init__(self, keys: np.ndarray, counts: np.ndarray) -> None:
        self.keys, self.counts = keys, counts
        discounts = _discounts([float(np.sum(counts == k)) for k in range(1, 5)])
        discount = np.array([0.0, *discounts])[np.minimum(counts, 3)]
        self.contexts, places = np.unique(keys >> BITS, return_inverse=True)
        self.totals = np.bincount(places, counts)
        self.left_over = np.bincount(places, discount) / self.totals  # what discounts leave for lower orders
        self.shares = (counts - discount) / self.totals[places]

    def interpolated(self, grams: np.ndarray, lower: np.ndarray) -> np.ndarray:
        context, known = _search(self.contexts, grams >> BITS)
        place, seen = _search(self.keys, grams)
        return np.where(seen, self.shares[place], 0.0) + np.where(known, self.left_over[context], 1.0) * lower


def _discounts(of: Sequence[float]) -> list[float]:
    """What n-grams that occurred once, twice and more often give away. `of`: how many occurred 1, 2, 3, 4 times."""
    if min(of) > 0:
        y = of[0] / (of[0] + 2 * of[1])
        found = [k - (k + 1) * y * of[k] / of[k - 1] for k in (1, 2, 3)]
        if all(0 < discount < k for k, discount in enumerate(found, 1)):
            return found
    return [0.75] * 3  # too little text to estimate them


def _grams(text: Sequence[int], order: int, beginning: int) -> np.ndarray:
    """The n-gram that ends with each token; before the first there is a token of its own."""
    padded = np.concatenate([np.full(order - 1, beginning), np.asarray(text, np.int64)])
    found = np.zeros(len(text), np.int64)
    for k in range(order):
        found = found << BITS | padded[k : k + len(text)]
    return found


def _search(keys: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return place, keys[place] == wanted
