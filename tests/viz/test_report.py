"""The report behind `explain` and the page: what it says is true of the program."""

import inspect

import numpy as np
import pytest
import viz_programs as programs

import tandem as td
from tandem._viz.report import gather
from tandem._viz.sources import excerpts, places

FILE = programs.__file__


def specialization(function):
    return gather(function).specializations[-1]


def lines_of(*functions):
    """Numbers of the lines of functions."""
    found = set()
    for function in functions:
        text, first = inspect.getsourcelines(function)
        found |= set(range(first, first + len(text)))
    return found


@pytest.mark.parametrize("program", programs.PROGRAMS, ids=lambda p: p.__name__)
def test_every_kernel_has_lines_of_the_function_and_operations(program):
    item = specialization(programs.compiled(program))
    own = lines_of(program, programs.linear, programs.block)
    assert item.kernels
    for kernel in item.kernels:
        assert kernel.lines and all(name == FILE and line in own for name, line in kernel.lines), kernel
        assert kernel.nodes and kernel.stages >= 1


@pytest.mark.parametrize("program", programs.PROGRAMS, ids=lambda p: p.__name__)
def test_operations_and_kernels_point_at_each_other(program):
    item = specialization(programs.compiled(program))
    nodes = {node.id: node for node in item.graph.walk()}
    for node in nodes.values():
        assert (node.kind == "kernel") == bool(node.kernels), node
        assert (node.kind == "control") == bool(node.regions) == (node.op in ("if", "while")), node
        assert all(node.id in item.kernels[k].nodes for k in node.kernels)
        assert node.line is not None and node.line[0] == FILE
        assert len(node.outputs) == len(node.types)
    for kernel in item.kernels:
        assert all(kernel.number in nodes[name].kernels for name in kernel.nodes)
        # A kernel says at least the lines of what it computes.
        assert {nodes[name].line for name in kernel.nodes} <= set(kernel.lines)


def check_values(graph):
    """Every operand is a param or made by an earlier operation; regions see their params and nothing else."""
    known = {name for name, _ in graph.params}
    for node in graph.nodes:
        assert set(node.inputs) <= known, node
        known |= set(node.outputs)
        for region in node.regions.values():
            check_values(region)
    assert set(graph.results) <= known


@pytest.mark.parametrize("program", programs.PROGRAMS, ids=lambda p: p.__name__)
def test_edges_lead_to_values_that_exist(program):
    check_values(specialization(programs.compiled(program)).graph)


def test_kinds():
    kinds = {node.op: node.kind for node in specialization(programs.compiled(programs.mlp)).graph.walk()}
    assert kinds["matmul"] == "library" and kinds["argmax"] == "kernel"
    kinds = {node.op: node.kind for node in specialization(programs.compiled(programs.smooth)).graph.walk()}
    assert kinds["slice"] == "view" and kinds["slice_update"] == "place" and kinds["while"] == "control"


def test_literals():
    graph = specialization(programs.compiled(programs.smooth)).graph
    (loop,) = (node for node in graph.nodes if node.op == "while")
    assert {node.literal for node in loop.regions["body"].nodes} >= {"0.25", "0.5", "1", None}


def test_names_of_the_user_are_kept():
    item = specialization(programs.compiled(programs.mlp))
    assert item.names[:3] == ["x", "layers[0][0]", "layers[0][1]"] and len(item.names) == 7
    (loop,) = (n for n in specialization(programs.compiled(programs.smooth)).graph.nodes if n.op == "while")
    assert {name for name, _ in loop.regions["body"].params} >= {"%x", "%steps"}


class Scaler:
    def __init__(self):
        self.by = 2.0

    @td.script
    def scale(self, x, *more, shift=0.0, **named):
        return x * self.by + shift + more[0] + more[1]["b"] + named["last"]

    def plain(self, x):
        return x + self.by


