"""Einstein summation: pairs of operands are contracted by matrix products, the cheapest first."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

from tandem import _core
from tandem._boundary import public
from tandem._products import diagonal

Tensor = _core.Tensor


class _Term(NamedTuple):
    """A tensor and a label for each of its axes, no label twice."""

    tensor: Tensor
    labels: tuple[str, ...]


@public
def einsum(subscripts: str, /, *operands: Tensor) -> Tensor:
    """Sum products over labelled axes, as NumPy's einsum.

    "ij,jk->ik" is a matrix product: labels that are missing behind the arrow are summed over, repeated ones walk a
    diagonal, "..." stands for axes that broadcast. Without an arrow the result has the labels that occur once, in the
    order of the alphabet. Several operands are contracted in the order that a greedy search finds cheapest.

    >>> td.einsum("ij,jk->ik", td.ones((2, 3)), td.ones((3, 4))).shape
    (2, 4)
    """
    inputs, output = _parse(subscripts, [x.ndim for x in operands])
    dtype = _core._result_type(operands)
    terms = [_single(x.astype(dtype, copy=False), labels) for x, labels in zip(operands, inputs, strict=True)]
    terms = _without_broadcasts(terms, output, subscripts)
    terms = [_summed(term, {*output, *_labels(terms, k)}) for k, term in enumerate(terms)]
    while len(terms) > 1:
        a, b = _cheapest(terms, output)
        first, second = terms[a], terms[b]
        terms = [term for k, term in enumerate(terms) if k not in (a, b)]
        terms.append(_contract(first, second, {*output, *_labels(terms)}))
    (last,) = terms
    last = _summed(last, set(output))
    absent = [label for label in output if label not in last.labels]
    order = tuple(last.labels.index(label) for label in output if label in last.labels)
    out = _core.permute_dims(last.tensor, order)
    for label in absent:  # an axis of size 1 that every operand had
        out = _core.expand_dims(out, axis=output.index(label))
    return out.copy() if any(out is x for x in operands) else out


def _fail(subscripts: str, problem: str) -> _core.ArgumentError:
    return _core.ArgumentError(f"einsum: got {subscripts!r}: {problem}; need e.g. 'ij,jk->ik' or '...i,...i'")


def _parse(subscripts: str, ranks: Sequence[int]) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Return the labels of each operand and of the result; axes of an ellipsis are ".0" (the last), ".1" and so on."""
    left, arrow, right = "".join(subscripts.split()).partition("->")
    texts = left.split(",")
    if len(texts) != len(ranks):
        raise _fail(subscripts, f"{len(texts)} terms for {len(ranks)} operands")
    broadcast = 0
    for text, rank in zip(texts, ranks, strict=True):
        named = len(text.replace("...", "", 1))
        if "..." in text:
            broadcast = max(broadcast, rank - named)
        if rank < named or (rank > named and "..." not in text):
            raise _fail(subscripts, f"{text!r} for an operand with {rank} axes")

    def labels(text: str, dots: int) -> tuple[str, ...]:
        before, ellipsis, after = text.partition("...")
        if not all(c in string.ascii_letters for c in before + after):
            raise _fail(subscripts, f"the term {text!r}")
        return (*before, *(f".{k}" for k in reversed(range(dots if ellipsis else 0))), *after)

    inputs = [labels(text, rank - len(text.replace("...", "", 1))) for text, rank in zip(texts, ranks, strict=True)]
    counts = Counter(label for term in inputs for label in term)
    if arrow:
        output = labels(right, broadcast)
    else:
        once = sorted(label for label, count in counts.items() if count == 1 and label[0] != ".")
        output = (*(f".{k}" for k in reversed(range(broadcast))), *once)
    unknown = [label for label in output if label not in counts]
    if unknown or len(set(output)) < len(output):
        raise _fail(subscripts, f"the result {right!r} with a label twice, or one that no operand has")
    if broadcast and arrow and "..." not in right:
        raise _fail(subscripts, "axes of '...' that the result does not have")
    return inputs, output


def _labels(terms: Sequence[_Term], but: int = -1) -> set[str]:
    return {label for k, term in enumerate(terms) if k != but for label in term.labels}


