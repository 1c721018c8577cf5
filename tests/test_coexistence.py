"""One process with other compilers and thread pools in it: whichever is imported first, both go on working.

Numba and llvmlite carry another LLVM, PyTorch and JAX carry others still, with their own OpenMP and oneDNN.
"""

import importlib.util

import pytest

from conftest import SANITIZED, RunPython

TANDEM = """
import numpy as np, tandem as td
def use_tandem():
    @td.script
    def f(x, w):
        return td.softmax(td.tanh(x @ w) * 0.5 + 1.0, axis=1).sum(axis=0)
    x = np.linspace(-1, 1, 48 * 300, dtype='f').reshape(48, 300)
    w = np.linspace(1, -1, 300 * 200, dtype='f').reshape(300, 200)
    got = np.asarray(f(td.asarray(x), td.asarray(w)))
    same = np.asarray(f.eager(td.asarray(x), td.asarray(w)))
    z = np.tanh(x @ w) * 0.5 + 1
    e = np.exp(z - z.max(1, keepdims=True))
    np.testing.assert_array_equal(got, same)
    np.testing.assert_allclose(got, (e / e.sum(1, keepdims=True)).sum(0), rtol=1e-4)
    big = td.asarray(np.ones(1 << 22, 'f'))            # large enough for several threads
    assert float((big + big).sum()) == 2.0 * (1 << 22)
"""

OTHERS = {
    "numba": """
import numba, numpy as np
def use_other():
    @numba.njit(parallel=True)
    def f(x):
        total = 0.0
        for i in numba.prange(x.size):
            total += np.tanh(x[i])
        return total
    x = np.linspace(0, 1, 10000)
    assert abs(f(x) - np.tanh(x).sum()) < 1e-8
""",
    "llvmlite": """
import ctypes
import llvmlite.binding as llvm
def use_other():
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly('define i32 @f(i32 %x) {\\n %y = mul i32 %x, 3\\n ret i32 %y\\n}')
    machine = llvm.Target.from_default_triple().create_target_machine()
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    f = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32)(engine.get_function_address('f'))
    assert f(14) == 42
""",
    "torch": """
import torch
def use_other():
    x = torch.linspace(-1, 1, 256 * 256).reshape(256, 256).requires_grad_()
    y = torch.softmax(torch.tanh(x @ x), dim=1).sum()
    y.backward()
    assert abs(float(y) - 256) < 1e-2 and x.grad is not None
""",
    "jax": """
import jax, jax.numpy as jnp
def use_other():
    f = jax.jit(lambda x: jax.nn.softmax(jnp.tanh(x @ x), axis=1).sum())
    assert abs(float(f(jnp.linspace(-1, 1, 256 * 256).reshape(256, 256))) - 256) < 1e-2
""",
}


@pytest.mark.skipif(SANITIZED, reason="the other libraries are not built for the sanitizers")
@pytest.mark.parametrize("order", ["before", "after", "interleaved"])
@pytest.mark.parametrize("other", OTHERS)
def test_coexists(other: str, order: str, run_python: RunPython) -> None:
    if importlib.util.find_spec(other) is None:
        pytest.skip(f"{other} is not installed")
    programs = {
        "before": OTHERS[other] + "use_other()\n" + TANDEM + "use_tandem()\nuse_other()\n",
        "after": TANDEM + "use_tandem()\n" + OTHERS[other] + "use_other()\nuse_tandem()\n",
        "interleaved": OTHERS[other] + TANDEM + "use_tandem()\nuse_other()\nuse_tandem()\n",
    }
    # A fresh cache: the kernels are compiled here, beside the other compiler.
    assert run_python(programs[order] + "print('both work')", TANDEM_CACHE_DIR="") == "both work"
