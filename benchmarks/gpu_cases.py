"""What is measured on a GPU, and who: cases at sizes that fill one, training steps, and the contenders."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from cases import CASES, M, attention, chain, library_attention
from peers import Inductor, Jax, Tandem, Torch

BLOCK = 1 << 22  # so many random numbers, repeated: drawing more would take longer than measuring
CHECKED = 100_000  # elements of results that are compared


@dataclass
class GpuCase:
    name: str
    what: str
    shapes: tuple[tuple[int, ...], ...]
    formula: Callable[..., Any]
    moves: float = 0  # bytes that pass through memory, at least
    flops: float = 0
    dtype: str = "float32"
    positive: bool = False
    library: Callable[..., Any] | None = None  # PyTorch's way; takes the module
    both: bool = False  # `library` is Tandem's way, too
    tolerance: float = 3e-3
    scale: float = 1.0

    def inputs(self, shrink: int) -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        arrays = []
        for shape in self.shapes:
            if shrink > 1:
                shape = tuple(min(extent, max(8, extent // shrink)) for extent in shape)
            block = min(BLOCK, int(np.prod(shape)))
            values = rng.random(block, dtype=np.float32) + np.float32(0.5)
            if not self.positive:
                values = rng.standard_normal(block, dtype=np.float32) * np.float32(self.scale)
            arrays.append(np.resize(values, shape))
        return arrays


def of(name: str) -> Any:
    return next(case.formula for case in CASES if case.name == name)


def product(xp: Any, x: Any, y: Any) -> Any:
    return x @ y


def convolution(library: Any, x: Any, w: Any) -> Any:
    return library.nn.functional.relu(library.nn.functional.conv2d(x, w, padding=1))


def small_chain(xp: Any, x: Any, y: Any) -> Any:
    """Kernels that depend on each other through a sum, so that nothing fuses them into one."""
    for _ in range(20):
        x = xp.tanh(x + y) * (x.sum() * 1e-6 + 1.0)
    return x


N = 8192
GPU_CASES = [
    GpuCase("add", "x+y, 64M", ((64 * M,),) * 2, lambda xp, x, y: x + y, moves=12 * 64 * M),
    GpuCase("chain", "tanh(x*w+b)*0.5+x, 3 × 64M", ((64 * M,),) * 3, chain, moves=16 * 64 * M),
    GpuCase("chain64K", "the same, 3 × 64K", ((64 * 1024,),) * 3, chain),
    GpuCase("gelu", "gelu(x+b), 16384 × 4096", ((16384, 4096), (4096,)), of("gelu"), moves=8 * 64 * M),
    GpuCase("softmax", "32768 × 1024", ((32768, 1024),), of("softmax"), moves=8 * 32 * M),
    GpuCase("softmax_long", "2048 × 32768", ((2048, 32768),), of("softmax"), moves=8 * 64 * M),
    GpuCase("layer_norm", "32768 × 1024", ((32768, 1024), (1024,), (1024,)), of("layer_norm"), moves=8 * 32 * M),
    GpuCase("sum", "sum of 256M", ((256 * M,),), of("sum16M"), moves=4 * 256 * M, scale=1e-2),
    GpuCase("sum_axis0", "16384 × 16384", ((16384, 16384),), of("sum_axis0"), moves=4 * 256 * M, tolerance=2e-2),
    GpuCase("transposed", "xᵀ+1, 8192 × 8192", ((N, N),), lambda xp, x: xp.transposed(x) + 1.0, moves=8 * 64 * M),
    GpuCase("black_scholes", "32M", ((32 * M,),) * 3, of("black_scholes"), moves=20 * 32 * M, positive=True),
    GpuCase("matmul", "4096³, float32", ((4096, 4096),) * 2, product, flops=2 * 4096**3, tolerance=2e-2),
    GpuCase(
        "matmul16",
        "8192³, bfloat16",
        ((N, N),) * 2,
        product,
        flops=2 * N**3,
        dtype="bfloat16",
        tolerance=0.1,
        scale=0.05,
    ),
    GpuCase(
        "linear_gelu",
        "gelu(x@w+b), 8192 × 4096 × 4096, bfloat16",
        ((N, 4096), (4096, 4096), (4096,)),
        of("linear_gelu"),
        flops=2 * N * 4096 * 4096,
        dtype="bfloat16",
        tolerance=0.1,
        scale=0.05,
    ),
    GpuCase(
        "attention",
        "8 × 16 × 1024 × 64, bfloat16",
        ((8, 16, 1024, 64),) * 3,
        attention,
        library=library_attention,
        flops=4 * 128 * 1024 * 1024 * 64,
        dtype="bfloat16",
        tolerance=0.1,
    ),
    GpuCase(
        "conv_relu",
        "3 × 3, 64 × 64 × 56 × 56",
        ((64, 64, 56, 56), (64, 64, 3, 3)),
        convolution,
        library=convolution,
        both=True,
        flops=2 * 64 * 64 * 56 * 56 * 64 * 9,
        tolerance=2e-2,
    ),
    GpuCase(
        "lstm_cell",
        "64 × 256",
        ((64, 256), (64, 256), (64, 256), (256, 1024), (256, 1024)),
        of("lstm_cell"),
        flops=2 * 2 * 64 * 256 * 1024,
        scale=0.05,
    ),
    GpuCase("small_chain", "20 dependent steps of 4096", ((4096,),) * 2, small_chain),
    GpuCase("add8", "a call for 8 elements", ((8,),) * 2, lambda xp, x, y: x + y),
]


# ---- who is measured ----


class OnGpu:
    """What all contenders have: where inputs go, and how they are waited for."""

    wait: Callable[[], Any]

    def put16(self, array: np.ndarray, dtype: str) -> Any:
        raise NotImplementedError


class GpuTandem(Tandem, OnGpu):
    name = "tandem"

    def put(self, array: np.ndarray) -> Any:
        return self.library.asarray(array, copy=True).to("cuda")

    def put16(self, array: np.ndarray, dtype: str) -> Any:
        return self.put(array).astype(getattr(self.library, dtype))

    def wait(self) -> None:
        self.library.cuda.synchronize()

    def get(self, value: Any) -> np.ndarray:
        return np.asarray(value.detach().reshape(-1)[:CHECKED].astype(self.library.float32).cpu())


class GpuTandemEager(GpuTandem):
    name = "eager"

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function


class GpuTandemGraphs(GpuTandem):
    """The same program, asked for as a CUDA graph."""

    name = "graphs"

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        compiled, use = self.library.script(function), self.library.cuda.use_graphs

        def run(*arguments: Any) -> Any:
            before = use(True)
            try:
                return compiled(*arguments)
            finally:
                use(before)

        return run


class GpuTorch(Torch, OnGpu):
    def __init__(self) -> None:
        super().__init__()
        if not self.library.cuda.is_available():
            raise RuntimeError("this PyTorch sees no GPU")
        self.library.backends.cudnn.allow_tf32 = False  # as for products, and here

    def put(self, array: np.ndarray) -> Any:
        return self.library.from_numpy(array).cuda()

    def put16(self, array: np.ndarray, dtype: str) -> Any:
        return self.put(array).to(getattr(self.library, dtype))

    def wait(self) -> None:
        self.library.cuda.synchronize()

    def get(self, value: Any) -> np.ndarray:
        return value.detach().reshape(-1)[:CHECKED].float().cpu().numpy()


class GpuInductor(GpuTorch):
    name = "torch.compile"

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        # All cases are called through one function, which is compiled a few times only and runs eagerly from then on.
        self.library._dynamo.reset()
        return Inductor.compiled(self, function)


class GpuJax(Jax, OnGpu):
    def __init__(self) -> None:
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        super().__init__()
        if self.library.default_backend() != "gpu":
            raise RuntimeError("this JAX sees no GPU")

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        compiled = self.library.jit(function)

        def run(*arguments: Any) -> Any:
            self.last = compiled(*arguments)
            return self.last

        return run

    def put16(self, array: np.ndarray, dtype: str) -> Any:
        return self.put(array).astype(dtype)

    def wait(self) -> None:
        self.library.block_until_ready(self.last)

    def get(self, value: Any) -> np.ndarray:
        return np.asarray(value.reshape(-1)[:CHECKED].astype("float32"))


OWN = ("tandem", "graphs", "eager")
CONTENDERS: dict[str, type[Any]] = {
    "tandem": GpuTandem,
    "graphs": GpuTandemGraphs,
    "eager": GpuTandemEager,
    "torch": GpuTorch,
    "torch.compile": GpuInductor,
    "jax": GpuJax,
}


def function_of(peer: Any, case: GpuCase) -> Callable[..., Any]:
    if case.library and (case.both or isinstance(peer, Torch)):
        if isinstance(peer, Jax):
            raise NotImplementedError(f"{case.name} in JAX")
        formula = functools.partial(case.library, peer.library)
    elif case.both:
        raise NotImplementedError(case.name)
    else:
        formula = functools.partial(case.formula, peer.xp)
    return peer.compiled(lambda *xs: formula(*xs))


# ---- training steps ----


@dataclass
class Training:
    name: str
    what: str
    layers: Callable[[Any], Any]  # takes the library's nn
    inputs: tuple[int, ...]
    classes: int = 0  # 0: the mean square of what comes out
    optimizer: str = "Adam"


def encoder(nn: Any) -> Any:
    layer = nn.TransformerEncoderLayer(512, 8, 2048, dropout=0.0, batch_first=True, activation="gelu")
    return nn.TransformerEncoder(layer, 6, enable_nested_tensor=False)


TRAININGS = [
    Training(
        "mlp_step",
        "784-512-256-10, batch 128, Adam",
        lambda nn: nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)),
        (128, 784),
        10,
    ),
    Training("encoder_step", "6 layers of 512, 16 × 256, AdamW", encoder, (16, 256, 512), optimizer="AdamW"),
    Training(
        "resnet_step",
        "4 blocks of 64 channels, 32 × 64 × 32 × 32, SGD",
        lambda nn: nn.Sequential(
            *(
                layer
                for _ in range(4)
                for layer in (nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU())
            )
        ),
        (32, 64, 32, 32),
        optimizer="SGD",
    ),
]


def step_of(peer: Any, case: Training, weights: dict[str, np.ndarray], shrink: int) -> Callable[[], Any]:
    library = peer.library
    net = case.layers(library.nn)
    convert = library.from_numpy if isinstance(peer, Torch) else library.asarray
    net.load_state_dict({name: convert(value.copy()) for name, value in weights.items()})
    net = net.to("cuda")
    optimizer = getattr(library.optim, case.optimizer)(net.parameters(), lr=1e-3)
    rng = np.random.default_rng(1)
    shape = (max(2, case.inputs[0] // shrink), *case.inputs[1:])
    x = peer.put(rng.standard_normal(shape, dtype=np.float32))
    target = peer.put(rng.integers(0, case.classes, shape[0])) if case.classes else None
    model = library.compile(net) if isinstance(peer, GpuInductor) else net

    def step() -> Any:
        optimizer.zero_grad()
        y = model(x)
        loss = library.nn.functional.cross_entropy(y, target) if case.classes else (y * y).mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return peer.compiled(step) if type(peer) in (GpuTandem, GpuTandemGraphs) else step
