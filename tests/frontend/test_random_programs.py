"""Random programs of nested ifs, loops and jumps: rewritten == original on ints, scripted == eager on tensors."""

import linecache

import frontend_support as support
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import tandem as td
from tandem.scripting import rewrite

NAMES = ["a", "b", "c"]
EXPRESSIONS = ["a + 1", "b + c", "c - a", "a * 2 - b", "b - 3", "(a if b > c else b)", "-c", "a + b - c"]
CONDITIONS = ["a > b", "b < 3", "a + c > 4", "not a < c", "a < b < c", "a > 0 and b > 0", "a > 5 or c < b", "c == a"]


@st.composite
def blocks(draw, depth, loop):
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        kinds = ["assign", "assign", "update"]
        if depth:
            kinds += ["if", "if", "ifelse", "while", "for"]
        if loop:
            kinds += ["break", "continue"]
        kinds += ["return"]
        lines += draw(statement(draw(st.sampled_from(kinds)), depth, loop))
    return lines


@st.composite
def statement(draw, kind, depth, loop):
    def inner(in_loop):
        return ["    " + line for line in draw(blocks(depth - 1, in_loop))]

    condition = draw(st.sampled_from(CONDITIONS))
    if kind == "assign":
        return [f"{draw(st.sampled_from(NAMES))} = {draw(st.sampled_from(EXPRESSIONS))}"]
    if kind == "update":
        return [f"{draw(st.sampled_from(NAMES))} = {draw(st.sampled_from(NAMES))} + {draw(st.integers(-2, 3))}"]
    if kind == "if":
        return [f"if {condition}:", *inner(loop)]
    if kind == "ifelse":
        return [f"if {condition}:", *inner(loop), "else:", *inner(loop)]
    if kind == "while":
        # `fuel` ends every loop; it is spent first, so that `continue` cannot skip it.
        orelse = ["else:", *inner(loop)] if draw(st.booleans()) else []
        return [f"while ({condition}) and fuel > 0:", "    fuel = fuel - 1", *inner(True), *orelse]
    if kind == "for":
        count = draw(st.sampled_from([2, 3, 9]))
        orelse = ["else:", *inner(loop)] if draw(st.booleans()) else []
        return [f"for _ in range({count}):", *inner(True), *orelse]
    if kind == "return":
        return [f"return {', '.join(draw(st.permutations(NAMES)))}"]
    return [kind]


COUNT = 0


def compiled_program(lines):
    global COUNT
    COUNT += 1
    text = "\n".join(["def program(a, b, c, fuel):", *("    " + line for line in lines), "    return a, b, c", ""])
    filename = f"<random {COUNT}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    scope = {}
    exec(compile(text, filename, "exec"), scope)
    return scope["program"], text


INTS = st.integers(-5, 8)


@settings(max_examples=200)
@given(blocks(3, False), st.tuples(INTS, INTS, INTS))
def test_plain(lines, values):
    program, text = compiled_program(lines)
    assert rewrite(program)(*values, 12) == program(*values, 12), text


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(blocks(2, False), st.lists(st.tuples(INTS, INTS, INTS), min_size=3, max_size=5))
def test_tensors(lines, inputs):
    program, text = compiled_program(lines)
    assume(text.count("range(9)") <= 1)
    scripted = td.script(program)

    def run(function, values):
        return function(*(td.asarray(np.array(value, dtype=np.int64)) for value in (*values, 6)))

    for values in inputs:
        expected = run(program, values)
        try:
            got = run(scripted, values)
        except td.CaptureError as error:
            pytest.fail(f"{error}\n{text}")
        support.assert_same(expected, got)
