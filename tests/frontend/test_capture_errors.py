"""What cannot be captured is an error at the user's line: got, need, try."""

import collections
import inspect
import traceback

import numpy as np
import pytest

import tandem as td

X = np.array([1.0, 2.0], dtype=np.float32)


def x():
    return td.asarray(X.copy())


def line_of(function, text):
    lines, first = inspect.getsourcelines(function)
    return next(first + k for k, line in enumerate(lines) if text in line)


def fails(function, *words):
    compiled = td.script(function)
    with pytest.raises(td.CaptureError) as caught:
        compiled(x())
    message = str(caught.value)
    for word in words:
        assert word in message, message
    assert len(message.splitlines()) <= 12
    line = line_of(function, "# here")
    assert f"{__file__}:{line}" in message, message
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert [f for f in frames if "/tandem/scripting/" in f.filename] == []
    assert (frames[-1].filename, frames[-1].lineno) == (__file__, line)
    return message


def test_number_from_a_tensor():
    def program(x):
        y = x * 2
        return y + float(y.sum())  # here

    message = fails(program, "got", "need", "try")
    assert "^" in message and "return y + float(y.sum())" in message


def test_different_shapes():
    def program(x):
        if x.sum() > 0:
            y = x
        else:
            y = x[0]
        return y + 1  # here

    fails(program, "variable 'y'", "then branch", "else branch", "[2]", "[]")


def test_different_dtypes_after_loop():
    def program(x):
        y = x.sum()
        n = 0
        while n < y:
            y = y.astype(td.int64)  # here
            n = n + 1
        return y

    compiled = td.script(program)
    with pytest.raises(td.CaptureError, match="variable 'y'.*after an iteration of the 'while'"):
        compiled(x())


def test_unset_on_one_path():
    def program(x):
        if x.sum() > 0:
            y = x
        return y  # here

    fails(program, "variable 'y'", "does not set it")


def test_only_set_in_the_loop():
    def program(x):
        while x.sum() < 9:
            y = x * 2
            x = x + y
        return y  # here

    fails(program, "variable 'y'", "only the body of the 'while'")


def test_none_and_tensor():
    def program(x):
        y = None
        if x.sum() > 0:
            y = x
        return y is None, y  # here

    fails(program, "None in the else branch")


def test_carried_value_that_starts_as_none():
    def program(x):
        last = None
        while x.sum() < 9:
            x = x + 1 if last is None else x + last  # here
            last = x
        return x

    fails(program, "variable 'last'", "None before", "after an iteration")


def test_a_list_that_grows_in_a_loop():
    def program(x):
        out = [x]
        while x.sum() < 9:
            x = x + 1
            out.append(x)  # here
        return td.stack(out)

    fails(program, "variable 'out'")


def test_exception_in_a_branch_that_may_not_run():
    def program(x):
        if x.sum() > 100:
            return {}["missing"]  # here
        return x

    fails(program, "KeyError", "which may not run at all")


def test_condition_with_many_values():
    def program(x):
        if x > 0:  # here
            return x
        return -x

    fails(program, "condition: got a tensor", "'.any()' or '.all()'")


def test_recursion_on_a_tensor():
    def program(x):
        return program(x * 0.5) if x.sum() > 1 else x

    compiled = td.script(program)
    with pytest.raises(td.CaptureError, match="recursion"):
        compiled(x())


def test_comprehension_over_an_unknown_length():
    def program(x):
        n = (x > 0).sum()
        return [k for k in range(n)]  # here

    fails(program, "range: got", "a 'for' statement")


def test_a_caught_exception_does_not_leave_a_branch_open():
    def program(x):
        try:
            if x.sum() > 0:
                x = {}["missing"]
        except KeyError:
            pass
        if x.sum() > 1:  # here
            x = x * 2
        return x

    compiled = td.script(program)
    with pytest.raises(td.CaptureError, match="'if' at line"):
        compiled(x())


def test_the_users_own_exception_is_unchanged():
    def program(x):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="^mine$") as caught:
        td.script(program)(x())
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert [f for f in frames if "/tandem/scripting/" in f.filename] == []


def test_a_failed_capture_leaves_nothing_behind():
    def program(x, bad):
        if x.sum() > 0:
            x = x + float(x.sum()) if bad else x + 1
        return x

    compiled = td.script(program)
    for _ in range(2):
        with pytest.raises(td.CaptureError):
            compiled(x(), True)
        np.testing.assert_array_equal(np.asarray(compiled(x(), False)), X + 1)


def test_returned_object_with_a_tensor():
    class Result:
        pass

    @td.script
    def program(x):
        result = Result()
        result.value = x * 2
        return result

    with pytest.raises(td.CaptureError, match="return: got a Result that holds a tensor in 'value'"):
        program(x())


def test_generators_are_refused():
    def numbers(x):
        yield x

    with pytest.raises(TypeError, match="generator"):
        td.script(numbers)


def test_in_place_write_before_an_assignment():
    """Only the first iteration would write into the caller's tensor."""

    def program(x):
        while x.sum() < 50:
            x += 1
            x = x * 2
        return x

    with pytest.raises(td.CaptureError, match="variable 'x'.*writes into it and then assigns it"):
        td.script(program)(x())


def test_without_source_the_error_says_so(tmp_path):
    scope = {}
    lines = ["def program(x):", "    return x * 2 if x.sum() > 0 else x"]  # no object holds the whole text
    tmp_path.joinpath("program.txt").write_text("\n".join(lines))
    exec(tmp_path.joinpath("program.txt").read_text(), scope)
    with pytest.raises(td.CaptureError, match="try defining 'program' in a file.*the source of <string> is not availa"):
        td.script(scope["program"])(x())


def test_leaked_tensor():
    leaked = collections.deque()

    @td.script
    def program(x, put):
        put(x * 2)
        return x

    program(x(), leaked.append)
    for use in (np.asarray, float, bool, lambda t: t + 1):
        with pytest.raises(td.CaptureError):
            use(leaked[0])