def _single(x: Tensor, labels: tuple[str, ...]) -> _Term:
    """Walk the diagonals of labels that occur twice."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if x.shape[first] != x.shape[second]:
                raise _core.ShapeError(
                    f"einsum: got sizes {x.shape[first]} and {x.shape[second]} for {label!r}; need equal ones"
                )
            rest = [k for k in range(len(labels)) if k not in (first, second)]
            x = diagonal(_core.permute_dims(x, (*rest, first, second)))
            labels = (*(labels[k] for k in rest), label)
    return _Term(x, labels)


def _without_broadcasts(terms: list[_Term], output: tuple[str, ...], subscripts: str) -> list[_Term]:
    """Drop axes of size 1 where another operand has that label with another size."""
    sizes: dict[str, Any] = {}
    for x, labels in terms:
        for size, label in zip(x.shape, labels, strict=True):
            known = sizes.setdefault(label, size)
            if known == 1:
                sizes[label] = size
            elif size not in (known, 1):
                raise _core.ShapeError(
                    f"einsum: got sizes {known} and {size} for {label!r} in {subscripts!r}; need equal ones, or 1"
                )
    out = []
    for x, labels in terms:
        single = tuple(
            k
            for k, (size, label) in enumerate(zip(x.shape, labels, strict=True))
            if size == 1 and (sizes[label] != 1 or label in output)
        )
        kept = tuple(label for k, label in enumerate(labels) if k not in single)
        out.append(_Term(_core.squeeze(x, axis=single) if single else x, kept))
    return out


def _summed(term: _Term, kept: set[str]) -> _Term:
    gone = tuple(k for k, label in enumerate(term.labels) if label not in kept)
    if not gone:
        return term
    total = _core.sum(term.tensor, axis=gone, dtype=term.tensor.dtype)
    return _Term(total, tuple(label for label in term.labels if label in kept))


def _cheapest(terms: list[_Term], output: tuple[str, ...]) -> tuple[int, int]:
    """Return the pair whose contraction makes the least of its operands.

    While capturing, comparisons of sizes become guards: a compiled function has the order of eager code, and its bits.
    """
    if len(terms) == 2:
        return 0, 1
    sizes = {label: size for x, labels in terms for size, label in zip(x.shape, labels, strict=True)}

    def count(labels: set[str]) -> Any:
        total: Any = 1
        for label in sorted(labels):
            total *= sizes[label]
        return total

    def cost(pair: tuple[int, int]) -> tuple[Any, Any]:
        a, b = (set(terms[k].labels) for k in pair)
        others = {*output, *(label for k, term in enumerate(terms) if k not in pair for label in term.labels)}
        return count((a | b) & others) - count(a) - count(b), count(a | b)

    return min(combinations(range(len(terms)), 2), key=cost)


def _contract(a: _Term, b: _Term, kept: set[str]) -> _Term:
    """Multiply two operands and sum over the labels that nobody else has."""
    both = [label for label in a.labels if label in b.labels]
    batch, inner = [x for x in both if x in kept], [x for x in both if x not in kept]
    rows = [label for label in a.labels if label not in both]
    columns = [label for label in b.labels if label not in both]
    size = {label: n for term in (a, b) for n, label in zip(term.tensor.shape, term.labels, strict=True)}

    def arranged(term: _Term, *groups: list[str]) -> Tensor:
        order = tuple(term.labels.index(label) for group in groups for label in group)
        return _core.permute_dims(term.tensor, order)

    def product(labels: list[str]) -> Any:
        total: Any = 1
        for label in labels:
            total = total * size[label]
        return total

    labels = (*batch, *rows, *columns)
    if not inner:
        left = arranged(a, batch, rows)
        left = left.reshape((*(size[x] for x in batch), *(size[x] for x in rows), *(1 for _ in columns)))
        right = arranged(b, batch, columns)
        right = right.reshape((*(size[x] for x in batch), *(1 for _ in rows), *(size[x] for x in columns)))
        return _Term(_core.multiply(left, right), labels)
    if not rows and not columns:
        axes = tuple(range(len(batch), len(both)))
        pair = arranged(a, batch, inner), arranged(b, batch, inner)
        return _Term(_core._internal("sum_of_products", *pair, axis=axes), labels)
    shared = tuple(size[label] for label in batch)
    left = arranged(a, batch, rows, inner).reshape((*shared, product(rows), product(inner)))
    right = arranged(b, batch, inner, columns).reshape((*shared, product(inner), product(columns)))
    out = _core.matmul(left, right).reshape(tuple(size[label] for label in labels))
    return _Term(out, labels)
