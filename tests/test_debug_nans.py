"""td.debug_nans: the operation and the line that made the first NaN, eagerly and compiled, with the whole message."""

import threading

import numpy as np
import pytest

import tandem as td
from tandem import _core


@td.script
def loss(x, y):
    z = td.log(x)
    while z.sum() < 0:
        z = z + 10
    return (z * y).mean()


def quotient(x):
    return x / x.sum()


def where(function, offset):
    return f"{__file__}:{function.__code__.co_firstlineno + offset}"


def message(function, *args, **options):
    with pytest.raises(FloatingPointError) as caught, td.debug_nans(**options):
        function(*args)
    assert isinstance(caught.value, td.Error)
    return str(caught.value)


def test_eager_operation():
    x = td.asarray([[1.0, 2.0], [-3.0, 4.0]])
    text = message(lambda: td.log(x))
    here = where(test_eager_operation, 2)
    assert text == (
        "log: got 1 NaN in the 4 elements of its result f32[2, 2] from f32[2, 2] without any, first log(-3) at [1, 0]; "
        "need inputs it has finite values for; try looking at them, or masking them with td.where before the "
        f"operation\n  --> {here}:28\n   | text = message(lambda: td.log(x))\n   | " + " " * 23 + "^" * 9
    )


def test_compiled_function():
    y = td.ones((3,))
    loss(td.ones((3,)) * 2, y)
    text = message(loss, td.asarray([1.0, -1.0, -2.0]), y)
    assert text == (
        "log: got 2 NaNs in the 3 elements of its result f32[3] from f32[3] without any, first log(-1) at [1]; "
        "need inputs it has finite values for; try looking at them, or masking them with td.where before the "
        f"operation\n  --> {where(loss.__wrapped__, 2)}:9\n   | z = td.log(x)\n   |     ^^^^^^^^^"
    )


def test_operands_of_the_first_one():
    x = td.asarray([0.0, 1.0], dtype=td.float16)
    text = message(lambda: x / td.asarray(0.0, dtype=td.float16))
    assert text.startswith(
        "divide: got 1 NaN in the 2 elements of its result f16[2] from f16[2], f16[] without any, first divide(0, 0) "
        "at [0]; need"
    )
    assert message(lambda: td.sqrt(td.asarray(-4.0))).startswith(
        "sqrt: got 1 NaN in the 1 element of its result f32[] from f32[] without any, first sqrt(-4); need"
    )
    row, column = td.asarray([[np.inf, 1.0]]), td.asarray([[1.0], [np.inf]])
    assert "first subtract(inf, inf) at [1, 0]; need" in message(lambda: row - column)


def test_operations_that_are_formulas():
    assert message(quotient, td.zeros((4,))).startswith(
        "divide: got 4 NaNs in the 4 elements of its result f32[4] from f32[4], f32[] without any, first divide(0, 0) "
    )
    assert message(lambda: td.zeros((0,)).mean()).startswith(
        "mean: got 1 NaN in the 1 element of its result f32[] from f32[0] without any; need"
    )
    infinite = td.full((2, 2), td.inf)
    assert message(lambda: infinite @ td.zeros((2, 2))).startswith(
        "matmul: got 4 NaNs in the 4 elements of its result f32[2, 2] from f32[2, 2], f32[2, 2] without any, first at "
        "[0, 0]; need"
    )


@pytest.mark.parametrize("dtype", [td.float16, td.bfloat16, td.float32, td.float64], ids=str)
def test_every_floating_dtype(dtype):
    x = td.asarray([1.0, -1.0]).astype(dtype)
    assert "log: got 1 NaN in the 2 elements" in message(lambda: td.log(x))
    assert "divide: got 1 infinity in the 2 elements" in message(
        lambda: x / td.asarray([0.0, 1.0]).astype(dtype), inf=True
    )


def test_infinities_only_if_asked_for():
    one, zero = td.asarray([1.0]), td.asarray([0.0])
    with td.debug_nans():
        assert float(one / zero) == np.inf
    assert message(lambda: one / zero, inf=True).startswith(
        "divide: got 1 infinity in the 1 element of its result f32[1] from f32[1], f32[1] without any, first "
        "divide(1, 0) at [0]; need"
    )
    assert "1 NaN and 2 infinities" in message(
        lambda: td.asarray([0.0, 1.0, -1.0]) / td.asarray([0.0, 0.0, 0.0]), inf=True
    )
    assert "cast: got 1 infinity" in message(lambda: td.asarray([1e6]).astype(td.float16), inf=True)


