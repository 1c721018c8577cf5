"""Effects besides results: attributes, globals, closure variables and containers change as they do in eager code."""

import dataclasses

import numpy as np
import pytest

import tandem as td

COUNT = 0
SCALE = 1.0
LOG = []


class State:
    def __init__(self):
        self.count = 0
        self.rate = 1.0
        self.last = None
        self.mean = td.zeros(3)
        self.items = []
        self.table = {}
        self.seen = set()


class Slotted:
    __slots__ = ("count", "mean")

    def __init__(self):
        self.count, self.mean = 0, td.zeros(3)


@dataclasses.dataclass
class Pair:
    first: object
    second: object


class Holder:
    """A property with a setter stands between the name and the value."""

    def __init__(self):
        self._value = td.zeros(3)

    @property
    def value(self):
        return self._value

    @value.setter
    def value(self, new):
        self._value = new


def counter(s, x):
    s.count += 1
    return x * s.count


def only_counted(s, x):
    s.count += 1
    return x * 2


def decaying_rate(s, x):
    s.rate *= 0.5
    return x * s.rate


def running_mean(s, x):
    s.mean = 0.9 * s.mean + 0.1 * x
    return x - s.mean


def written_mean(s, x):
    s.mean *= 0.9
    s.mean += 0.1 * x
    return x - s.mean


def stored_argument(s, x):
    s.last = x
    return x * 2


def stored_result(s, x):
    y = x * 2
    s.last = y
    return y


def stored_then_read(s, x):
    s.last = x * 2
    return read_last(s) + 1


def read_last(s):
    return s.last * 3


def new_attribute(s, x):
    s.made_up = x + 1
    return x


def appended(s, x):
    s.items.append(x * 2)
    return len(s.items) * x


def table_entry(s, x):
    s.table["x"] = x + 1
    s.table["n"] = s.table.get("n", 0) + 1
    return x


def added_to_set(s, x):
    s.seen.add("a")
    return x


def swapped(s, x):
    s.last, s.mean = s.mean, x * 1
    return x


def dataclass_state(s, x):
    s.last = Pair(x + 1, [x * 2, 3])
    return x


def under_condition(s, x):
    if x.sum() > 0:
        s.mean = s.mean + x
    else:
        s.mean = s.mean - x
    return s.mean * 2


def in_loop(s, x):
    for _ in range(10):
        s.mean = s.mean * 0.5 + x
    return s.mean.sum()


def a_global(s, x):
    global COUNT, SCALE
    COUNT += 1
    SCALE = SCALE * 2.0
    return x * SCALE


def a_global_list(s, x):
    LOG.append(COUNT)
    return x


PROGRAMS = [
    counter,
    only_counted,
    decaying_rate,
    running_mean,
    written_mean,
    stored_argument,
    stored_result,
    stored_then_read,
    new_attribute,
    appended,
    table_entry,
    added_to_set,
    swapped,
    dataclass_state,
    under_condition,
    in_loop,
    a_global,
    a_global_list,
]
# Contents of containers are guarded as a whole: a list that grows is another one in every call.
CAPTURES = {appended: 5, table_entry: 5}  # they read what they change


def plain(value):
    """The value with NumPy arrays in the places of tensors."""
    if isinstance(value, td.Tensor):
        return np.asarray(value).tolist()
    if isinstance(value, (State, Pair)):
        return {name: plain(item) for name, item in vars(value).items()}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def history(function, calls=5):
    global COUNT, SCALE
    COUNT, SCALE = 0, 1.0
    LOG.clear()
    state, seen = State(), []
    for k in range(calls):
        result = function(state, td.asarray(np.array([1.5, -2.0, k], dtype=np.float32)))
        seen.append((plain(result), plain(state), COUNT, SCALE, list(LOG)))
    return seen


@pytest.fixture(params=["script", "trace"])
def jit(request):
    return getattr(td, request.param)


CASES = [(td.script, f) for f in PROGRAMS] + [(td.trace, f) for f in PROGRAMS if f is not under_condition]


@pytest.mark.parametrize(("wrap", "program"), CASES, ids=lambda f: f.__name__)
def test_effects_are_those_of_eager_code(wrap, program):
    compiled = wrap(program)
    assert history(compiled) == history(program)
    assert compiled.stats()["captures"] == CAPTURES.get(program, 1)


def test_captures_do_not_grow_with_the_calls():
    for program in (counter, decaying_rate, running_mean, written_mean, stored_result, in_loop, a_global):
        compiled = td.script(program)
        history(compiled, calls=12)
        assert compiled.stats()["captures"] == 1, program


def test_closure_variable(jit):
    def make(wrap):
        total, mean = 0, td.zeros(3)

        @wrap
        def f(x):
            nonlocal total, mean
            total += 2
            mean = mean + x
            return x * total, mean

        return f

    eager, compiled = make(lambda f: f), make(jit)
    for _ in range(4):
        x = td.asarray([1.0, 2.0, 3.0])
        assert plain(eager(x)) == plain(compiled(x))
    assert compiled.stats()["captures"] == 1


def test_slots(jit):
    def f(s, x):
        s.count += 1
        s.mean = s.mean + x
        return s.mean * s.count

    compiled, a, b = jit(f), Slotted(), Slotted()
    for _ in range(4):
        x = td.asarray([1.0, 2.0, 3.0])
        assert plain(f(a, x)) == plain(compiled(b, x))
    assert a.count == b.count == 4 and plain(a.mean) == plain(b.mean)


def test_property_setter(jit):
    def f(h, x):
        h.value = h.value + x
        return h.value * 2

    compiled, a, b = jit(f), Holder(), Holder()
    for _ in range(4):
        x = td.asarray([1.0, 2.0, 3.0])
        assert plain(f(a, x)) == plain(compiled(b, x))
    assert plain(a.value) == plain(b.value)


