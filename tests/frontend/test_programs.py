"""The corpus of programs: eager == scripted == traced, bit for bit, on several shapes and branches."""

import frontend_support as support
import programs
import programs_data
import programs_flow
import programs_functions
import programs_lists
import programs_loops
import programs_unusual
import pytest

import tandem as td

MODULES = [programs, programs_flow, programs_loops, programs_functions, programs_data, programs_lists, programs_unusual]
TRACEABLE = [program for module in MODULES for program in module.TRACEABLE]
SCRIPTED = [program for module in MODULES for program in module.SCRIPTED]
SHAPES = [(4,), (2, 3), (9, 2)]


def test_the_corpus_is_complete():
    """Every program of the modules is in one of their lists, so that none is left out by mistake."""
    for module in MODULES:
        listed = {program.__name__ for program in [*module.TRACEABLE, *module.SCRIPTED]}
        assert len(listed) == len(module.TRACEABLE) + len(module.SCRIPTED)
        written = {
            name
            for name, value in vars(module).items()
            if getattr(value, "__module__", "") == module.__name__ and getattr(value, "__code__", None)
        }
        assert written - listed <= {"helper", "incremented", "_objects"}
    assert len(TRACEABLE + SCRIPTED) >= 90


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("program", TRACEABLE + SCRIPTED, ids=lambda p: p.__name__)
def test_scripted(program, shape):
    compiled = td.script(program)
    for array in support.tensors(shape):
        support.check(program, compiled, array)
    counters = compiled.stats()
    assert counters["captures"] == 1, counters["guard_failures"]
    assert counters["fallbacks"] == 0
    with td.disabled():
        support.check(program, compiled, array)
    assert compiled.stats()["captures"] == 1


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("program", TRACEABLE, ids=lambda p: p.__name__)
def test_traced(program, shape):
    compiled = td.trace(program)
    for array in support.tensors(shape):
        support.check(program, compiled, array)
    assert compiled.stats()["captures"] == 1


@pytest.mark.parametrize("program", SCRIPTED, ids=lambda p: p.__name__)
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


@pytest.mark.parametrize("program", SCRIPTED, ids=lambda p: p.__name__)
def test_one_function_many_shapes(program):
    compiled = td.script(program)
    for shape in [(4,), (6,), (9,), (12,)]:
        for array in support.tensors(shape):
            support.check(program, compiled, array)
