"""Functions of the library and networks, on the GPU as on the CPU."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from report import Report, agree, case, close, to

import tandem as td
from tandem.nn import functional as F


def floats(*shape: int, seed: int = 3, dtype: str = "float32") -> Any:
    return td.asarray(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


def whole(high: int, *shape: int, seed: int = 4) -> Any:
    return td.asarray(np.random.default_rng(seed).integers(0, high, shape))


x34, image, rows, classes = floats(3, 4), floats(2, 4, 9, 9), floats(6, 5), whole(5, 6)

# What of the library is no row of the table: each is called with tensors of one device.
LIBRARY: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "embedding": (lambda i, w: F.embedding(i, w), (whole(7, 3, 2), floats(7, 4))),
    "embedding_bag": (lambda i, w: F.embedding_bag(i, w, mode="mean"), (whole(7, 3, 2), floats(7, 4))),
    "one_hot": (lambda i: F.one_hot(i, 7), (whole(7, 3),)),
    "cross_entropy": (lambda x, t: F.cross_entropy(x, t), (rows, classes)),
    "nll_loss": (lambda x, t: F.nll_loss(F.log_softmax(x, dim=1), t), (rows, classes)),
    "mse_loss": (lambda x: F.mse_loss(x, x * 2), (rows,)),
    "l1_loss": (lambda x: F.l1_loss(x, x * 2), (rows,)),
    "kl_div": (lambda x: F.kl_div(F.log_softmax(x, dim=1), F.softmax(x, dim=1)), (rows,)),
    "huber_loss": (lambda x: F.huber_loss(x, x * 3), (rows,)),
    "binary_cross_entropy_with_logits": (lambda x: F.binary_cross_entropy_with_logits(x, td.sigmoid(x)), (rows,)),
    "poisson_nll_loss": (lambda x: F.poisson_nll_loss(x, td.abs(x), full=True), (rows,)),
    "gaussian_nll_loss": (lambda x: F.gaussian_nll_loss(x, x * 2, td.abs(x)), (rows,)),
    "multi_margin_loss": (lambda x, t: F.multi_margin_loss(x, t), (rows, classes)),
    "multilabel_margin_loss": (lambda x, t: F.multilabel_margin_loss(x, t), (rows, whole(5, 6, 5))),
    "cosine_similarity": (lambda x: F.cosine_similarity(x, x * x), (rows,)),
    "pairwise_distance": (lambda x: F.pairwise_distance(x, x * 2), (rows,)),
    "pdist": (lambda x: F.pdist(x), (rows,)),
    "batch_norm": (lambda x: F.batch_norm(x, None, None, training=True), (image,)),
    "instance_norm": (lambda x: F.instance_norm(x), (image,)),
    "group_norm": (lambda x: F.group_norm(x, 2), (image,)),
    "local_response_norm": (lambda x: F.local_response_norm(x, 3), (image,)),
    "rms_norm": (lambda x: F.rms_norm(x, (5,)), (rows,)),
    "conv2d": (lambda x, w: F.conv2d(x, w, padding=1), (image, floats(3, 4, 3, 3))),
    "conv1d": (lambda x, w: F.conv1d(x, w, stride=2), (floats(2, 4, 9), floats(3, 4, 3))),
    "conv_transpose2d": (lambda x, w: F.conv_transpose2d(x, w, stride=2), (image, floats(4, 3, 3, 3))),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2), (image,)),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, stride=2), (image,)),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, 2), (image,)),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, 2), (image,)),
    "unfold": (lambda x: F.unfold(x, 3), (image,)),
    "fold": (lambda x: F.fold(F.unfold(x, 3), (9, 9), 3), (image,)),
    "interpolate nearest": (lambda x: F.interpolate(x, scale_factor=2), (image,)),
    "interpolate bilinear": (lambda x: F.interpolate(x, size=(5, 7), mode="bilinear"), (image,)),
    "grid_sample": (lambda x, g: F.grid_sample(x, td.tanh(g)), (image, floats(2, 5, 5, 2))),
    "affine_grid": (lambda t: F.affine_grid(t, (2, 3, 4, 5)), (floats(2, 2, 3),)),
    "pad": (lambda x: F.pad(x, (1, 2), mode="reflect"), (floats(2, 3, 5),)),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), (image,)),
    "prelu": (lambda x, w: F.prelu(x, w), (image, floats(4))),
    "glu": (lambda x: F.glu(x), (x34,)),
    "attention": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        (floats(2, 3, 8, 4), floats(2, 3, 8, 4, seed=5), floats(2, 3, 8, 4, seed=6)),
    ),
    "tril": (lambda x: td.tril(x), (x34,)),
    "diag": (lambda x: td.diag(x[0]), (x34,)),
    "cross": (lambda x: td.linalg.cross(x, x * x + 1), (floats(4, 3),)),
    "einsum": (lambda x: td.einsum("ij,kj->ik", x, x), (x34,)),
    "scatter_add": (lambda x, i: td.scatter_add(x, i, x, axis=0), (x34, whole(3, 3, 4))),
    "put_along_axis": (lambda x, i: _put(x, i), (x34, whole(4, 3, 4))),
    "take_along_axis": (lambda x, i: td.take_along_axis(x, i, axis=1), (x34, whole(4, 3, 2))),
    "sort": (lambda x: td.sort(x, axis=1), (x34,)),
    "argsort": (lambda x: td.argsort(x, axis=0), (x34,)),
    "searchsorted": (lambda x: td.searchsorted(td.sort(x[0]), x), (x34,)),
    "unique": (lambda i: td.unique_values(i), (whole(4, 9),)),
    "nonzero": (lambda x: td.nonzero(x > 0), (x34,)),
    "mask": (lambda x: x[x > 0], (x34,)),
    "index": (lambda x, i: x[i, i], (x34, whole(3, 5))),
    "index write": (lambda x, i: _written(x, i), (floats(9, 4), whole(9, 30))),
    "index add": (lambda x, i: _added(x, i), (floats(9, 4), whole(9, 3000))),
    "cumulative_sum": (lambda x: td.cumulative_sum(x, axis=1, include_initial=True), (x34,)),
    "histogram": (lambda x: td.histogram(x, bins=4)[0], (x34,)),
    "solve": (lambda a: td.linalg.solve(a @ a.mT + td.eye(4, device=a.device), a), (floats(4, 4),)),
    "fft": (lambda x: td.fft.fft(x), (x34,)),
}


def _written(x: Any, i: Any) -> Any:
    y = x.copy()
    y[i] = td.cos(td.arange(i.shape[0], dtype=x.dtype, device=x.device))[:, None] * x[0]
    return y


def _put(x: Any, i: Any) -> Any:
    y = x.copy()
    td.put_along_axis(y, i, x * 2, axis=1)
    return y


def _added(x: Any, i: Any) -> Any:
    values = td.sin(td.arange(i.shape[0] * x.shape[1], dtype=x.dtype, device=x.device)).reshape((-1, x.shape[1]))
    table = x.copy().requires_grad_()
    (td.take(table, i, axis=0) * values).sum().backward()  # whose gradient adds at the indices, in their order
    return table.grad


def library(report: Report) -> None:
    for name in report.own(list(LIBRARY)):

        def check(name: str = name) -> str:
            function, arguments = LIBRARY[name]
            case(name, arguments)
            return agree(lambda: function(*to(arguments, "cuda")), function(*arguments), "float32")

        report.check(name, check)
    for name in report.own(["uniform", "normal", "integers", "exponential", "gamma", "poisson", "bernoulli"]):
        report.check(f"random {name}", lambda: numbers(name))


def numbers(name: str) -> str:
    given = {"integers": (100,), "gamma": (2.5,), "poisson": (3.0,)}.get(name, ())

    def draw(**where: Any) -> Any:
        generator = td.random.Generator(7)
        return [getattr(generator, name)(*given, shape=(1000,), **where) for _ in range(2)]

    return agree(lambda: draw(device="cuda"), draw(), "float32")


# ---- networks: forward, backward, and both compiled ----


class Block(td.nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = (td.nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2))
        self.norm1, self.norm2 = td.nn.BatchNorm2d(channels), td.nn.BatchNorm2d(channels)

    def forward(self, x: Any) -> Any:
        return F.relu(x + self.norm2(self.second(F.relu(self.norm1(self.first(x))))))


class Recurrent(td.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = td.nn.LSTM(12, 16, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.layer(x)[0]


class Words(td.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.out = td.nn.Embedding(20, 8), td.nn.Linear(8, 20)

    def forward(self, x: Any) -> Any:
        return self.out(self.table(x).mean(axis=1))


def encoder() -> Any:
    layer = td.nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
    return td.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


NETWORKS: dict[str, tuple[Callable[[], Any], Any]] = {
    "perceptron": (lambda: td.nn.Sequential(td.nn.Linear(8, 32), td.nn.GELU(), td.nn.Linear(32, 4)), floats(16, 8)),
    "encoder": (encoder, floats(2, 10, 16)),
    "lstm": (Recurrent, floats(2, 7, 12)),
    "gru cell": (lambda: td.nn.GRUCell(12, 16), floats(3, 12)),
    "resnet block": (lambda: Block(4), floats(2, 4, 8, 8)),
    "embedding": (Words, whole(20, 6, 5)),
}


def made(build: Callable[[], Any]) -> Any:
    td.manual_seed(0)
    return build()


def results(net: Any, x: Any, compiled: bool) -> Any:
    """What the network gives, and the gradients of its parameters."""

    def step(x: Any) -> Any:
        y = net(x)
        (td.tanh(y) ** 2).sum().backward()
        return y.detach()

    y = (td.script(step) if compiled else step)(x)
    return [y, [p.grad for p in net.parameters()]]


def models(report: Report) -> None:
    for name in report.own(list(NETWORKS)):
        build, x = NETWORKS[name]
        net = made(build)

        def check(compiled: bool, net: Any = net, x: Any = x) -> str:
            case(f"{type(net).__name__}, forward and backward", x)
            wanted = results(copy.deepcopy(net), x, compiled)
            return close(results(copy.deepcopy(net).to("cuda"), x.to("cuda"), compiled), wanted)

        report.check(f"{name} eager", lambda: check(False))
        report.check(f"{name} compiled", lambda: check(True))
