"""Arguments that share memory, one of which the function writes to: as in eager code, seen through all of them."""

import numpy as np
import pytest

import tandem as td


def both(function, make):
    """Run a function eagerly and compiled on arguments made anew; compare results, memory, and which objects return."""
    outcomes = []
    compiled = td.script(function)
    for call in (function, compiled, compiled):
        base, args = make()
        result = call(*args)
        results = result if isinstance(result, tuple) else (result,)
        identical = [[r is a for a in args] for r in results]
        shared = [isinstance(r, td.Tensor) and np.shares_memory(np.asarray(r), np.asarray(base)) for r in results]
        outcomes.append(
            (
                np.asarray(base).tobytes(),
                [(np.asarray(r).shape, str(getattr(r, "dtype", bool)), np.asarray(r).tobytes()) for r in results],
                identical,
                shared,
            )
        )
    assert outcomes[0] == outcomes[1] == outcomes[2]
    return compiled


def whole(shape=(6,), dtype=td.float32):
    return td.astype(td.reshape(td.arange(int(np.prod(shape))), shape), dtype)


def shift(x, y):
    x += y
    return x * y


LAYOUTS = {
    "overlapping": lambda b: (b[:4], b[1:5]),
    "the same part": lambda b: (b[:4], b[:4]),
    "reversed": lambda b: (b[:4], b[3::-1]),
    "every other, and a part of them": lambda b: (b[::2], b[:3]),
    "far apart": lambda b: (b[:2], b[4:]),
    "interleaved": lambda b: (b[::2], b[1::2]),
    "inside": lambda b: (b, b[2:3]),
    "number": lambda b: (b, b[2]),
    "repeated": lambda b: (b[:3], td.broadcast_to(b[1:2], (3,))),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("swapped", [False, True])
def test_layouts(layout, swapped):
    def make():
        base = whole()
        args = LAYOUTS[layout](base)
        return base, args[::-1] if swapped else args

    if swapped and layout in ("inside", "number", "repeated"):
        with pytest.raises((td.ShapeError, ValueError)):
            shift(*make()[1])
        return
    both(shift, make)


def test_the_same_tensor_twice():
    def function(x, y):
        x[1:] += 1
        y *= 2
        return x, y, x is y, y[::-1]

    def make():
        base = whole()
        return base, (base, base)

    compiled = both(function, make)
    assert compiled.stats()["captures"] == 1
    x = whole()
    assert compiled(x, x)[2] is True
    assert compiled(x, x[:])[2] is False
    assert compiled.stats()["captures"] == 2


def test_rows_and_columns_of_a_matrix():
    def function(row, column, block):
        row -= column[:3].sum()
        block[...] = block.T * 2
        column[0] = row[1]
        return row.sum(), block[1]

    def make():
        base = whole((4, 5))
        return base, (base[1], base[:, 2], base[1:3, 1:3])

    both(function, make)


def test_in_control_flow():
    def function(x, y):
        for k in range(3):
            if x.sum() > 10.0:
                x -= y
            else:
                y += k
        while x.max() < 20.0:
            x *= 2.0
        return x.sum(), y

    def make():
        base = whole()
        return base, (base[:4], base[2:])

    both(function, make)


def test_dtypes():
    for dtype in (td.int8, td.int64, td.float16, td.bfloat16, td.bool):

        def function(x, y):
            x[...] = td.maximum(x, y)
            return y.sum() if y.dtype != td.bool else y.any()

        base, other = whole(dtype=td.int32), whole(dtype=td.int32)
        base, other = base.astype(dtype), other.astype(dtype)
        expected = function(other[:4], other[2:])
        assert td.script(function)(base[:4], base[2:]).item() == expected.item()
        assert bool((base == other).all())


def test_memory_of_numpy_arrays():
    def make():
        array = np.arange(8, dtype=np.float32)
        return array, (td.asarray(array[:6]), td.asarray(array[2:]))

    both(shift, make)


def test_parts_apart_need_nothing_special():
    compiled = td.script(shift)
    base = whole()
    compiled(base[:3], base[3:])
    other = whole()
    compiled(other[:3], whole()[:3])
    assert compiled.stats()["captures"] == 1


def test_guards():
    compiled = td.script(shift)

    def check(captures, parts):
        base, plain = whole((12,)), whole((12,))
        shift(*parts(plain))
        compiled(*parts(base))
        assert bool((base == plain).all())
        assert compiled.stats()["captures"] == captures

    check(1, lambda b: (b[:4], b[1:5]))
    check(1, lambda b: (b[2:6], b[3:7]))  # elsewhere, but in the same way
    check(2, lambda b: (b[:4], b[2:6]))
    check(3, lambda b: (b[:4], whole()[:4]))  # apart
    check(3, lambda b: (b[:4], b[1:5]))
    check(4, lambda b: (b[:5], b[1:6]))
    assert any("shares memory" in reason for reason in compiled.stats()["guard_failures"])


def test_read_only_arguments_share_freely():
    def function(x, y):
        return x * y

    compiled = td.script(function)
    base = whole()
    compiled(base[:4], base[1:5])
    compiled(base[:4], whole()[:4])
    assert compiled.stats()["captures"] == 1


def test_lists_and_dicts_of_tensors():
    def function(items, table):
        items[0] += 1
        table["b"] *= items[1]
        return table["a"] + items[0]

    def make():
        base = whole()
        return base, ([base[:3], base[3:]], {"a": base[1:4], "b": base[2:5]})

    outcomes = []
    for call in (function, td.script(function)):
        base, args = make()
        outcomes.append((np.asarray(call(*args)).tobytes(), np.asarray(base).tobytes()))
    assert outcomes[0] == outcomes[1]


def test_a_read_only_part_stays_read_only():
    array = np.arange(6, dtype=np.float32)
    fixed = array[:]
    fixed.flags.writeable = False

    def function(x, y):
        y += 1
        return x

    for call in (function, td.script(function)):
        with pytest.raises((ValueError, td.Error), match="read-only"):
            call(td.asarray(array), td.asarray(fixed))
    assert array.tolist() == list(range(6))


def test_refusals():
    def function(x, y):
        y += 1.0
        return x

    memory = np.arange(8, dtype=np.float32)
    with pytest.raises(td.CaptureError, match="share memory as .* and as .*need one dtype"):
        td.script(lambda x, y: y.__iadd__(1))(td.asarray(memory.view(np.int32)), td.asarray(memory))
    windows = np.lib.stride_tricks.as_strided(memory, (4, 3), (4, 4))
    with pytest.raises((td.Error, ValueError), match="some elements several times"):
        td.script(function)(td.asarray(memory), td.asarray(windows))
