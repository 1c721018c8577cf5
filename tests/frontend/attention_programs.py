"""Attention as users write it."""

import tandem as td

F = td.nn.functional


def plain(q, k, v):
    return td.softmax(q @ td.matrix_transpose(k) * 0.125, axis=-1) @ v


def masked(q, k, v):
    rows, columns = td.arange(q.shape[-2])[:, None], td.arange(k.shape[-2])[None, :]
    scores = td.where(columns <= rows, q @ td.matrix_transpose(k), -td.inf)
    return td.softmax(scores, axis=-1) @ v


def causal(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def library(q, k, v):
    return F.scaled_dot_product_attention(q, k, v)


def elementwise(q, k, v):
    return td.relu(q @ td.matrix_transpose(k)) @ v
