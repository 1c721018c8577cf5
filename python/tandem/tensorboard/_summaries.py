"""Values as the plug-ins of TensorBoard expect them in a summary."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from tandem import _core
from tandem.tensorboard._png import png
from tandem.tensorboard._wire import encode

# Numbers that TensorBoard gives to dtypes, for tensors and for the edges of graphs (DataType of its types.proto).
DTYPES = {
    "float32": 1,
    "float64": 2,
    "int32": 3,
    "uint8": 4,
    "int16": 5,
    "int8": 6,
    "string": 7,
    "complex64": 8,
    "int64": 9,
    "bool": 10,
    "bfloat16": 14,
    "uint16": 17,
    "complex128": 18,
    "float16": 19,
    "uint32": 22,
    "uint64": 23,
}
# How series are stored (DataClass of its summary.proto).
TENSOR, BLOBS = 2, 3
# How a run ended (Status of the hparams plug-in).
SUCCESS, FAILURE = 1, 2

Value = dict[str, Any]


def array(what: str, value: Any) -> np.ndarray:
    """A tensor, an array or numbers as an array; a 16-bit one as float32."""
    if isinstance(value, _core.Tensor):
        value = value.detach()
        if value.dtype in (_core.bfloat16, _core.float16):
            value = value.astype(_core.float32)
    found = np.asarray(value)
    if found.dtype.kind not in "biuf":
        raise _core.DTypeError(f"{what}: got values of dtype {found.dtype}; need real numbers; try td.abs")
    return found


def scalar(tag: str, value: Any) -> Value:
    """One number."""
    found = array("add_scalar", value)
    if found.size != 1:
        raise _core.ShapeError(f"add_scalar: got shape {found.shape} for '{tag}'; need one number; try its mean")
    # As float64 first: numbers beyond float32 become infinite, as they would there, and raise nothing.
    with np.errstate(over="ignore"):
        return {"tag": tag, "simple_value": float(np.float32(found.reshape(())[()]))}


def histogram(tag: str, value: Any, buckets: int) -> Value:
    """Buckets of one width from the least to the largest finite value: rows of left end, right end, count."""
    found = array("add_histogram", value).reshape(-1).astype(np.float64)
    found = found[np.isfinite(found)]
    rows = np.zeros((buckets if found.size else 0, 3))
    if found.size:
        low, high = found.min(), found.max()
        if low == high:
            rows[:, :2] = low
            rows[-1, 2] = found.size
        else:
            rows[:, 2], edges = np.histogram(found, buckets, (low, high))
            rows[:, 0], rows[:, 1] = edges[:-1], edges[1:]
    return {"tag": tag, "tensor": _numbers(rows), "metadata": _metadata("histograms", TENSOR)}


def images(what: str, tag: str, value: Any, layout: str) -> Value:
    """Pictures with the axes that `layout` names: N, H, W and C in any order, N and C if there are any."""
    found = array(what, value)
    if sorted(layout) not in (sorted("HW"), sorted("CHW"), sorted("NHW"), sorted("NCHW")):
        raise ValueError(f"{what}: got layout={layout!r}; need each of H and W once, C and N at most once; try 'CHW'")
    if found.ndim != len(layout):
        raise _core.ShapeError(
            f"{what}: got shape {found.shape}; need {len(layout)} axes; try another layout={layout!r}"
        )
    for axis in "CN":
        if axis not in layout:
            found, layout = found[..., None], layout + axis
    pictures = _pixels(what, found.transpose([layout.index(axis) for axis in "NHWC"]))
    _, height, width, channels = pictures.shape
    if not 1 <= channels <= 4 or 0 in pictures.shape:
        raise _core.ShapeError(f"{what}: got shape {found.shape} as {layout}; need pixels in 1 to 4 channels")
    strings = [str(width).encode(), str(height).encode(), *map(png, pictures)]
    return {"tag": tag, "tensor": _strings(strings), "metadata": _metadata("images", BLOBS)}


def text(tag: str, content: str) -> Value:
    """A text in Markdown."""
    if not isinstance(content, str):
        raise TypeError(f"add_text: got {type(content).__name__} for '{tag}'; need a text; try str()")
    tensor = {"dtype": DTYPES["string"], "tensor_shape": {}, "string_val": [content.encode("utf-8", "replace")]}
    return {"tag": tag, "tensor": tensor, "metadata": _metadata("text", TENSOR)}


def blob(tag: str, plugin: str, content: bytes) -> Value:
    """Something that a plug-in reads itself; "1" is the version of the format."""
    return {"tag": tag, "tensor": _strings([content]), "metadata": _metadata(plugin, BLOBS, b"1")}


def session_start(hparams: Mapping[str, Any]) -> Value:
    """The hyper-parameters of a run."""
    values = {name: _hparam(name, value) for name, value in hparams.items()}
    return _session("session_start_info", {"hparams": values, "start_time_secs": time.time()})


def session_end(status: Literal[1, 2]) -> Value:
    """How a run with hyper-parameters ended."""
    return _session("session_end_info", {"status": status, "end_time_secs": time.time()})


def _session(field: str, content: Mapping[str, Any]) -> Value:
    data = encode("hparams.HParamsPluginData", {"version": 0, field: content})
    tensor = {"dtype": DTYPES["float32"], "tensor_shape": {"dim": [{}]}}  # the plug-in reads the metadata only
    return {"tag": f"_hparams_/{field}", "tensor": tensor, "metadata": _metadata("hparams", TENSOR, data)}


def _hparam(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, (bool, np.bool_)):
        return {"bool_value": bool(value)}
    if isinstance(value, (int, float, np.integer, np.floating)):
        return {"number_value": float(value)}
    if isinstance(value, (str, list, tuple)) or value is None or isinstance(value, _core.DType):
        return {"string_value": str(value)}
    if isinstance(value, _core.Tensor) and value.size == 1:
        return _hparam(name, value.item())
    kind = type(value).__name__
    raise TypeError(f"add_hparams: got {kind} for '{name}'; need a bool, a number, a text, a list or None; try str()")


def _pixels(what: str, found: np.ndarray) -> np.ndarray:
    if found.dtype == np.uint8:
        return np.ascontiguousarray(found)
    if found.dtype == np.bool_:
        return found.astype(np.uint8) * np.uint8(255)
    if found.dtype.kind != "f":
        raise _core.DTypeError(f"{what}: got dtype {found.dtype}; need uint8, bool, or floats from 0 to 1; try astype")
    # Each of the 256 values stands for an equal part of 0..1, as in TensorFlow; NaN is black.
    return (np.clip(np.nan_to_num(found, nan=0.0), 0.0, 1.0) * 255.5).astype(np.uint8)


def _metadata(plugin: str, data_class: int, content: bytes = b"") -> dict[str, Any]:
    return {"plugin_data": {"plugin_name": plugin, "content": content}, "data_class": data_class}


def _numbers(values: np.ndarray) -> dict[str, Any]:
    shape = {"dim": [{"size": size} for size in values.shape]}
    return {"dtype": DTYPES[values.dtype.name], "tensor_shape": shape, "tensor_content": values.tobytes()}


def _strings(values: Sequence[bytes]) -> dict[str, Any]:
    shape = {"dim": [{"size": len(values)}]}
    return {"dtype": DTYPES["string"], "tensor_shape": shape, "string_val": list(values)}
