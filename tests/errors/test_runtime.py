"""Errors of compiled code at run time, of memory, of recursion, and tensors that outlive their capture."""

import re
from collections import deque

import numpy as np
import pytest

import tandem as td

HERE = __file__


def line_of(text):
    """Number of the line of this file that holds a unique marker comment."""
    with open(HERE) as file:
        hits = [k for k, line in enumerate(file, 1) if f"# {text}\n" in line and "line_of" not in line]
    assert len(hits) == 1, text
    return hits[0]


# ---- indices that only turn out bad at run time ----


def gathered(x, i):
    y = x * 2
    z = td.take(y, i, axis=0)  # bad take
    return z + 1


def indexed(x, i):
    y = x + 1
    return y[i] - 1  # bad index


def embedded(x, i):
    return td.embedding(i, x) * 3  # bad embedding


def along(x, i):
    return td.take_along_axis(x, td.broadcast_to(i[:, None], (4, 4)), axis=0)  # bad along


def in_loop(x, i):
    total = x[0] * 0
    while total.sum() < 100:
        total = total + x[i].sum(axis=0) + 1  # bad in loop
    return total


@pytest.mark.parametrize(
    ("program", "marker", "bad"),
    [
        (gathered, "bad take", 5),
        (gathered, "bad take", -4),
        (indexed, "bad index", 3),
        (embedded, "bad embedding", 100),
        (along, "bad along", -7),
        (in_loop, "bad in loop", 3),
    ],
)
def test_index_out_of_range_at_run_time(program, marker, bad):
    x, good = td.ones((3, 4)), td.asarray([0, 2, -3, 1])
    compiled = td.script(program)
    eager = program(x, good)
    assert compiled(x, good).tolist() == eager.tolist()
    wrong = td.asarray([0, 2, bad, 1])
    with pytest.raises(IndexError) as caught:
        program(x, wrong)
    message = str(caught.value)
    assert message == f"index: got {bad} for axis 0 of size 3; need -3 <= index < 3"
    assert isinstance(caught.value, td.Error)
    with pytest.raises(IndexError) as caught:
        compiled(x, wrong)
    first, place, source, caret = str(caught.value).splitlines()
    assert first == message
    assert place.startswith(f"  --> {HERE}:{line_of(marker)}:")
    assert f"# {marker}" in source and "^" in caret
    # Nothing is broken afterwards.
    assert compiled(x, good).tolist() == eager.tolist()


def test_bad_indices_in_large_parallel_kernels():
    x = td.ones((1000,))
    i = np.zeros(2_000_000, np.int64)
    i[1_999_999] = 1000
    program = td.script(lambda x, i: td.take(x, i) * 2)
    for f in (lambda: td.take(x, td.asarray(i)), lambda: program(x, td.asarray(i))):
        with pytest.raises(IndexError, match="got 1000 for axis 0 of size 1000; need -1000 <= index < 1000"):
            f()
    i[-1] = -1000
    assert float(program(x, td.asarray(i)).sum()) == 4_000_000


# ---- memory ----


@pytest.mark.parametrize(
    "make",
    [
        lambda: td.empty((2**50,)),
        lambda: td.zeros((2**45,)),
        lambda: td.arange(2**45),
        lambda: td.eye(2**23),
        lambda: td.full((2**20, 2**25), 1.0),
        lambda: td.broadcast_to(td.ones((1,)), (2**45,)) + 1,
        lambda: td.linspace(0, 1, 2**45),
        lambda: td.concat([td.broadcast_to(td.ones((1,)), (2**45,))] * 2),
        lambda: td.broadcast_to(td.ones((1,)), (2**45,)).copy(),
    ],
    ids=["empty", "zeros", "arange", "eye", "full", "add", "linspace", "concat", "copy"],
)
def test_more_memory_than_there_is(make):
    with pytest.raises(td.OutOfMemoryError) as caught:
        make()
    assert isinstance(caught.value, MemoryError)
    text = str(caught.value)
    assert re.fullmatch(
        r"allocate: got a request of \d+ bytes with \d+ bytes in use; need at most \d+ bytes in all \(.*\); "
        r"try a smaller batch, a smaller dtype, or dropping tensors that are no longer needed",
        text,
    ), text
    assert float(td.ones((10,)).sum()) == 10


def test_more_memory_than_there_is_in_compiled_code():
    program = td.script(lambda x: (td.broadcast_to(x, (2**22, 2**23)) * 2, x + 1))
    with pytest.raises(td.OutOfMemoryError, match="^allocate: got a request of "):
        program(td.ones((2**23,)))
    assert float(td.ones((10,)).sum()) == 10


def test_huge_views_are_free():
    x = td.broadcast_to(td.asarray(1.0), (2**40, 2**20))
    assert x.size == 2**60 and x[5, 7].item() == 1 and x[: 2**30 : 2**29].shape == (2, 2**20)


def test_memory_limit(run_python):
    out = run_python(
        """
import tandem as td
x = td.ones((1 << 20,))  # 4 MB
try:
    td.ones((1 << 24,))
except MemoryError as error:
    print(error)
print(float((x + 1).sum()))
kept = []
try:
    while True:
        kept.append(td.ones((1 << 20,)))
except td.OutOfMemoryError:
    print(2 <= len(kept) <= 8)
del kept
f = td.script(lambda x: td.broadcast_to(x, (64, 1 << 20)) * 2)
try:
    f(x)
except td.OutOfMemoryError:
    print("compiled too")
print(float((x + 1).sum()))
""",
        TANDEM_MEMORY_LIMIT=str(32 << 20),
    )
    message, *rest = out.splitlines()
    assert re.fullmatch(
        r"allocate: got a request of 67108864 bytes with \d+ bytes in use; need at most 33554432 bytes in all "
        r"\(.*TANDEM_MEMORY_LIMIT.*\); try a smaller batch, a smaller dtype, or dropping "
        r"tensors that are no longer needed",
        message,
    ), message
    assert rest == ["2097152.0", "True", "compiled too", "2097152.0"]


