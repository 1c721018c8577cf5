"""Tandem: an eager, NumPy-like tensor library with a tracing JIT behind an optional annotation.

>>> import tandem as td
>>> td.asarray([1., 2.]) + 1
tensor([2., 3.], dtype=float32)
"""

import os as _os

from tandem import _subinterpreters
from tandem import _core

_core._set_package_folder(_os.path.dirname(_os.path.abspath(__file__)) + _os.sep)

from tandem import _numpy, _numpy_protocols, _pickling, _printing  # noqa: E402
from tandem._core import (  # noqa: E402
    AutogradError,
    BackendError,
    CaptureError,
    CompileError,
    DType,
    DTypeError,
    Error,
    NumberRangeError,
    OutOfMemoryError,
    SerializationError,
    ShapeError,
    ShareError,
    Size,
    Tensor,
    asarray,
    default_dtype,
    empty,
    empty_cache,
    from_dlpack,
    memory_stats,
    num_threads,
    reset_peak_memory,
    set_default_dtype,
    set_num_threads,
)
from tandem._array_api import (  # noqa: E402
    broadcast_shapes,
    count_nonzero,
    cumulative_sum,
    diff,
    meshgrid,
    moveaxis,
    outer,
    repeat,
    roll,
    tensordot,
    tile,
    unstack,
    vecdot,
)
from tandem._creation import (  # noqa: E402
    astype,
    broadcast_arrays,
    empty_like,
    full_like,
    ones_like,
    zeros_like,
)
from tandem._array_api_info import VERSIONS as _VERSIONS, __array_namespace_info__  # noqa: E402
from tandem._einsum import einsum  # noqa: E402
from tandem._products import cdist, cross, dist, kron  # noqa: E402
from tandem._dtypes import can_cast, finfo, iinfo, isdtype, result_type  # noqa: E402
from tandem._float_parts import frexp  # noqa: E402
from tandem._parts import diag, one_hot, pad  # noqa: E402
from tandem._scatter import put_along_axis  # noqa: E402
from tandem._sorting import (  # noqa: E402
    argwhere,
    cumulative_prod,
    isin,
    nonzero,
    searchsorted,
    topk,
)
from tandem._statistics import bincount, histogram, interp, median, percentile, quantile  # noqa: E402
from tandem._unique import unique_all, unique_counts, unique_inverse, unique_values  # noqa: E402
from tandem.autograd import (  # noqa: E402
    checkpoint,
    custom_gradient,
    enable_grad,
    grad,
    hessian,
    is_grad_enabled,
    jacobian,
    jvp,
    no_grad,
    set_grad_enabled,
    stop_gradient,
    value_and_grad,
    vjp,
)
from tandem.compare import compare  # noqa: E402
from tandem.jit import (  # noqa: E402
    clear_cache,
    debug_nans,
    disabled,
    is_enabled,
    no_recompile,
    profiler,
    script,
    set_debug_nans,
    set_enabled,
    stats,
    trace,
    viz,
)
from tandem.serialization import load, save  # noqa: E402
from tandem.tensor_spec import TensorSpec  # noqa: E402
from tandem.vectorizing import vectorize  # noqa: E402
from tandem import random  # noqa: E402
from tandem.random import manual_seed  # noqa: E402

__version__ = _core.__version__
__array_api_version__ = _VERSIONS[-1]

for _name in (*_core._op_names, *(_dtype.name for _dtype in _core._dtypes)):
    globals()[_name] = getattr(_core, _name)

from tandem import fft, linalg  # noqa: E402
from tandem._numpy import methods as _methods  # noqa: E402
from tandem.linalg import norm  # noqa: E402

from math import e, inf, nan, pi  # noqa: E402

newaxis = None

# Imported when they are asked for, so that `import tandem` takes no time: the module that each name is, or is in.
_LATER = {
    name: name
    for name in (
        "amp",
        "archive",
        "cuda",
        "data",
        "nn",
        "onnx",
        "optim",
        "precision",
        "runtime",
        "tensorboard",
        "training",
    )
}
_LATER |= {
    "device": "_devices",
    "autocast": "amp",
    "convert": "precision",
    "fit": "training",
    "aot": "ahead",
} | _numpy.PLACES

# The same, but not for `from tandem import *`: they need PyTorch.
_OF_TORCH = {"torch": "torch", "from_torch": "torch"}


def __getattr__(name: str) -> object:
    if name in _numpy.ALIASES:
        value = globals().get(_numpy.ALIASES[name]) or __getattr__(_numpy.ALIASES[name])
    elif place := _LATER.get(name) or _OF_TORCH.get(name):
        from importlib import import_module

        module = import_module(f"tandem.{place}")
        value = module if place == name else getattr(module, name)
    else:
        from tandem._numpy.left_out import LEFT_OUT

        instead = f", which NumPy has; try {LEFT_OUT[name]}" if name in LEFT_OUT else ""
        raise AttributeError(f"module 'tandem' has no attribute '{name}'{instead}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    from importlib.util import find_spec

    return sorted({*globals(), *_LATER, *_numpy.ALIASES, *(_OF_TORCH if find_spec("torch") else ())})


# Type checkers read the same names in __init__.pyi, which `python -m tandem._stubs` writes.
__all__ = sorted(name for name in (*globals(), *_LATER, *_numpy.ALIASES) if not name.startswith("_"))
