"""The networks: what all architectures share, the hypernetwork, and an architecture with weights of its own.

The Python code of a forward pass is another one for each architecture. What is compiled are its parts: an operation
with its kind and sizes, whose programs serve every architecture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import tandem as td
from examples.smash.architecture import (
    BANKS,
    BLOCKS,
    CHANNELS,
    FEATURES,
    FILLED,
    HIDDEN,
    KINDS,
    MIXED,
    OPERATIONS,
    Architecture,
    Operation,
    encoded,
    mixings,
)
from tandem import nn
from tandem.nn import functional as F

Tensor = td.Tensor


def normalised(x: Tensor) -> Tensor:
    """Each channel with mean 0 and deviation 1 over this batch: averages over architectures would say nothing."""
    return F.batch_norm(x, None, None, training=True)


@td.script
def operation(x: Tensor, mix: Tensor, kernel: Tensor, padding: int, dilation: int) -> Tensor:
    """What an operation writes. mix: [hidden, channels read, 1, 1]; kernel: [CHANNELS, hidden, k, k]."""
    hidden = F.relu(normalised(F.conv2d(x, mix)))
    return F.relu(normalised(F.conv2d(hidden, kernel, padding=padding, dilation=dilation)))


@td.script
def stem(images: Tensor, weight: Tensor) -> Tensor:
    return F.relu(normalised(F.conv2d(images, weight, stride=2, padding=1)))


@td.script
def leave(x: Tensor, mix: Tensor) -> Tensor:
    """What the next block begins with. mix: [FILLED * CHANNELS, channels written, 1, 1]."""
    return F.relu(normalised(F.conv2d(x, mix)))


@td.script
def head(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.linear(normalised(x.mean(axis=(2, 3))), weight, bias)


def initial(*shape: int) -> nn.Parameter:
    """Weights of a convolution before a rectifier (He et al., 2015)."""
    weight = nn.Parameter(td.empty(shape))
    nn.init.kaiming_normal_(weight)
    return weight


def kernel_name(block: int, place: int, kind: int) -> str:
    return f"{block}_{place}_{kind}"


class Shared(nn.Module):
    """All weights but those that mix channels: each place of an operation has a kernel for each kind."""

    def __init__(self, only: Architecture | None = None) -> None:
        super().__init__()
        self.stem = initial(FILLED * CHANNELS, 1, 3, 3)
        self.kernels = nn.ParameterDict()
        for block in range(BLOCKS):
            for place in range(OPERATIONS[1] if only is None else len(only[block])):
                for number, kind in enumerate(KINDS):
                    if only is None or only[block][place].kind == number:
                        hidden = max(HIDDEN) if only is None else only[block][place].hidden
                        weight = initial(CHANNELS, hidden, kind.kernel, kind.kernel)
                        self.kernels[kernel_name(block, place, number)] = weight
        self.head = nn.Linear(FILLED * CHANNELS, 10)

    def forward(self, images: Tensor, architecture: Architecture, mixes: Sequence[Tensor]) -> Tensor:
        """The logits of images [N, 1, 28, 28]. mixes: the weights [made, channels read] of operations and exits."""
        left = (mix[:, :, None, None] for mix in mixes)
        x = stem(images, self.stem)
        for block, operations in enumerate(architecture):
            x = leave(self.block(F.avg_pool2d(x, 2) if block else x, block, operations, left), next(left))
        return head(x, self.head.weight, self.head.bias)

    def block(self, x: Tensor, block: int, operations: Sequence[Operation], mixes: Iterator[Tensor]) -> Tensor:
        """All banks that were written."""
        banks = {k: x[:, k * CHANNELS : (k + 1) * CHANNELS] for k in range(FILLED)}
        for place, each in enumerate(operations):
            kind = KINDS[each.kind]
            read = td.concat([banks[k] for k in each.reads], axis=1)
            kernel = self.kernels[kernel_name(block, place, each.kind)][:, : each.hidden]
            made = operation(read, next(mixes), kernel, kind.padding, kind.dilation)
            for k in each.writes:
                banks[k] = banks[k] + made if k in banks else made
        written = {k for each in operations for k in each.writes}
        return td.concat([banks[k] for k in sorted(written)], axis=1)


class HyperNetwork(nn.Module):
    """Makes the weights that mix channels, from the architecture: convolutions over its operations."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv1d(FEATURES, width, 3, padding=1), nn.Conv1d(width, width, 3, padding=1)])
        self.out = nn.Linear(width, MIXED * BANKS * CHANNELS)

    def forward(self, architecture: Architecture, order: Sequence[int] | None = None) -> list[Tensor]:
        """The weights [made, channels read] of each mixing; with `order`, made for those at these places instead."""
        features = encoded(architecture)
        made = make(self, td.asarray(features if order is None else features[:, order])[None])
        found = []
        for k, (_, _, each) in enumerate(mixings(architecture)):
            parts = td.concat([made[k, : each.hidden, bank] for bank in each.reads], axis=1)
            found.append(parts / td.sqrt((parts * parts).sum(axis=1, keepdims=True) + 1e-6))
        return found


@td.script
def make(network: HyperNetwork, features: Tensor) -> Tensor:
    """[mixings, made, banks, channels], for all channels that a mixing might make, and all banks that it might read."""
    x = features
    for layer in network.layers:
        x = F.leaky_relu(layer(x), 0.1)
    return network.out(x[0].mT).reshape(-1, MIXED, BANKS, CHANNELS)


class Smash(nn.Module):
    """Any architecture, with the weights that the hypernetwork makes for it."""

    def __init__(self) -> None:
        super().__init__()
        self.shared, self.hyper = Shared(), HyperNetwork()

    def forward(self, images: Tensor, architecture: Architecture, order: Sequence[int] | None = None) -> Tensor:
        return self.shared(images, architecture, self.hyper(architecture, order))


class Alone(nn.Module):
    """One architecture, with weights of its own."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture, self.shared = architecture, Shared(architecture)
        self.mixes = nn.ParameterList(
            [initial(each.hidden, len(each.reads) * CHANNELS) for _, _, each in mixings(architecture)]
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.shared(images, self.architecture, list(self.mixes))