# ---- recursion ----


def test_recursion_that_ends_by_python_values():
    @td.script
    def power(x, n):
        return x if n == 0 else power(x, n - 1) * x

    assert power(td.asarray(2.0), 5).item() == 64


def test_recursion_on_a_tensor():
    @td.script
    def endless(x):
        if x > 0:
            return endless(x - 1)
        return x

    with pytest.raises(td.CaptureError) as caught:
        endless(td.asarray(3.0))
    first, place, *_ = str(caught.value).splitlines()
    assert first == (
        "endless: got a recursion without end while it was captured; need a recursion that ends by plain Python "
        "values; try a loop instead of recursion on a tensor's value"
    )
    assert place.startswith(f"  --> {HERE}:")
    assert endless.eager(td.asarray(3.0)).item() == 0

    @td.script(fallback=True)
    def tolerant(x):
        if x > 0:
            return tolerant(x - 1)
        return x

    with pytest.warns(RuntimeWarning, match="recursion without end"):
        assert tolerant(td.asarray(3.0)).item() == 0


# ---- tensors that outlive their capture ----


@pytest.fixture
def leaked():
    kept = deque()

    def program(x):
        kept.append(x * 2)  # born here
        return x + 1

    td.trace(program)(td.ones((3, 4)))
    return kept[0]


LEAK = (
    "got a tensor that exists only while a function is being captured (made at {}:{}); need a tensor with a value; try "
    "returning it from the function instead of storing it"
)

USES = {
    "add": lambda k: k + 1,
    "matmul": lambda k: td.ones((3, 3)) @ k,
    "concat": lambda k: td.concat([td.ones((3, 4)), k]),
    "numpy": np.asarray,
    "__dlpack__": lambda k: k.__dlpack__(),
    "item": lambda k: k.item(),
    "tolist": lambda k: k.tolist(),
    "truth value": bool,
    "float": float,
    "strides": lambda k: k.strides,
    "slice": lambda k: k[0],
    "assignment": lambda k: td.ones((3, 4)).__setitem__(Ellipsis, k),
    "copy": lambda k: k.copy(),
    "reshape": lambda k: td.reshape(k, (12,)),
    "sum": lambda k: k.sum(),
}


@pytest.mark.parametrize("use", USES)
def test_leaked_tensor(leaked, use):
    with pytest.raises(td.CaptureError) as caught:
        USES[use](leaked)
    assert str(caught.value) == f"{use}: {LEAK.format(HERE, line_of('born here'))}"


def test_leaked_tensor_in_another_capture(leaked):
    place = LEAK.format(HERE, line_of("born here"))
    for f in (lambda: td.script(lambda x: x)(leaked), lambda: td.trace(lambda x: x + leaked)(td.ones((3, 4)))):
        with pytest.raises(td.CaptureError) as caught:
            f()
        assert place in str(caught.value)


def test_leaked_tensor_can_be_looked_at(leaked):
    assert leaked.shape == (3, 4) and leaked.dtype == td.float32
    assert repr(leaked) == "<recorded tensor f32[3, 4]>"


# ---- read-only and foreign arguments of compiled functions ----


def writes(x):
    x[0] = 7.0
    return x + 1


def test_writing_to_a_read_only_argument():
    a = np.zeros(3, np.float32)
    a.flags.writeable = False
    for f in (writes, td.script(writes), td.trace(writes)):
        with pytest.raises(ValueError) as caught:
            f(td.asarray(a))
        assert "assignment: got a read-only tensor; need a writable one; try x.copy()" in str(caught.value)
    assert not a.any()
    # The same compiled function takes a writable one, and refuses again.
    compiled = td.script(writes)
    assert compiled(td.zeros((3,))).tolist() == [8.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="read-only"):
        compiled(td.asarray(a))
    assert not a.any()


def test_errors_at_capture_keep_the_users_line():
    @td.script
    def program(x, y):
        z = x * 2
        return z + y  # misfit

    with pytest.raises(td.ShapeError) as caught:
        program(td.ones((3, 4)), td.ones((3,)))
    text = str(caught.value)
    assert text.startswith("add: got shapes [3, 4] and [3]; ")
    assert f"--> {HERE}:{line_of('misfit')}:" in text and "return z + y" in text
    frames = [frame.lineno for frame in caught.traceback if str(frame.path) == HERE]
    assert frames[-1] + 1 == line_of("misfit")
    # A failed capture leaves nothing behind.
    assert program(td.ones((3, 4)), td.ones((4,))).tolist() == [[3.0] * 4] * 3


def test_numpy_functions_in_captured_code():
    with pytest.raises(td.CaptureError, match="numpy: got .*; try .*td\\."):
        td.script(lambda x: np.sin(x))(td.ones((2,)))


def test_values_in_captured_code():
    for f in (
        lambda x: x.sum().item(),
        lambda x: float(x.sum()),
        lambda x: int(x[0]),
        lambda x: x.tolist(),
        np.asarray,
    ):
        with pytest.raises(td.CaptureError) as caught:
            td.trace(lambda x, f=f: f(x))(td.ones((2,)))
        assert "; need " in str(caught.value) and f"--> {HERE}:" in str(caught.value)


def test_errors_do_not_disable_a_function():
    calls = td.script(lambda x, y: x @ y)
    for _ in range(3):
        with pytest.raises(td.ShapeError):
            calls(td.ones((2, 3)), td.ones((2, 3)))
    assert calls(td.ones((2, 3)), td.ones((3, 2))).shape == (2, 2)