def test_names_of_other_kinds_of_arguments():
    one = td.ones((3,))
    scaler = Scaler()
    scaler.scale(one, td.ones((3,)), {"b": td.ones((3,))}, shift=td.ones((3,)), last=td.ones((3,)))
    assert specialization(Scaler.scale).names == ["x", "more[0]", "more[1]['b']", "shift", "last"]
    bound = td.script(scaler.plain)
    bound(one)
    assert specialization(bound).names == ["x"]


def test_in_place_writes_are_results_that_go_into_an_argument():
    graph = specialization(programs.compiled(programs.branch)).graph
    assert graph.writebacks == [(1, 0)] and len(graph.results) == 2


def returns_what_it_was_given(x):
    y = x * 1.0
    return y


def returns_a_view(x):
    y = td.exp(x)
    z = y.T
    return z


def test_lines_of_what_is_made_after_the_function_returned():
    """A result that needs a copy, and a view that is only read by the caller, have the lines that made them."""
    for program, offset in ((returns_what_it_was_given, 1), (returns_a_view, 2)):
        function = td.script(program)
        function(programs.tensor(2, 3))
        first = program.__code__.co_firstlineno
        last = list(specialization(function).graph.walk())[-1]
        assert last.line == (__file__, first + offset)


def test_lines_of_all_captured_files_are_shown():
    function = programs.compiled(programs.mlp)
    item = specialization(function)
    shown = {
        (e.filename, e.first + k) for e in excerpts(item.lines(), programs.mlp.__code__) for k in range(len(e.lines))
    }
    assert set(item.lines()) <= shown
    assert {(FILE, line) for line in lines_of(programs.mlp, programs.linear)} <= shown


def test_source_that_is_missing():
    scope = {}
    exec(compile("def f(x):\n    return x * 2 + 1\n", "<nowhere>", "exec"), scope)
    function = td.trace(scope["f"])
    function(td.ones((3,)))
    item = specialization(function)
    assert item.kernels[0].lines == [("<nowhere>", 2)]
    (excerpt,) = excerpts(item.lines(), scope["f"].__code__)
    assert not excerpt.known and excerpt.first == 1 and len(excerpt.lines) == 2


def test_places():
    assert places([("/a/b.py", 3), ("/c.py", 9), ("/a/b.py", 1)]) == "b.py:1 3, c.py:9"


def test_launches_and_failures_are_counted():
    function = programs.compiled(programs.softmax)
    function(*programs.arguments(programs.softmax))
    assert [kernel.launches for kernel in specialization(function).kernels] == [2]
    function(programs.tensor(9, 50))
    report = gather(function)
    assert len(report.specializations) == 2 and "was 8, is 9" in report.failures[0]


def test_explanation_is_text_and_shows_as_such():
    function = td.script(programs.mlp)
    assert function.explain() == "mlp: 0 specialisation(s)"
    function(*programs.arguments(programs.mlp))
    text = function.explain()
    assert isinstance(text, str) and repr(text) == text
    assert "library: matmul (viz_programs.py:" in text and "kernel: add_gelu (stages=1, launches=1, lines=" in text
    assert text.report.specializations[0].number == 1


def test_size_guards_are_told():
    def combined(x, y):
        if x.shape[0] > y.shape[0]:
            return x.sum() + y.sum()
        return x.sum() - y.sum()

    function = td.script(dynamic=True)(combined)
    function(td.ones((7,)), td.ones((5,)))
    item = specialization(function)
    assert item.size_guards
    assert f"guard: sizes: {item.size_guards[0]}" in function.explain()


def test_measured_seconds():
    function = programs.compiled(programs.softmax)
    (row,) = function.specializations[0].executable.kernels()
    report = gather(function, {row["origin"]: 2e-6})
    assert [kernel.seconds for kernel in report.specializations[0].kernels] == [2e-6]
    assert [kernel.seconds for kernel in gather(function).specializations[0].kernels] == [None]


def test_split_reduction_belongs_to_two_kernels():
    function = td.script(lambda x: td.sum(td.exp(x)))
    function(td.asarray(np.zeros(1 << 18, dtype=np.float32)))
    item = specialization(function)
    assert len(item.kernels) == 2
    assert {node.op: node.kernels for node in item.graph.walk()}["sum"] == (0, 1)
