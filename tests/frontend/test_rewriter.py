"""The rewriter alone, on plain Python values: a rewritten function does what the original does."""

import copy
import functools
import inspect
import linecache
import sys
import traceback

import plain_programs
import pytest

import tandem as td
from tandem.scripting import context, rewrite
from tandem.scripting.rewriter import missing

CASES = [(program, args) for program, calls in plain_programs.PROGRAMS for args in calls]


@pytest.fixture
def capturing():
    """Calls inside rewritten code are rewritten too, as during a capture."""
    before = context.enter(context.Capture("test", rewriting=True))
    yield
    context.enter(before)


@pytest.mark.parametrize("program, args", CASES, ids=lambda value: getattr(value, "__name__", None))
def test_same_result(program, args):
    expected = program(*copy.deepcopy(args))
    assert rewrite(program)(*copy.deepcopy(args)) == expected


@pytest.mark.parametrize("program, args", CASES, ids=lambda value: getattr(value, "__name__", None))
def test_same_result_when_callees_are_rewritten(program, args, capturing):
    expected = program(*copy.deepcopy(args))
    assert rewrite(program)(*copy.deepcopy(args)) == expected


def test_every_program_is_really_rewritten():
    for program, _ in plain_programs.PROGRAMS:
        assert rewrite(program).__code__ is not program.__code__
        assert program.__code__ not in missing


def test_metadata_is_kept():
    def original(a: int, b: "str" = "x", *, c: float = 2.0) -> bool:
        """Say something."""
        return a if b else c

    original.extra = 5
    new = rewrite(original)
    assert (new.__name__, new.__qualname__, new.__doc__) == ("original", original.__qualname__, "Say something.")
    assert new.__module__ == __name__ and new.extra == 5
    assert new.__annotations__ == original.__annotations__
    assert inspect.signature(new) == inspect.signature(original)
    assert new.__code__.co_filename == __file__


def test_cached_per_code_object():
    def make(k):
        def inner(x):
            return x + k if x else k

        return inner

    one, two = make(1), make(2)
    assert rewrite(one).__code__ is rewrite(two).__code__
    assert (rewrite(one)(5), rewrite(two)(5)) == (6, 7)
    again = rewrite(one)
    assert rewrite(again) is again


def test_closure_cells_are_shared():
    count = 0

    def step():
        nonlocal count
        if count >= 0:
            count += 1
        return count

    new = rewrite(step)
    assert [new(), step(), new()] == [1, 2, 3]
    assert count == 3
    count = 10
    assert new() == 11


def test_globals_are_shared(monkeypatch):
    def read():
        return GLOBAL if GLOBAL else None

    new = rewrite(read)
    assert new() == 1
    monkeypatch.setitem(globals(), "GLOBAL", 7)
    assert new() == 7


GLOBAL = 1


def test_lambdas():
    first, second = (lambda x: x if x else 1), (lambda x, y=3: y if x else 2)
    assert rewrite(first)(0) == 1 and rewrite(first)(4) == 4
    assert rewrite(second)(0) == 2 and rewrite(second)(1) == 3
    k = 9
    third = lambda: (  # noqa: E731
        k if k > 3 else -k
    )
    assert rewrite(third)() == 9


def test_decorated_and_indented():
    if True:

        @functools.cache
        def cached(x):
            if x:
                return "yes"
            return "no"

    inner = cached.__wrapped__
    assert rewrite(inner)(1) == "yes" and rewrite(inner)(0) == "no"


def test_methods_keep_private_names():
    account = plain_programs.Account(3)
    new = rewrite(plain_programs.Account.run)
    assert new(account, [1, -9, -9]) == (2, 4, [1])


def test_error_lines_are_the_users():
    def fails(x):
        y = 0
        if x:
            y = (
                1 / y  # the line
            )
        return y

    line = inspect.getsourcelines(fails)[1] + 4
    with pytest.raises(ZeroDivisionError) as caught:
        rewrite(fails)(1)
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (frame.filename, frame.lineno) == (__file__, line)
    if sys.version_info >= (3, 11):
        assert frame.line[frame.colno - 16 :] or frame.colno == 16
        assert (frame.colno, frame.end_colno) == (16, 21)


def test_loop_error_passes_through():
    def fails(items):
        for item in items:
            item.missing
        return 1

    with pytest.raises(AttributeError):
        rewrite(fails)([1])


def test_source_from_linecache():
    text = "def f(x):\n    if x:\n        return 'a'\n    return 'b'\n"
    linecache.cache["<cell 1>"] = (len(text), None, text.splitlines(True), "<cell 1>")
    scope = {}
    exec(compile(text, "<cell 1>", "exec"), scope)
    new = rewrite(scope["f"])
    assert new is not scope["f"] and (new(0), new(1)) == ("b", "a")


def test_without_source_unchanged():
    scope = {}
    exec("def f(x):\n    return 1 if x else 2\n", scope)
    assert rewrite(scope["f"]) is scope["f"]
    assert "not available" in missing[scope["f"].__code__]


def test_library_functions_are_not_rewritten(capturing):
    from tandem.scripting.primitives import call

    for function in (functools.reduce, inspect.getsource, sorted, copy.deepcopy, len.__call__):
        assert call(function) is function
    assert call(plain_programs.recursion) is not plain_programs.recursion


def test_one_frame_per_function():
    """No body becomes a nested function: a debugger sees the user's frames."""

    def depth(n):
        if n:
            for _ in range(1):
                while True:
                    return len(inspect.stack(0))

    assert rewrite(depth)(1) == depth(1)


BUFFER = td.zeros((2,))
TABLE = {"calls": 0}


def test_objects_of_other_scopes_that_change_under_a_condition():
    """They stay what they are: assigning them would make variables of the function."""
    mine = td.zeros((2,))

    @td.script
    def f(x, flag):
        if x.sum() > 0:
            BUFFER[0] = 1.0
        else:
            mine[1] = 2.0
        if flag:
            made = {}
            made["x"] = x * 2
            x = made["x"]
        for k in range(3):
            mine[0] = mine[0] + x[k % 2]
        return x, BUFFER + 0, mine + 0

    x = td.ones((2,))
    assert [value.tolist() for value in f(x, True)] == [[2.0, 2.0], [1.0, 0.0], [6.0, 0.0]]
    assert [value.tolist() for value in f(-x, False)] == [[-1.0, -1.0], [1.0, 0.0], [3.0, 2.0]]
    assert BUFFER.tolist() == [1.0, 0.0] and mine.tolist() == [3.0, 2.0]

    @td.script
    def g(x):
        def add(value):
            if value.sum() > 0:
                parts.append(value)
            else:
                parts.append(-value)

        parts = []
        add(x)
        add(x * 2)
        return parts[0] + parts[1] * len(parts)

    assert g(x).tolist() == g.eager(x).tolist() == [5.0, 5.0]

    @td.script
    def h(x):
        if x.sum() > 0:
            TABLE["calls"] = 1
        return x

    with pytest.raises(td.CaptureError, match="contents of 'TABLE' .*may not run at all"):
        h(x)
    assert TABLE == {"calls": 0}
