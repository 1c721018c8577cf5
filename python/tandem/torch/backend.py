"""The backend "tandem" of torch.compile: AOTAutograd cuts a graph into forward and backward, and each is compiled."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch._decomp import core_aten_decompositions, get_decompositions
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.partitioners import min_cut_rematerialization_partition

from tandem import _core
from tandem.torch.graph import CompiledGraph
from tandem.torch.resampling import kept_whole
from tandem.torch.table import EXPORTED, RANDOM, rows

OPTIONS: dict[str, Any] = {"fallback": True, "numerics": "strict", "freeze": False}
_OLDEST = (2, 13)

# What torch can say in simpler operations, besides its own list.
_ALSO = [
    "adaptive_max_pool2d",
    "native_group_norm",
    "_fused_dropout",
    "dist",
    "linalg_vector_norm",
    "grid_sampler_2d",
    "grid_sampler_2d_backward",
    "avg_pool3d_backward",
    "angle",
    "addcmul",
    "hardswish",
    "hardsigmoid",
    "bucketize",
    "std_mean",
    "cdist",
    "_cdist_forward",
    "reflection_pad1d",
    "reflection_pad2d",
    "reflection_pad3d",
    "replication_pad1d",
    "replication_pad2d",
    "replication_pad3d",
    "reflection_pad1d_backward",
    "reflection_pad2d_backward",
    "replication_pad2d_backward",
    "mse_loss",
    "smooth_l1_loss",
    "huber_loss",
    "im2col",
    "col2im",
    "max_pool3d_with_indices",
    "elu",
    "mish",
    "softshrink",
    "hardshrink",
    "_adaptive_avg_pool2d",
    "fmax",
    "fmin",
    "renorm",
    "rot90",
    "trace",
    "nansum",
    "nan_to_num",
    "isin",
    "rrelu_with_noise_backward",
    "aminmax",
    "count_nonzero",
    "index_reduce",
    "index_add",
    "index_copy",
    "lerp",
    "sgn",
    "soft_margin_loss",
    "_weight_norm_interface",
]


@functools.cache
def decompositions() -> dict[Any, Callable[..., Any]]:
    """Return how torch says an operation in simpler ones, for those that have no row of their own."""
    aten = torch.ops.aten
    also = [getattr(aten, name) for name in _ALSO if hasattr(aten, name)]
    table = {**get_decompositions(also), **core_aten_decompositions()}
    kept = (rows().keys() - EXPORTED) | RANDOM
    return {op: how for op, how in table.items() if str(op) not in kept}


def checked_options(options: dict[str, Any] | None, mode: str | None) -> dict[str, Any]:
    """Return all options; raise for those that there are not."""
    if mode not in (None, "default"):
        raise _core.ArgumentError(
            f"torch.compile: got mode={mode!r} with the backend 'tandem'; need no mode: those are about Inductor's "
            "CUDA graphs and autotuning; try leaving it out, or options={'numerics': 'fast'}"
        )
    given = dict(options or {})
    unknown = given.keys() - OPTIONS.keys()
    if unknown:
        raise _core.ArgumentError(
            f"torch.compile: got the option {min(unknown)!r} with the backend 'tandem'; need one of "
            f"{', '.join(sorted(OPTIONS))}"
        )
    merged = {**OPTIONS, **given}
    flags = all(isinstance(merged[name], bool) for name in ("fallback", "freeze"))
    if merged["numerics"] not in ("strict", "fast") or not flags:
        raise _core.ArgumentError(
            f"torch.compile: got options={given}; need numerics 'strict' or 'fast', fallback and freeze True or False"
        )
    return merged


def check_version() -> None:
    """Raise for a torch whose graphs are not known."""
    version = tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in torch.__version__.split(".")[:2])
    if version < _OLDEST or not hasattr(torch.Tensor, "__dlpack_c_exchange_api__"):
        raise _core.BackendError(
            f"tandem.torch: got torch {torch.__version__}; need {_OLDEST[0]}.{_OLDEST[1]} or later; "
            "try pip install 'tandem-jit[torch]'"
        )


def _visible(graph: torch.fx.GraphModule) -> int:
    """Return how many of the first results of a forward graph anybody else than the backward graph sees."""
    context = torch._guards.TracingContext.try_get()
    meta = getattr(context, "fw_metadata", None)
    if meta is None:
        return 1 << 30
    return int(meta.num_forward_returns)


def _static() -> tuple[int, ...]:
    """Return which inputs of a graph are parameters and buffers of modules."""
    context = torch._guards.TracingContext.try_get()
    meta = getattr(context, "fw_metadata", None)
    return tuple(meta.static_input_indices) if meta is not None else ()


def tandem(
    module: torch.fx.GraphModule, example_inputs: list[Any], *, options: Any = None, mode: str | None = None
) -> Callable[..., Any]:
    """Compile a graph that Dynamo found; what `torch.compile(model, backend="tandem")` calls.

    options: fallback: operations that Tandem does not compile run in torch, else they are an error. numerics: "strict"
    rounds after every operation as eager code does, "fast" may combine operations. freeze: in inference, parameters and
    buffers are constants of the program.
    """
    check_version()
    settings = checked_options(options, mode)

    def forward(graph: torch.fx.GraphModule, inputs: list[Any]) -> CompiledGraph:
        return CompiledGraph(graph, "forward", settings, _visible(graph))

    def backward(graph: torch.fx.GraphModule, inputs: list[Any]) -> CompiledGraph:
        return CompiledGraph(graph, "backward", settings, 0)

    def inference(graph: torch.fx.GraphModule, inputs: list[Any]) -> CompiledGraph:
        return CompiledGraph(graph, "inference", settings, 1 << 30, _static() if settings["freeze"] else ())

    with kept_whole():
        return aot_autograd(
            fw_compiler=forward,
            bw_compiler=backward,
            inference_compiler=inference,
            decompositions=decompositions(),
            partition_fn=min_cut_rematerialization_partition,
            keep_inference_input_mutations=True,
        )(module, example_inputs)