def test_what_is_no_discovery():
    bad = td.asarray([np.nan, 1.0])
    with td.debug_nans(inf=True):
        assert np.isnan((bad * 2)[0])
        assert np.isnan(td.full((2,), td.nan)[0])
        assert np.isnan(td.where(bad > 0, bad, td.nan)[0])
        assert np.isinf(td.maximum(bad, td.inf)[1])
        assert np.isnan(bad.reshape(2, 1)[0, 0])
        td.empty((100,))
        assert repr(bad) == "tensor([nan,  1.], dtype=float32)"
        assert not bool((td.asarray([1, 2]) / 2 < 0).any())


def test_strided_inputs():
    x = td.asarray([[1.0, np.nan], [-1.0, np.nan], [-2.0, np.nan]])
    assert "got 2 NaNs in the 3 elements of its result f32[3] from f32[3] without any, first log(-1) at [1]" in message(
        lambda: td.log(x[:, 0])
    )


def test_results_are_those_of_the_compiled_function():
    x, y = td.asarray([0.25, 0.5, 4.0]), td.asarray([1.0, 2.0, 3.0])
    compiled = loss(x, y)
    calls = loss.stats()["calls"]
    with td.debug_nans():
        checked = loss(x, y)
    assert checked.tolist() == compiled.tolist()
    assert loss.stats()["calls"] == calls


def test_changes_of_arguments_happen_once():
    @td.script
    def step(weights, by):
        weights -= by
        weights[0] = weights[0] * 2
        return weights.sum()

    plain, checked = td.asarray([1.0, 2.0]), td.asarray([1.0, 2.0])
    step(plain, td.asarray(0.5))
    with td.debug_nans():
        step(checked, td.asarray(0.5))
        assert checked.tolist() == plain.tolist() == [1.0, 1.5]
        infinite = td.asarray([1.0, np.inf])
        with pytest.raises(FloatingPointError):
            step(infinite, td.asarray(np.inf))
    assert infinite.tolist() == [1.0, np.inf]


def test_traceback_ends_at_the_users_line():
    with pytest.raises(FloatingPointError) as caught, td.debug_nans():
        loss(td.asarray([-1.0, 1.0, 1.0]), td.ones((3,)))
    names = [frame.name for frame in caught.traceback]
    assert names == ["test_traceback_ends_at_the_users_line", "loss"]
    assert (caught.value.filename, caught.value.lineno) == (__file__, loss.__wrapped__.__code__.co_firstlineno + 2)


def test_off_again():
    bad = td.asarray(-1.0)
    with td.debug_nans():
        with td.debug_nans(inf=True):
            pass
        with pytest.raises(FloatingPointError):
            td.log(bad)
    assert np.isnan(td.log(bad))
    assert _core._thread_checks(0) == 0
    with pytest.raises(ZeroDivisionError), td.debug_nans():
        raise ZeroDivisionError
    assert np.isnan(td.log(bad))


def test_nesting():
    one, zero = td.asarray([1.0]), td.asarray([0.0])
    with td.debug_nans(inf=True):
        with td.debug_nans():
            one / zero
        with pytest.raises(FloatingPointError):
            one / zero


def run_in_thread(function):
    caught = []

    def work():
        try:
            function()
        except FloatingPointError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return caught


def test_it_holds_for_one_thread():
    bad = td.asarray(-1.0)
    with td.debug_nans():
        assert run_in_thread(lambda: td.log(bad)) == []
    td.set_debug_nans(True)
    try:
        assert len(run_in_thread(lambda: td.log(bad))) == 1
        with pytest.raises(FloatingPointError):
            td.log(bad)
        td.asarray([1.0]) / td.asarray([0.0])
    finally:
        td.set_debug_nans(False)
    assert np.isnan(td.log(bad))


def test_inside_a_captured_function():
    @td.script
    def f(x):
        with td.debug_nans():
            return td.log(x)

    with pytest.raises(td.CaptureError) as caught:
        f(td.asarray(1.0))
    assert str(caught.value).startswith(
        "debug_nans: got a call inside a function that is being captured, whose Python code runs only once; "
        "need it outside; try it around the call of the compiled function\n"
    )


def test_captures_are_not_disturbed():
    f = td.script(lambda x: td.log(x) * 1.5)
    with td.debug_nans():
        f(td.asarray([2.0]))
        assert f.stats()["captures"] == 0
    f(td.asarray([2.0]))
    assert f.stats()["captures"] == 1


def test_loops_of_compiled_functions():
    @td.script
    def f(x):
        for k in range(5):
            x = td.sqrt(x - k)
        return x

    text = message(f, td.asarray([4.0, 99.0]))
    assert text.startswith("sqrt: got 1 NaN in the 2 elements") and "x = td.sqrt(x - k)" in text
