"""Kernels of real programs, one of every operation and some fused ones, are accepted by NVRTC."""

import numpy as np
import pytest

import tandem as td
from nvrtc_support import nvrtc_file, problem
from ops import samples
from tandem.nn import functional as F

pytestmark = pytest.mark.skipif(nvrtc_file() is None, reason="nvidia-cuda-nvrtc is not installed")

ARCHS = (80, 90, 100)
SHARES = 8  # of the operations, so that workers share them
NAMES = [name for name, row in samples.table().items() if row["inputs"] and samples.ACCEPTED[row["accepts"]]]


def kernels(function, *arguments) -> list[str]:
    """Source text of each kernel of a function, which is run on the CPU."""
    traced = td.trace(function)
    traced(*arguments)
    return ["struct" if not text.strip() else text for text in traced.ir("cuda").split("// kernel ")[1:]]


def check(what: str, texts: list[str]) -> None:
    for number, text in enumerate(texts):
        name, _, source = text.partition("\n")
        complaint = problem(source, ARCHS[number % len(ARCHS)])
        assert not complaint, f"{what}, kernel {name}: {complaint}\n{source}"


@pytest.mark.parametrize("share", range(SHARES))
def test_every_operation(share: int) -> None:
    seen = set()
    for name in NAMES[share::SHARES]:
        dtypes = samples.ACCEPTED[samples.table()[name]["accepts"]]
        dtype = next(dtype for dtype in ("float32", "int32", *dtypes) if dtype in dtypes)
        sample = samples.samples(name)[0]
        rng = np.random.default_rng(1)
        hosts = [samples.draw(rng, shape, domain, dtype) for shape, domain in zip(sample.shapes, sample.domains)]
        tensors = [samples.to_tensor(host, dtype) for host in hosts]
        variadic = samples.table()[name]["variadic"]

        def program(*xs, name=name, variadic=variadic, sample=sample):
            function = getattr(td, name)
            return function(list(xs), **sample.attributes) if variadic else function(*xs, **sample.attributes)

        texts = [text for text in kernels(program, *tensors) if text.partition("\n")[2] not in seen]
        seen |= {text.partition("\n")[2] for text in texts}
        check(name, texts)


def floats(*shape: int):
    return td.asarray(np.random.default_rng(2).standard_normal(shape).astype(np.float32))


def layer_norm_and_gradient(x, w, b):
    y = F.layer_norm(x, (64,), w, b)
    return td.grad(lambda v: (F.gelu(F.layer_norm(v, (64,), w, b)) * v).sum())(x), y


PROGRAMS = {
    "softmax": (lambda x: F.softmax(x * 0.5, dim=-1), (floats(8, 300),)),
    "softmax of columns": (lambda x: F.softmax(x, dim=0), (floats(300, 40),)),
    "layer norm and its gradient": (layer_norm_and_gradient, (floats(16, 64), floats(64), floats(64))),
    "attention": (lambda q, k, v: F.softmax(q @ k.mT / 8.0, dim=-1) @ v, (floats(4, 16, 32),) * 3),
    "transposed sum": (lambda x, y: (x.mT + y).sum(axis=1), (floats(40, 50), floats(50, 40))),
    "long sums": (lambda x: (x * x).sum() + td.exp(x).mean(), (floats(300000),)),
    "running sums": (lambda x: td.cumsum(x, axis=1) * 2, (floats(4, 100),)),
    "gathers": (lambda x, i: td.take(x, i, axis=0) + 1, (floats(10, 8), td.asarray(np.array([1, 5, 2])))),
    "half precision": (lambda x: F.silu(x.astype(td.bfloat16)).astype(td.float16).sum(axis=-1), (floats(6, 100),)),
    "complex numbers": (lambda x: td.abs(td.exp(td.complex(x, x * 2))), (floats(64),)),
    "indices of extremes": (lambda x: (td.argmax(x, axis=-1), td.argmin(x, axis=0)), (floats(40, 50),)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str) -> None:
    function, arguments = PROGRAMS[name]
    texts = kernels(function, *arguments)
    assert texts
    check(name, texts)


def test_random_numbers() -> None:
    td.manual_seed(1)
    check("normal", kernels(lambda x: x + td.random.normal(x.shape), floats(32, 32)))
