"""Indexing, views and in-place writes behave as in NumPy, eager and captured: one random program runs in all three."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tandem as td


def fresh(shape=(4, 5, 6), dtype=np.float32):
    return np.arange(np.prod(shape), dtype=dtype).reshape(shape) - 20


# ---- random programs: a list of steps over a growing list of views of one array ----


@st.composite
def index_for(draw, shape):
    """A key of integers, slices with any bounds and steps, None and '...' for an array of this shape."""
    items = []
    for size in shape[: draw(st.integers(0, len(shape)))]:
        kind = draw(st.sampled_from(["integer", "slice", "slice", "all"]))
        if kind == "integer" and size > 0:
            items.append(draw(st.integers(-size, size - 1)))
        elif kind == "slice":
            bound = st.none() | st.integers(-size - 2, size + 2)
            items.append(slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, 3, -1, -2, -5]))))
        else:
            items.append(slice(None))
    if draw(st.booleans()):
        items.insert(draw(st.integers(0, len(items))), None)
    if draw(st.booleans()):
        items.append(Ellipsis)
    return tuple(items)


@st.composite
def programs(draw):
    steps, shapes = [], [(4, 5, 6)]
    for _ in range(draw(st.integers(1, 7))):
        which = draw(st.integers(0, len(shapes) - 1))
        shape = shapes[which]
        kind = draw(
            st.sampled_from(["index", "index", "transpose", "permute", "set", "add", "scale", "expression", "flip"])
        )
        if kind == "index":
            key = draw(index_for(shape))
            result = np.empty(shape)[key]
            steps.append(("index", which, key))
            shapes.append(result.shape)
        elif kind in ("transpose", "flip"):
            steps.append((kind, which, None))
            shapes.append(shape[::-1] if kind == "transpose" else shape)
        elif kind == "permute":
            axes = tuple(draw(st.permutations(range(len(shape)))))
            steps.append(("permute", which, axes))
            shapes.append(tuple(shape[a] for a in axes))
        elif kind == "expression":
            steps.append((kind, which, draw(st.integers(0, len(shapes) - 1))))
        else:
            key = draw(index_for(shape))
            steps.append((kind, which, (key, float(draw(st.integers(-3, 3))))))
    return steps


def run(xp, steps, x):
    """The program on NumPy arrays or tensors; every view ever made is returned."""
    views = [x]
    for kind, which, argument in steps:
        v = views[which]
        if kind == "index":
            views.append(v[argument])
        elif kind == "transpose":
            views.append(xp.transpose(v))
        elif kind == "flip":
            views.append(xp.flip(v))
        elif kind == "permute":
            views.append(v.transpose(argument) if xp is np else td.permute_dims(v, argument))
        elif kind == "set":
            v[argument[0]] = argument[1]
        elif kind == "add":
            v[argument[0]] += argument[1]
        elif kind == "scale":
            v[argument[0]] *= argument[1]
        else:
            # A value computed from views, written back through the first view.
            other = views[argument]
            v[...] = xp.max(other) - v if other.size else v + 1.0
    return views


def check(steps):
    want_base = fresh()
    # NumPy returns a scalar, not a 0-d view, for a full integer key without an Ellipsis.
    with_dots = [
        (kind, which, argument + (Ellipsis,) if kind == "index" and Ellipsis not in argument else argument)
        for kind, which, argument in steps
    ]
    want = run(np, with_dots, want_base)
    eager_base, compiled_base = fresh(), fresh()
    eager = run(td, steps, td.asarray(eager_base))

    def program(x):
        return tuple(run(td, steps, x))

    compiled = td.trace(program)(td.asarray(compiled_base))
    for name, base, views in (("eager", eager_base, eager), ("compiled", compiled_base, compiled)):
        np.testing.assert_array_equal(base, want_base, err_msg=f"{name}: the argument")
        assert len(views) == len(want)
        for k, (got, expected) in enumerate(zip(views, want)):
            assert got.shape == expected.shape, (name, k)
            np.testing.assert_array_equal(np.asarray(got), expected, err_msg=f"{name}: view {k}")


@given(programs())
def test_random_programs_of_views_and_writes(steps):
    check(steps)


def test_writes_computed_from_other_views():
    check([("index", 0, (slice(0, 2),)), ("index", 0, (slice(2, 4),)), ("expression", 1, 2), ("expression", 2, 1)])


# ---- single rules ----

KEYS = [
    (0,),
    (-1,),
    (1, 2),
    (1, 2, 3),
    (slice(1, 3),),
    (slice(None, None, -1),),
    (slice(3, 0, -2),),
    (slice(10, 20),),
    (slice(-100, 100, 3),),
    (Ellipsis,),
    (Ellipsis, 0),
    (0, Ellipsis, 1),
    (None,),
    (None, 0, None),
    (Ellipsis, None),
    (slice(None), None, slice(1, 2)),
    (slice(2, 2),),
    (slice(None, None, 100),),
    (slice(-1, None, -1), 0, slice(None, None, 2)),
    (),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_basic_indexing(key):
    base = fresh()
    x = td.asarray(base)
    want = base[key + (Ellipsis,)] if Ellipsis not in key else base[key]
    got = x[key]
    assert got.shape == want.shape
    np.testing.assert_array_equal(np.asarray(got), want)
    compiled = td.script(lambda x: x[key])(x)
    np.testing.assert_array_equal(np.asarray(compiled), want)
    # The same memory, and writable through the view.
    assert np.shares_memory(np.asarray(got), base) == (want.size > 0)
    got[...] = 99.0
    want[...] = 99.0
    np.testing.assert_array_equal(np.asarray(x), base)


@pytest.mark.parametrize("key", [0, -1, slice(1, 3), None, Ellipsis, np.int64(2)], ids=str)
def test_keys_that_are_no_tuple(key):
    base = fresh((4,))
    np.testing.assert_array_equal(np.asarray(td.asarray(base)[key]), base[key])


def test_zero_dimensional_tensor_as_index():
    x = td.asarray(fresh())
    k = td.asarray(2)
    np.testing.assert_array_equal(np.asarray(x[k]), fresh()[2])
    np.testing.assert_array_equal(np.asarray(td.script(lambda x, k: x[k])(x, k)), fresh()[2])


@pytest.mark.parametrize(
    "key_of",
    [
        lambda i: i,
        lambda i: (slice(None), i),
        lambda i: (0, i),
        lambda i: (Ellipsis, i),
        lambda i: (None, i),
        lambda i: (slice(None, None, -1), i, slice(1, 4)),
    ],
)
def test_integer_tensor_as_index(key_of):
    base, index = fresh(), np.array([[1, 0], [-1, 2]])
    x, i = td.asarray(base), td.asarray(index)
    want = base[key_of(index)]
    if isinstance(key_of(index), tuple) and key_of(index)[0] == 0:
        want = base[0][index]  # NumPy counts an integer among the index arrays
    np.testing.assert_array_equal(np.asarray(x[key_of(i)]), want)
    np.testing.assert_array_equal(np.asarray(td.script(lambda x, i: x[key_of(i)])(x, i)), want)
    taken = x[key_of(i)]
    taken[...] = 0.0
    np.testing.assert_array_equal(np.asarray(x), fresh())  # a copy, as in NumPy


def views_of(x):
    return [
        x.T,
        x.mT,
        td.permute_dims(x, (1, 2, 0)),
        td.reshape(x, (20, 6)),
        x.reshape(2, 2, 5, 6),
        td.expand_dims(x, axis=1),
        td.flip(x, axis=1),
        td.squeeze(x[:, :1], axis=1),
        td.broadcast_to(x, (2, 4, 5, 6)),
        x[1:, ::2],
    ]


def test_views_share_memory():
    base = fresh()
    x = td.asarray(base)
    for view in views_of(x):
        assert np.shares_memory(np.asarray(view), base)
    base[:] = 7
    for view in views_of(x):
        assert float(view.sum()) == 7 * view.size


def test_reshape_copies_only_where_strides_force_it():
    x = td.asarray(fresh((4, 6)))
    assert td.reshape(x[::2], (2, 2, 3))._pointer == x._pointer
    copied = td.reshape(x.T, (24,))
    copied[:] = 0.0
    assert float(td.abs(x).sum()) > 0
    np.testing.assert_array_equal(np.asarray(td.reshape(x.T, (24,))), fresh((4, 6)).T.reshape(24))


def test_copy_is_contiguous_and_independent():
    x = td.asarray(fresh())
    y = x[::2, ::-1].copy()
    assert y.is_contiguous() and not x[::2, ::-1].is_contiguous()
    y[...] = 0.0
    np.testing.assert_array_equal(np.asarray(x), fresh())


def test_assignment_from_an_overlapping_view():
    for program in (
        lambda x: x.__setitem__(slice(1, None), x[:-1]),
        lambda x: x.__setitem__(slice(None, -1), x[1:]),
        lambda x: x.__setitem__(slice(None), x[::-1]),
        lambda x: x.__setitem__(slice(None, None, 2), x[:8][::-1][:8]),
    ):
        want, eager, compiled = (np.arange(16.0) for _ in range(3))
        program(want) if program is not None else None
        program(td.asarray(eager))

        def captured(x, program=program):
            program(x)
            return x

        td.trace(captured)(td.asarray(compiled))
        np.testing.assert_array_equal(eager, want)
        np.testing.assert_array_equal(compiled, want)


def test_assignment_broadcasts_and_converts():
    want, got = fresh(), fresh()
    x = td.asarray(got)
    want[1] = np.arange(6)
    x[1] = td.arange(6)
    want[:, 2] = np.array([[1.0], [2], [3], [4]])
    x[:, 2] = td.asarray([[1.0], [2], [3], [4]])
    want[0, 0] = np.array([[5.0] * 6])
    x[0, 0] = [[5.0] * 6]  # leading axes of size 1 are dropped
    want[3, ..., 1] = True
    x[3, ..., 1] = True
    want[2] = np.full((5, 6), 1.1, np.float64)
    x[2] = np.full((5, 6), 1.1, np.float64)  # wider numbers of the same kind are rounded
    np.testing.assert_array_equal(got, want)


OPERATORS = ["__iadd__", "__isub__", "__imul__", "__itruediv__", "__ipow__"]
INTEGER_OPERATORS = [
    "__iadd__",
    "__isub__",
    "__imul__",
    "__iand__",
    "__ior__",
    "__ixor__",
    "__ilshift__",
    "__irshift__",
]


@pytest.mark.parametrize(
    ("dtype", "name"), [(np.float32, n) for n in OPERATORS] + [(np.int32, n) for n in INTEGER_OPERATORS]
)
def test_in_place_operators_write_through_views(dtype, name):
    want, eager, compiled = (np.arange(1, 25, dtype=dtype).reshape(4, 6) for _ in range(3))

    def program(x, y):
        view = x[1:3, ::-2]
        before = view
        view = getattr(view, name)(y)
        assert view is before
        return x

    other = np.array([1, 2, 3], dtype=dtype)
    program(want, other)
    x = td.asarray(eager)
    assert program(x, td.asarray(other)) is x
    np.testing.assert_array_equal(eager, want)
    result = td.trace(program)(td.asarray(compiled), td.asarray(other))
    np.testing.assert_array_equal(compiled, want)
    np.testing.assert_array_equal(np.asarray(result), want)


def test_captured_writes_do_not_leak_into_earlier_values():
    def program(x):
        before = x + 0
        view = x[0]
        x[0] = 1.0
        after = view * 2
        return before, after

    for f in (program, td.script(program), td.trace(program)):
        before, after = f(td.asarray(fresh()))
        np.testing.assert_array_equal(np.asarray(before), fresh())
        assert np.all(np.asarray(after) == 2)


def test_results_that_are_views_of_an_argument():
    def program(x):
        return x[1:], x.T, x

    eager, compiled = td.asarray(fresh((3, 3))), td.asarray(fresh((3, 3)))
    for a, b in zip(program(eager), td.trace(program)(compiled)):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_broadcast_views_are_read_only():
    x = td.ones((3, 1))
    y = td.broadcast_to(x, (3, 4))
    assert not y._writable and not y[0]._writable and x._writable
    with pytest.raises(ValueError, match="read-only"):
        y[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        y += 1.0
    assert float(x.sum()) == 3


def test_negative_steps_of_empty_and_single_axes():
    for shape in [(0,), (1,), (0, 3), (3, 0), (1, 1)]:
        base = np.ones(shape, np.float32)
        x = td.asarray(base)
        key = (slice(None, None, -1),) * len(shape)
        assert x[key].shape == base[key].shape
        np.testing.assert_array_equal(np.asarray(x[key] + 1), base[key] + 1)
