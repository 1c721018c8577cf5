"""Attention in captured code keeps nothing of the size of all pairs, and gives the bits of one step after the other."""

import re

import numpy as np
import pytest
from attention_programs import causal, elementwise, library, masked, plain

import tandem as td
from tandem import archive


def squared(q, k, v):
    """The result of the first product is read twice, and by rows through the batch."""
    scores = q @ td.matrix_transpose(k)
    weights = scores * scores
    return (weights / (1 + weights.sum(axis=-1, keepdims=True))) @ v + q


def sums_of_rows(q, k, v):
    """The weights are read by another kernel, too, by rows."""
    weights = td.softmax(q @ td.matrix_transpose(k), axis=-1)
    return weights @ v + weights.sum(axis=-1, keepdims=True)


FORMS = [plain, masked, causal, library, elementwise, squared, sums_of_rows]


def operands(batch, rows, keys, width=32):
    rng = np.random.default_rng(rows * keys)
    shapes = (*batch, rows, width), (*batch, keys, width), (*batch, keys, width)
    return [td.asarray(rng.standard_normal(shape, dtype=np.float32)) for shape in shapes]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("sizes", [((2, 3), 150, 150), ((5,), 130, 201), ((1, 1), 300, 300)], ids=str)
def test_bits_and_shape_of_the_program(form, sizes):
    if form in (masked, causal) and sizes[1] != sizes[2]:
        sizes = (sizes[0], sizes[2], sizes[2])
    q, k, v = operands(*sizes)
    compiled = td.script(form)
    wanted = form(q, k, v)
    for threads in (1, 2, 3):
        td.set_num_threads(threads)
        assert np.asarray(compiled(q, k, v)).tobytes() == np.asarray(wanted).tobytes()
    td.set_num_threads(2)
    text = compiled.ir("program")
    assert text.count("rows of [") == 1, text
    (inside,) = re.findall(r"rows of \[.*?\n *}", text, re.DOTALL)
    assert text.count("matmul") == inside.count("matmul") == 2, text


def test_other_sizes_of_the_same_program():
    compiled = td.script(plain)
    for batch, rows, keys in (
        ((2,), 200, 400),
        ((3,), 100, 500),
        ((2,), 1, 300),
        ((3,), 257, 2),
        ((2,), 40, 1),
        ((0,), 9, 9),
    ):
        q, k, v = operands(batch, rows, keys)
        assert np.asarray(compiled(q, k, v)).tobytes() == np.asarray(plain(q, k, v)).tobytes()


def test_memory_does_not_grow_with_the_pairs():
    q, k, v = operands((2, 4), 1024, 1024)
    compiled = td.script(plain)
    compiled(q, k, v)
    td.reset_peak_memory()
    before = td.memory_stats()["in_use"]
    result = compiled(q, k, v)
    pairs = 8 * 1024 * 1024 * 4  # bytes
    assert td.memory_stats()["peak"] - before < 4 * result.nbytes < pairs / 4


def weights_too(q, k, v):
    weights = td.softmax(q @ td.matrix_transpose(k), axis=-1)
    return weights @ v, weights


def columns_elsewhere(q, k, v):
    weights = td.softmax(q @ td.matrix_transpose(k), axis=-1)
    return weights @ v, weights.sum(axis=-2)


def one_right(q, k, v):
    return td.relu(q @ td.matrix_transpose(k[0])) @ v


@pytest.mark.parametrize("form", [weights_too, columns_elsewhere, one_right], ids=lambda form: form.__name__)
def test_what_others_read_is_kept(form):
    q, k, v = operands((3,), 200, 200)
    compiled = td.script(form)
    got, wanted = compiled(q, k, v), form(q, k, v)
    for one, other in zip(
        got if isinstance(got, tuple) else [got], wanted if isinstance(wanted, tuple) else [wanted], strict=True
    ):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
    assert "rows of [" not in compiled.ir("program")


def test_operands_that_change_between_the_products():
    def changing(q, k, v):
        weights = td.softmax(q @ td.matrix_transpose(k), axis=-1)
        q *= 2.0
        k[:, 0] = 0.0
        return weights @ v, q + 1, k

    results = []
    for function in (changing, td.script(changing)):
        arrays = operands((3,), 200, 200)
        results.append([np.asarray(x).tobytes() for x in (*function(*arrays), *arrays)])
    assert results[0] == results[1]


def test_in_loops_and_branches():
    def looped(q, k, v, n):
        while n > 0:
            if v.sum() > 0:
                v = plain(q, k, v)
            else:
                v = masked(q, k, v) + 0.01
            n = n - 1
        return v

    q, k, v = operands((3,), 200, 200)
    compiled = td.script(looped)
    n = td.asarray(4)
    assert np.asarray(compiled(q, k, v, n)).tobytes() == np.asarray(looped(q, k, v, n)).tobytes()


@pytest.mark.parametrize("target", ["interpreter", *td._core.cpu_levels()])
def test_in_files(tmp_path, target):
    q, k, v = operands((2,), 200, 200)
    compiled = td.script(causal)
    td.save(
        compiled,
        tmp_path / "attention.tdm",
        (q, k, v),
        dynamic={name: {1: "rows"} for name in "qkv"},
        targets=list(td._core.cpu_levels()),
    )
    loaded = archive.load(tmp_path / "attention.tdm", target)
    for rows in (200, 77):
        arrays = [x[:, :rows] for x in (q, k, v)]
        assert np.asarray(loaded(*arrays)).tobytes() == np.asarray(causal(*arrays)).tobytes()


def test_a_profile_names_all_parts():
    q, k, v = operands((2,), 200, 200)
    compiled = td.script(plain)
    compiled(q, k, v)
    with td.profiler() as profile:
        compiled(q, k, v)
    (step,) = [event for event in profile.events if event.kind == "library"]
    assert step.name.startswith("matmul+") and step.name.endswith("+matmul") and "exp_sum" in step.name
    assert not [event for event in profile.events if event.kind == "kernel"]
