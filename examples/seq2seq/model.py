"""The transformer: an encoder for the prompt, and a decoder that can also go on token by token with a cache.

Vaswani et al., "Attention is all you need" (2017), with normalisation before each part (Xiong et al., 2020) and one
table for the embeddings of both sides and for the output.
"""

from __future__ import annotations

from dataclasses import dataclass

import tandem as td
from examples.seq2seq.data import PAD
from tandem import nn
from tandem.nn import functional as F

Tensor = td.Tensor
Cache = tuple[Tensor, Tensor]  # keys and values: [batch, heads, length, features]


@dataclass
class Config:
    vocabulary: int
    source: int  # most tokens of a prompt
    target: int  # most tokens of a text, its end included
    width: int = 192
    heads: int = 4
    encoder: int = 2
    decoder: int = 4
    dropout: float = 0.2


class Attention(nn.Module):
    """Attention of several heads, whose keys and values come separately, so that they can be kept."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.width
        self.heads, self.dropout = config.heads, config.dropout
        self.query, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.key, self.value = nn.Linear(width, width), nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        return x.reshape(batch, length, self.heads, width // self.heads).permute_dims((0, 2, 1, 3))

    def cache(self, memory: Tensor) -> Cache:
        return self.split(self.key(memory)), self.split(self.value(memory))

    def forward(self, x: Tensor, cache: Cache, mask: Tensor) -> Tensor:
        """mask: bool, broadcast to [batch, heads, queries, keys]; who is seen."""
        rate = self.dropout if self.training else 0.0
        found = F.scaled_dot_product_attention(self.split(x=self.query(x)), *cache, attn_mask=mask, dropout_p=rate)
        return self.out(found.permute_dims((0, 2, 1, 3)).reshape(x.shape))


class FeedForward(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Linear(config.width, 4 * config.width), nn.Linear(4 * config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.narrow(F.gelu(self.wide(x)))


class EncoderLayer(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.attention, self.feed_forward = Attention(config), FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        normed = self.norm1(x)
        x = x + self.dropout(self.attention(normed, self.attention.cache(normed), mask))
        return x + self.dropout(self.feed_forward(self.norm2(x)))


class DecoderLayer(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(config.width) for _ in range(3))
        self.attention, self.across, self.feed_forward = Attention(config), Attention(config), FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor, memory: Cache, memory_mask: Tensor) -> Tensor:
        normed = self.norm1(x)
        return self.rest(x, normed, self.attention.cache(normed), mask, memory, memory_mask)

    def step(self, x: Tensor, place: Tensor, own: Cache, memory: Cache, memory_mask: Tensor) -> tuple[Tensor, Cache]:
        """The same for one more token at `place`: what came before it is in the cache, which is filled up."""
        normed = self.norm1(x)
        places = td.arange(own[0].shape[2], dtype=td.int64)
        here = (places == place)[:, None]
        key, value = self.attention.cache(normed)
        keys, values = td.where(here, key, own[0]), td.where(here, value, own[1])
        out = self.rest(x, normed, (keys, values), places <= place, memory, memory_mask)
        return out, (keys, values)

    def rest(self, x: Tensor, normed: Tensor, own: Cache, mask: Tensor, memory: Cache, memory_mask: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(normed, own, mask))
        x = x + self.dropout(self.across(self.norm2(x), memory, memory_mask))
        return x + self.dropout(self.feed_forward(self.norm3(x)))


class Seq2Seq(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocabulary, config.width)
        self.source_places = nn.Parameter(0.02 * td.random.normal((config.source, config.width)))
        self.target_places = nn.Parameter(0.02 * td.random.normal((config.target, config.width)))
        self.encoder = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder))
        self.decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder))
        self.encoded, self.decoded = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.dropout)
        nn.init.normal_(self.tokens.weight, std=config.width**-0.5)

    def embed(self, tokens: Tensor, places: Tensor) -> Tensor:
        return self.dropout(self.tokens(tokens) * self.config.width**0.5 + places)

    def logits(self, x: Tensor) -> Tensor:
        return self.decoded(x) @ self.tokens.weight.mT

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """The states of a prompt, and which of them are not filling: [B, S, width], bool[B, 1, 1, S]."""
        mask = (source != PAD)[:, None, None, :]
        x = self.embed(source, self.source_places[: source.shape[1]])
        for layer in self.encoder:
            x = layer(x, mask)
        return self.encoded(x), mask

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """The logits [B, T, vocabulary] of the token after each of `target`."""
        memory, memory_mask = self.encode(source)
        length = target.shape[1]
        places = td.arange(length, dtype=td.int64)
        mask = places[:, None] >= places
        x = self.embed(target, self.target_places[:length])
        for layer in self.decoder:
            x = layer(x, mask, layer.across.cache(memory), memory_mask)
        return self.logits(x)

    def step(
        self, tokens: Tensor, place: Tensor, own: list[Cache], memory: list[Cache], memory_mask: Tensor
    ) -> tuple[Tensor, list[Cache]]:
        """The logits [B, vocabulary] after one more token at `place`, and the caches that then are filled up to it."""
        x = self.embed(tokens[:, None], self.target_places[place])
        caches = []
        for layer, mine, across in zip(self.decoder, own, memory, strict=True):
            x, mine = layer.step(x, place, mine, across, memory_mask)
            caches.append(mine)
        return self.logits(x)[:, 0], caches


def losses(logits: Tensor, target: Tensor) -> Tensor:
    """What each token [B, T] cost, in nats; those of the filling are 0."""
    chosen = td.take_along_axis(td.log_softmax(logits, axis=-1), target[..., None], axis=-1)[..., 0]
    return td.where(target != PAD, -chosen, 0.0)
