"""Networks of PyTorch, written by hand, that its exporters write as ONNX models."""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        same = stride == 1 and channels == out
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + self.shortcut(x))


class ResNet18(nn.Module):
    """The network of He et al. with 18 layers; `width` is 64 there."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        first = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.stem = nn.Sequential(first, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        blocks, channels = [], width
        for stage in range(4):
            out = width * 2**stage
            blocks += [Block(channels, out, 1 if stage == 0 else 2), Block(out, out, 1)]
            channels = out
        self.layers, self.head = nn.Sequential(*blocks), nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.flatten(F.adaptive_avg_pool2d(self.layers(self.stem(x)), 1), 1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(8, 16, 2, batch_first=True, bidirectional=True)
        self.out = nn.Linear(32, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y, (h, c) = self.rnn(x)
        return self.out(y), h, c


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.places = nn.Embedding(50, 32), nn.Parameter(torch.randn(64, 32) * 0.1)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.layers(self.embed(tokens) + self.places[: tokens.shape[1]])


class Decoder(nn.Module):
    """A step of a decoder: it takes the keys and values of earlier steps, and returns them with its own."""

    def __init__(self, size: int = 32, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.embed, self.norm1, self.norm2 = nn.Embedding(50, size), nn.LayerNorm(size), nn.LayerNorm(size)
        self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.mlp = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))
        self.head = nn.Linear(size, 50)

    def forward(self, tokens: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = self.embed(tokens)
        batch, length, size = x.shape
        parts = self.qkv(self.norm1(x)).chunk(3, -1)
        q, k, v = (y.reshape(batch, length, self.heads, size // self.heads).transpose(1, 2) for y in parts)
        k, v = torch.cat([keys, k], 2), torch.cat([values, v], 2)
        total = k.shape[2]
        mask = torch.ones(length, total, dtype=torch.bool).tril(diagonal=total - length)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.out(seen.transpose(1, 2).reshape(batch, length, size))
        x = x + self.mlp(self.norm2(x))
        return self.head(x), k, v


@dataclass
class Example:
    """A network, inputs to export it with, which of their axes vary, and inputs of other sizes."""

    network: nn.Module
    inputs: tuple[torch.Tensor, ...]
    varying: tuple[dict[int, str], ...]
    others: tuple[torch.Tensor, ...]


def example(name: str) -> Example:
    torch.manual_seed(0)
    r = torch.randn

    def tokens(*shape: int) -> torch.Tensor:
        return torch.randint(0, 50, shape)

    if name == "mlp":
        layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(-1))
        return Example(layers, (r(3, 4),), ({0: "n"},), (r(5, 4),))
    if name == "resnet18":
        return Example(ResNet18(8, 10), (r(2, 3, 64, 64),), ({0: "n"},), (r(3, 3, 64, 64),))
    if name == "lstm":
        return Example(Recurrent(), (r(2, 5, 8),), ({0: "n", 1: "t"},), (r(3, 7, 8),))
    if name == "encoder":
        return Example(Encoder(), (tokens(2, 6),), ({0: "n", 1: "t"},), (tokens(3, 9),))
    cache = ({0: "n", 2: "p"},) * 2
    return Example(
        Decoder(),
        (tokens(2, 1), r(2, 4, 5, 8), r(2, 4, 5, 8)),
        ({0: "n", 1: "t"}, *cache),
        (tokens(3, 2), r(3, 4, 7, 8), r(3, 4, 7, 8)),
    )


def export(name: str, folder: Path, dynamo: bool) -> tuple[Path, Example]:
    """Write a network with one of PyTorch's two exporters."""
    found = example(name)
    found.network.eval()
    path = folder / f"{name}.onnx"
    names = [f"in{k}" for k in range(len(found.inputs))]
    how: dict[str, Any] = {"dynamo": False, "dynamic_axes": dict(zip(names, found.varying, strict=True))}
    if dynamo:
        auto = torch.export.Dim.AUTO
        shapes = tuple(dict.fromkeys(axes, auto) for axes in found.varying)
        how = {"dynamo": True, "dynamic_shapes": shapes, "external_data": False}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(found.network, found.inputs, str(path), input_names=names, **how)
    return path, found


def arrays(tensors: tuple[torch.Tensor, ...]) -> list[np.ndarray[Any, Any]]:
    return [x.numpy() for x in tensors]
