"""Operators of classical machine learning and of text as numbers."""

from __future__ import annotations

from typing import Any

import tandem as td
from tandem import _core
from tandem.onnx.dtypes import from_numpy
from tandem.onnx.table import operator

Tensor = _core.Tensor


@operator("Binarizer", domain="ai.onnx.ml")
def binarizer(x: Tensor, *, threshold: float = 0.0) -> Tensor:
    return (x > threshold).astype(x.dtype)


@operator("LabelEncoder", domain="ai.onnx.ml")
def label_encoder(
    x: Tensor,
    *,
    default_float: float = -0.0,
    default_int64: int = -1,
    default_tensor: Any = None,
    keys_floats: tuple[float, ...] | None = None,
    keys_int64s: tuple[int, ...] | None = None,
    keys_tensor: Any = None,
    values_floats: tuple[float, ...] | None = None,
    values_int64s: tuple[int, ...] | None = None,
    values_tensor: Any = None,
) -> Tensor:
    keys = from_numpy(keys_tensor) if keys_tensor is not None else td.asarray(list(keys_floats or keys_int64s or ()))
    if values_tensor is not None:
        values = from_numpy(values_tensor)
    elif values_floats is not None:
        values = td.asarray(list(values_floats), dtype=td.float32)
    else:
        values = td.asarray(list(values_int64s or ()), dtype=td.int64)
    if default_tensor is not None:
        default = from_numpy(default_tensor).reshape(())
    else:
        default = td.asarray(default_float if values.dtype.kind == "float" else default_int64, dtype=values.dtype)
    wide = td.expand_dims(x, axis=-1)
    same = td.equal(wide, keys.astype(x.dtype))
    if x.dtype.kind == "float":
        same = td.logical_or(same, td.logical_and(td.isnan(wide), td.isnan(keys)))
    first = td.argmax(same.astype(td.int64), axis=-1)
    found = td.take(values, first.reshape((first.size,)), axis=0).reshape(x.shape)
    return td.where(td.any(same, axis=-1), found, default)


@operator("TfIdfVectorizer")
def tf_idf_vectorizer(
    x: Tensor,
    *,
    max_gram_length: int,
    max_skip_count: int,
    min_gram_length: int,
    mode: str,
    ngram_counts: tuple[int, ...],
    ngram_indexes: tuple[int, ...],
    pool_int64s: tuple[int, ...] | None = None,
    pool_strings: Any = None,
    weights: tuple[float, ...] | None = None,
) -> Tensor:
    if pool_int64s is None:
        raise _core.BackendError("TfIdfVectorizer: got a pool of strings; need integers")
    rows = x if x.ndim == 2 else td.expand_dims(x, axis=0)
    counts: list[Any] = [td.zeros((rows.shape[0],), dtype=td.float32)] * (max(ngram_indexes) + 1)
    number = 0
    for k, start in enumerate(ngram_counts):
        end = ngram_counts[k + 1] if k + 1 < len(ngram_counts) else len(pool_int64s)
        length = k + 1
        for at in range(start, end, length):
            place, number = ngram_indexes[number], number + 1
            if min_gram_length <= length <= max_gram_length:
                gram = pool_int64s[at : at + length]
                counts[place] = counts[place] + _occurrences(rows, gram, max_skip_count if length > 1 else 0)
    out = td.stack(counts, axis=1)
    if mode != "TF":
        factors = td.asarray(list(weights), dtype=td.float32) if weights else td.ones((out.shape[1],))
        out = (out > 0).astype(td.float32) * factors if mode == "IDF" else out * factors
    return out if x.ndim == 2 else out[0]


def _occurrences(rows: Tensor, gram: tuple[int, ...], skips: int) -> Tensor:
    """Count how often a gram occurs in each row, its items at equal distances of up to skips + 1."""
    out = td.zeros((rows.shape[0],), dtype=td.float32)
    for step in range(1, skips + 2):
        places = rows.shape[1] - (len(gram) - 1) * step
        if places < 1:
            continue
        same: Any = True
        for k, item in enumerate(gram):
            same = td.logical_and(same, rows[:, k * step : k * step + places] == item)
        out = out + td.sum(same.astype(td.float32), axis=1)
    return out
