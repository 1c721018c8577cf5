"""Writing a text: the loop over tokens is one compiled program, which ends when all texts have."""

from __future__ import annotations

from typing import NamedTuple

import tandem as td
from examples.seq2seq.data import BEGIN, END, PAD
from examples.seq2seq.model import Cache, Seq2Seq

Tensor = td.Tensor
IMPOSSIBLE = -1e30


class Method(NamedTuple):
    """How the next token is chosen. A tuple, so that a compiled function knows it again by its values.

    name: "greedy", the likeliest; "sample", by chance; "top-k", by chance among the `k` likeliest; "beam", the text
    with the largest logarithm of its probability, divided by its length to the power of `length_penalty`, of `beams`
    that are kept.
    """

    name: str = "greedy"
    temperature: float = 1.0
    k: int = 40
    beams: int = 4
    length_penalty: float = 1.0


def generate(model: Seq2Seq, source: Tensor, method: Method) -> Tensor:
    """Return the texts to some prompts int64[B, S] as int64[B, T]: tokens, END, then PAD."""
    if method.name not in ("greedy", "sample", "top-k", "beam"):
        raise ValueError(f"seq2seq: got the method {method.name!r}; need 'greedy', 'sample', 'top-k' or 'beam'")
    model.eval()
    with td.no_grad():
        return beam_search(model, source, method) if method.name == "beam" else search(model, source, method)


def choose(logits: Tensor, method: Method) -> Tensor:
    """The next token of each row of logits [B, vocabulary]."""
    if method.name == "greedy":
        return td.argmax(logits, axis=-1)
    logits = logits / method.temperature
    if method.name == "top-k":
        least = td.topk(logits, method.k).values[:, -1:]
        logits = td.where(logits >= least, logits, IMPOSSIBLE)
    # The largest of logits plus Gumbel noise is distributed like softmax.
    noise = td.random.uniform(logits.shape, low=1e-20, high=1.0)
    return td.argmax(logits - td.log(-td.log(noise)), axis=-1)


def empty_caches(model: Seq2Seq, count: int) -> list[Cache]:
    config = model.config
    shape = (count, config.heads, config.target, config.width // config.heads)
    return [(td.zeros(shape), td.zeros(shape)) for _ in range(config.decoder)]


@td.script
def search(model: Seq2Seq, source: Tensor, method: Method) -> Tensor:
    """Choose tokens one after another, until all texts have ended."""
    count, length = source.shape[0], model.config.target
    encoded, memory_mask = model.encode(source)
    memory = [layer.across.cache(encoded) for layer in model.decoder]
    own = empty_caches(model, count)
    token = td.full((count,), BEGIN, dtype=td.int64)
    texts = td.full((count, length), PAD, dtype=td.int64)
    places = td.arange(length, dtype=td.int64)
    ended = td.zeros((count,), dtype=td.bool)
    place = td.zeros((), dtype=td.int64)
    while (place < length) & ~td.all(ended):
        logits, own = model.step(token, place, own, memory, memory_mask)
        token = td.where(ended, PAD, choose(logits, method))
        texts = td.where(places == place, token[:, None], texts)
        ended = ended | (token == END)
        place = place + 1
    return texts


@td.script
def beam_search(model: Seq2Seq, source: Tensor, method: Method) -> Tensor:
    """Keep the likeliest beginnings of each text, and return the best when all have ended."""
    count, length, beams, size = source.shape[0], model.config.target, method.beams, model.config.vocabulary
    encoded, mask = model.encode(source)
    rows = td.repeat(td.arange(count, dtype=td.int64), beams)  # the text of each of count * beams beginnings
    memory_mask = mask[rows]
    memory = [(k[rows], v[rows]) for k, v in (layer.across.cache(encoded) for layer in model.decoder)]
    own = empty_caches(model, count * beams)
    token = td.full((count * beams,), BEGIN, dtype=td.int64)
    texts = td.full((count * beams, length), PAD, dtype=td.int64)
    places = td.arange(length, dtype=td.int64)
    ended = td.zeros((count * beams,), dtype=td.bool)
    lengths = td.zeros((count * beams,))
    # All beams begin alike: at first only one of them counts.
    scores = td.where(td.arange(beams) == 0, 0.0, IMPOSSIBLE) + td.zeros((count, 1))
    only_filling = td.where(td.arange(size) == PAD, 0.0, IMPOSSIBLE)
    first = td.arange(count, dtype=td.int64)[:, None] * beams
    place = td.zeros((), dtype=td.int64)
    while (place < length) & ~td.all(ended):
        logits, own = model.step(token, place, own, memory, memory_mask)
        gains = td.where(ended[:, None], only_filling, td.log_softmax(logits, axis=-1))
        best = td.topk((scores[..., None] + gains.reshape(count, beams, size)).reshape(count, -1), beams)
        scores, token = best.values, (best.indices % size).reshape(-1)
        parents = (first + best.indices // size).reshape(-1)
        own = [(keys[parents], values[parents]) for keys, values in own]
        texts = td.where(places == place, token[:, None], texts[parents])
        lengths = lengths[parents] + td.where(ended[parents], 0.0, 1.0)
        ended = ended[parents] | (token == END)
        place = place + 1
    normed = scores / lengths.reshape(count, beams) ** method.length_penalty
    return texts[first[:, 0] + td.argmax(normed, axis=1)]