def test_argument_containers(jit):
    def f(items, table):
        items.append(items[0] * 2)
        table["sum"] = items[0] + items[-1]
        del table["gone"]
        return items[-1]

    compiled = jit(f)
    for wrap in (f, compiled, compiled):
        items, table = [td.asarray([1.0, 2.0])], {"gone": 1, "kept": 2}
        result = wrap(items, table)
        assert len(items) == 2 and set(table) == {"kept", "sum"}
        assert plain(items) == [[1.0, 2.0], [2.0, 4.0]] and plain(table["sum"]) == [3.0, 6.0]
        assert result is items[-1]


def test_identity_is_kept(jit):
    state = State()

    @jit
    def f(s, x):
        s.last = x
        s.items = [x, s.mean]
        return x

    x = td.ones(3)
    mean = state.mean
    for _ in range(2):
        assert f(state, x) is x
        assert state.last is x and state.items[0] is x and state.items[1] is mean


def test_the_state_is_as_before_when_the_capture_fails(jit):
    state = State()

    @jit
    def f(s, x):
        s.count += 1
        s.items.append(x)
        s.last = x
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        f(state, td.ones(3))
    assert (state.count, state.items, state.last) == (0, [], None)


def test_objects_made_inside_are_free(jit):
    @jit
    def f(x):
        state = State()
        state.count += 2
        state.items.append(x)
        log = []
        log.append(state.items[0] * state.count)
        return log[0]

    assert plain(f(td.ones(3))) == [2.0, 2.0, 2.0]


def test_a_tensor_kept_by_an_object_that_is_no_tree_is_refused(jit):
    class Box:
        pass

    state = State()

    @jit
    def f(s, x):
        box = Box()
        box.inside = x * 2
        s.last = box
        return x

    with pytest.raises(td.CaptureError, match=r"s\.last.*Box that holds a tensor in 'inside'"):
        f(state, td.ones(3))
    assert state.last is None


def test_numbers_that_differ_are_inputs_from_the_second_call_on(jit):
    @jit
    def f(x, rate, shift):
        return x * rate + shift

    for k in range(10):
        x = td.asarray(np.arange(4, dtype=np.float32))
        expected = np.arange(4, dtype=np.float32) * np.float32(0.1 * k) + np.float32(k)
        assert plain(f(x, 0.1 * k, k)) == expected.tolist()
    assert f.stats()["captures"] == 2


def test_numbers_that_python_needs_stay_constants(jit):
    names = {0: "zero", 1: "one", 2: "two"}

    @jit
    def f(x, axis):
        assert isinstance(axis, int) and names[axis]
        return td.sum(x, axis=axis)

    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    for axis in (0, 1, 2, 1, 0):
        assert plain(f(td.asarray(x), axis)) == x.sum(axis).tolist()
    assert f.stats()["captures"] == 3


def test_dynamic_false_makes_every_number_a_constant():
    @td.script(dynamic=False)
    def f(x, rate):
        return x * rate

    for k in range(4):
        f(td.ones(3), 0.5 * k)
    assert f.stats()["captures"] == 4


def test_too_many_specialisations_are_reported_once():
    @td.script
    def f(x, mode):
        return x * len(mode)

    with pytest.warns(RuntimeWarning, match=r"f: got more than 64 different kinds.*argument 1 was 'm"):
        for k in range(70):
            f(td.ones(3), f"m{k}")
    assert len(f.specializations) == 64
    assert f.stats()["captures"] == 70


def changes_global_under_condition(x):
    global COUNT
    if x.sum() > 0:
        COUNT += 1
    return x


def changes_list_under_condition(x):
    if x.sum() > 0:
        LOG.append(1)
    return x


def add_one():
    LOG.append(1)


def changes_list_in_a_callee(x):
    k = 0
    while k < x.sum():
        add_one()
        k += 1
    return x


@pytest.mark.parametrize(
    "program", [changes_global_under_condition, changes_list_under_condition, changes_list_in_a_callee]
)
def test_changes_that_may_not_happen_are_refused_unless_the_graph_carries_them(program):
    LOG.clear()
    with pytest.raises(td.CaptureError, match=r"(COUNT|LOG).*which may not run at all"):
        td.script(program)(td.ones(3))
    assert LOG == []


def test_attributes_that_a_condition_changes(jit=td.script):
    def f(s, x):
        if x.sum() > 0:
            s.count += 1
            s.rate = s.rate * 0.5
        return x * s.count

    a, b, compiled = State(), State(), jit(f)
    for sign in (1.0, -1.0, 1.0, 1.0, -1.0):
        x = td.asarray([sign, sign])
        assert plain(f(a, x)) == plain(compiled(b, x))
        assert (a.count, a.rate) == (b.count, b.rate)
    assert compiled.stats()["captures"] == 1


class Counters:
    def __init__(self):
        self.count, self.total = 0, td.zeros(())


COUNTERS = Counters()


def test_attributes_of_globals_and_closures_under_tensor_conditions():
    local = Counters()

    def program(x, n):
        if x.sum() > 0:
            COUNTERS.count += 1
            local.total = local.total + x.sum()
        for _ in range(n):
            COUNTERS.total = COUNTERS.total + x.sum()
            local.count += 2
        while local.count > 3:
            local.count -= 3
        return x

    def run(function):
        for owner in (COUNTERS, local):
            owner.__init__()
        found = []
        for value, n in [(1.0, 3), (-1.0, 2), (2.0, 0), (3.0, 5)]:
            function(td.asarray([value]), td.asarray(n))
            found.append([(owner.count, float(owner.total)) for owner in (COUNTERS, local)])
        return found

    assert run(td.script(program)) == run(program)
