"""Random loops that append, alias and write in place: scripted == eager, whichever of them become stacked outputs."""

import linecache

import frontend_support as support
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tandem as td

NAMES = ["a", "b", "c"]
VALUES = ["a + k", "b * 0.5", "c - a", "td.tanh(a)", "a[0:2]", "td.stack([a, b])[1]", "b", "a", "x", "x[0:2] + k"]
BODY = st.one_of(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)).map(lambda t: f"{t[0]} = {t[1]}"),
    st.tuples(st.sampled_from([*NAMES, "x"]), st.sampled_from(["k", "1", "b", "0.5"])).map(
        lambda t: f"{t[0]} += {t[1]}"
    ),
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["k", "-1.0"])).map(lambda t: f"{t[0]}[0] = {t[1]}"),
    st.tuples(st.sampled_from(["p", "q"]), st.sampled_from([*NAMES, *VALUES])).map(lambda t: f"{t[0]}.append({t[1]})"),
    st.sampled_from(NAMES).map(lambda name: f"{name} = {name} + 1 if {name}.sum() > 3 else {name} * 0.5"),
    st.sampled_from(NAMES).map(lambda name: f"add_one({name})"),
)
AFTER = st.one_of(
    st.tuples(st.sampled_from(["p", "q"]), st.integers(-2, 2), st.sampled_from(["+= 1", "*= a"])).map(
        lambda t: f"if len({t[0]}) > 2:\n        {t[0]}[{t[1]}] {t[2]}"
    ),
    st.sampled_from([*NAMES, "x"]).map(lambda name: f"{name} += 3"),
    st.sampled_from(["p.append(a)", "q.reverse()", "p, q = q, p", "p = p[1:]", "r = td.stack(q) if q else a"]),
)
COUNT = 0


def compiled_program(body, after, start):
    global COUNT
    COUNT += 1
    lines = [
        "def program(x):",
        f"    a, b, c = {start}",
        "    p, q, r = [], [], a",
        "    for k in range(9):",
        *("        " + line for line in body),
        *("    " + line for line in after),
        "    return a, b, c, p, q, r, td.stack(p) if p else x, td.concat(q) if q else x",
        "",
    ]
    text = "\n".join(lines)
    filename = f"<random list {COUNT}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    scope = {"td": td, "add_one": support.add_one}
    exec(compile(text, filename, "exec"), scope)
    return scope["program"], text


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.lists(BODY, min_size=2, max_size=6),
    st.lists(AFTER, max_size=3),
    st.sampled_from(["x[0:2], x[0:2] * 2, x[1:3] + 1", "x[0:2] * 1, x[0:2] * 2, x[2:4] * 3"]),
)
def test_lists(body, after, start):
    program, text = compiled_program(body, after, start)
    array = np.array([0.5, -1.25, 2.0, 0.75], dtype=np.float32)
    try:
        program(td.asarray(array.copy()))
    except (td.Error, IndexError, TypeError):
        return  # what eager code refuses is no program
    try:
        support.check(program, td.script(program), array)
    except td.CaptureError:
        return  # refused, and not wrong
    except AssertionError as error:
        raise AssertionError(f"{error}\n{text}") from None
