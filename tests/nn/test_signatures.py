"""Every function of torch.nn.functional is here with PyTorch's parameters, or stands below with the reason."""

import inspect
import typing

import pytest

from tandem.nn import functional as F

torch = pytest.importorskip("torch", reason="torch is not installed")
G = torch.nn.functional

# Left out everywhere: what PyTorch deprecated, and how a warning finds its line.
NOWHERE = {"size_average", "reduce", "_stacklevel"}
MISSING = {
    "assert_int_or_pair": "a check of PyTorch's own",
    "conv_tbc": "of a layout that nothing else has",
    "grouped_mm": "for accelerators",
    "has_torch_function": "PyTorch's dispatch",
    "has_torch_function_unary": "PyTorch's dispatch",
    "has_torch_function_variadic": "PyTorch's dispatch",
    "handle_torch_function": "PyTorch's dispatch",
    "boolean_dispatch": "PyTorch's dispatch",
    "native_channel_shuffle": "channel_shuffle by another name",
    "scaled_grouped_mm": "for accelerators",
    "scaled_mm": "for accelerators",
    "upsample_bilinear": "deprecated by PyTorch: interpolate",
    "upsample_nearest": "deprecated by PyTorch: interpolate",
}
PARAMETERS = {
    "embedding": ({"scale_grad_by_freq", "sparse"}, "of gradients only"),
    "embedding_bag": ({"scale_grad_by_freq", "sparse"}, "of gradients only"),
    "gumbel_softmax": ({"eps"}, "deprecated by PyTorch"),
    "linear_cross_entropy": ({"options"}, "how it is computed"),
    "normalize": ({"out"}, "tensors are written with out[...] = ..."),
}
# Defaults that PyTorch has only to warn about them.
DEFAULTS = {
    *((name, "dim") for name in ("softmax", "softmin", "log_softmax")),
    *((name, "align_corners") for name in ("affine_grid", "grid_sample")),
}


def functions(module):
    for name in dir(module):
        value = getattr(module, name)
        plain = callable(value) and not name.startswith("_") and not inspect.isclass(value)
        if plain and getattr(typing, name, None) is not value and not name.endswith("_with_indices"):
            yield name


def is_in_place(name):
    return name.endswith("_") and hasattr(G, name[:-1])


@pytest.mark.parametrize("name", [n for n in functions(G) if not is_in_place(n)])
def test_every_function_is_here(name):
    if getattr(G, name).__module__ not in ("torch.nn.functional", "torch._C._nn", None, "torch", "torch._jit_internal"):
        return  # imported there for PyTorch's own use
    assert (name in F.__all__) != (name in MISSING), name


@pytest.mark.parametrize("name", F.__all__)
def test_parameters(name):
    theirs = getattr(G, name, None)
    assert theirs is not None
    with_indices = getattr(G, f"{name}_with_indices", None)
    try:
        wanted = inspect.signature(with_indices or theirs).parameters
    except ValueError:
        return  # built in: their parameters are not known to Python
    left_out, _ = PARAMETERS.get(name, (set(), ""))
    if set(wanted) & {"args", "kwargs"}:
        return  # so is what a dispatcher hides
    ours = inspect.signature(getattr(F, name)).parameters
    assert set(wanted) - NOWHERE - left_out == set(ours)
    for parameter in ours.values():
        default = wanted[parameter.name].default
        if default is not inspect.Parameter.empty and (name, parameter.name) not in DEFAULTS:
            assert parameter.default == default or (default == [] and parameter.default is None), parameter.name
