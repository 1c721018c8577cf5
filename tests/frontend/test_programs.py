"""The corpus of programs: eager == scripted == traced, bit for bit, on several shapes and branches."""

import frontend_support as support
import programs
import pytest

import tandem as td

SHAPES = [(4,), (2, 3), (9, 2)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("program", programs.TRACEABLE + programs.SCRIPTED, ids=lambda p: p.__name__)
def test_scripted(program, shape):
    compiled = td.script(program)
    for array in support.tensors(shape):
        support.check(program, compiled, array)
    counters = compiled.stats()
    assert counters["captures"] == 1, counters["guard_failures"]
    assert counters["fallbacks"] == 0


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("program", programs.TRACEABLE, ids=lambda p: p.__name__)
def test_traced(program, shape):
    compiled = td.trace(program)
    for array in support.tensors(shape):
        support.check(program, compiled, array)
    assert compiled.stats()["captures"] == 1


@pytest.mark.parametrize("program", programs.SCRIPTED, ids=lambda p: p.__name__)
def test_tracing_refuses_control_flow_on_tensors(program):
    """A trace never bakes in one side of a branch silently: it raises, or there was no branch on a tensor."""
    compiled = td.trace(program)
    arrays = support.tensors((4,))
    try:
        support.check(program, compiled, arrays[0])
    except td.CaptureError:
        return
    for array in arrays:
        support.check(program, compiled, array)


@pytest.mark.parametrize("program", programs.SCRIPTED, ids=lambda p: p.__name__)
def test_one_function_many_shapes(program):
    compiled = td.script(program)
    for shape in [(4,), (6,), (9,), (12,)]:
        for array in support.tensors(shape):
            support.check(program, compiled, array)
