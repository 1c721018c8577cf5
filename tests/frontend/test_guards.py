"""Everything a capture read is guarded: changing it captures again, with the reason; nothing else does."""

import enum
import sys
import types

import numpy as np
import pytest

import tandem as td

X = np.array([1.0, 2.0, -3.0], dtype=np.float32)
SCALE = 2.0
FACTORS = [1.0, 2.0]
SETTINGS = {"shift": 1.0, "nested": {"deep": [0.5]}}
WEIGHT = None


class Mode(enum.Enum):
    FAST = 1
    SAFE = 2


class Layer:
    kind = "linear"

    def __init__(self, scale):
        self.scale = scale
        self.child = None

    def __call__(self, x):
        y = x * self.scale
        return self.child(y) if self.child is not None else y

    @property
    def doubled(self):
        return self.scale * 2


def x():
    return td.asarray(X.copy())


def close(result, expected):
    np.testing.assert_array_equal(np.asarray(result), np.asarray(expected, dtype=np.float32))


@pytest.fixture(params=["script", "trace"])
def jit(request):
    return getattr(td, request.param)


def captures(compiled):
    return compiled.stats()["captures"]


def test_global_scalar(jit, monkeypatch):
    @jit
    def f(x):
        return x * SCALE

    close(f(x()), X * 2)
    close(f(x()), X * 2)
    assert captures(f) == 1
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    close(f(x()), X * 3)
    assert captures(f) == 2
    reason = f.stats()["guard_failures"][-1]
    assert "global 'SCALE'" in reason and "test_guards.py:" in reason and "was 2.0" in reason
    assert reason in f.explain()


def test_equal_value_of_another_type(jit, monkeypatch):
    @jit
    def f(x):
        return x * SCALE if isinstance(SCALE, float) else x

    close(f(x()), X * 2)
    monkeypatch.setitem(globals(), "SCALE", 2)
    close(f(x()), X)


def test_closure_cell(jit):
    k = 1.0

    @jit
    def f(x):
        return x + k

    close(f(x()), X + 1)
    k = 2.0
    close(f(x()), X + 2)
    assert "closure variable 'k'" in f.stats()["guard_failures"][-1]


def test_global_of_a_called_function(jit, monkeypatch):
    @jit
    def f(x):
        return called(x)

    close(f(x()), X + 4)
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    close(f(x()), X + 10)
    assert captures(f) == 2


def called(x):
    return x + SCALE * 2


def test_replaced_function(jit, monkeypatch):
    @jit
    def f(x):
        return called(x)

    close(f(x()), X + 4)
    monkeypatch.setitem(globals(), "called", lambda x: x - 1)
    close(f(x()), X - 1)


def test_contents_of_containers(jit, monkeypatch):
    @jit
    def f(x):
        for factor in FACTORS:
            x = x * factor
        return x + SETTINGS["shift"] + SETTINGS["nested"]["deep"][0]

    close(f(x()), X * 2 + 1.5)
    monkeypatch.setitem(SETTINGS, "shift", 2.0)
    close(f(x()), X * 2 + 2.5)
    FACTORS.append(4.0)
    try:
        close(f(x()), X * 8 + 2.5)
    finally:
        FACTORS.pop()
    SETTINGS["nested"]["deep"][0] = 1.0
    try:
        close(f(x()), X * 2 + 3)
    finally:
        SETTINGS["nested"]["deep"][0] = 0.5


def test_attributes_of_objects(jit):
    layer = Layer(2.0)
    layer.child = Layer(3.0)

    @jit
    def f(x):
        return layer(x)

    close(f(x()), X * 6)
    layer.child.scale = 4.0
    close(f(x()), X * 8)
    assert ".scale'" in f.stats()["guard_failures"][-1]
    layer.child = None
    close(f(x()), X * 2)
    layer.unrelated = 1
    before = captures(f)
    close(f(x()), X * 2)
    assert captures(f) == before


def test_attributes_of_arguments(jit):
    @jit
    def f(x, layer):
        return layer(x) + len(layer.kind)

    layer = Layer(2.0)
    close(f(x(), layer), X * 2 + 6)
    layer.scale = 3.0
    close(f(x(), layer), X * 3 + 6)
    Layer.kind = "conv"
    try:
        close(f(x(), layer), X * 3 + 4)
    finally:
        Layer.kind = "linear"
    close(f(x(), Layer(5.0)), X * 5 + 6)


def test_property_reads_are_guarded(jit):
    layer = Layer(2.0)

    @jit
    def f(x):
        return x * layer.doubled

    close(f(x()), X * 4)
    layer.scale = 3.0
    close(f(x()), X * 6)


def test_methods_are_bound_per_instance(jit):
    class Model:
        def __init__(self, scale):
            self.scale = scale

        @jit
        def run(self, x):
            return x * self.scale

    one, two = Model(2.0), Model(3.0)
    close(one.run(x()), X * 2)
    close(two.run(x()), X * 3)
    close(one.run(x()), X * 2)
    one.scale = 7.0
    close(one.run(x()), X * 7)
    close(two.run(x()), X * 3)
    assert Model.run.__wrapped__.__name__ == "run" and one.run.stats()["captures"] == 3


def test_replaced_method(jit, monkeypatch):
    class Model:
        def step(self, x):
            return x + 1

        @jit
        def run(self, x):
            return self.step(x)

    model = Model()
    close(model.run(x()), X + 1)
    monkeypatch.setattr(Model, "step", lambda self, x: x + 2)
    close(model.run(x()), X + 2)


def test_scalars_and_other_arguments(jit):
    @jit
    def f(x, k, name="a", mode=Mode.FAST, flag=None):
        x = x * k if name == "a" else x - k
        return x if mode is Mode.FAST and flag is None else -x

    close(f(x(), 2), X * 2)
    close(f(x(), 3), X * 3)
    close(f(x(), 2.0), X * 2)
    close(f(x(), 2, name="b"), X - 2)
    close(f(x(), 2, mode=Mode.SAFE), X * -2)
    close(f(x(), 2, flag=0), X * -2)
    close(f(x(), True), X)
    assert captures(f) == 7
    close(f(x(), 2), X * 2)
    assert captures(f) == 7


def test_tensor_types(jit):
    @jit
    def f(x):
        return x + x

    f(x())
    f(td.asarray(np.array([1, 2], dtype=np.int32)))
    f(td.asarray(np.ones((2, 2), dtype=np.float32)))
    assert captures(f) == 3


def test_structures_of_arguments(jit):
    @jit
    def f(items, table=None):
        total = items[0]
        for item in items[1:]:
            total = total + item
        return total if table is None else total * table["k"]

    close(f([x(), x()]), X * 2)
    close(f([x(), x(), x()]), X * 3)
    close(f((x(), x())), X * 2)
    close(f([x()], {"k": x()}), X * X)
    assert captures(f) == 4


def test_global_tensor_is_read_at_call_time(jit, monkeypatch):
    weight = td.asarray(np.array([1.0, 1.0, 1.0], dtype=np.float32))
    monkeypatch.setitem(globals(), "WEIGHT", weight)

    @jit
    def f(x):
        return x * WEIGHT

    close(f(x()), X)
    weight += 1
    close(f(x()), X * 2)
    assert captures(f) == 1
    monkeypatch.setitem(globals(), "WEIGHT", td.asarray(np.array([3.0, 3.0, 3.0], dtype=np.float32)))
    close(f(x()), X * 3)
    assert captures(f) == 1  # of the same type: read where it stands now


def test_module_attributes(jit, tmp_path, monkeypatch):
    (tmp_path / "settings_module.py").write_text("GAIN = 2.0\n\ndef gain(x):\n    return x * GAIN\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "settings_module", raising=False)
    import settings_module

    @jit
    def f(x):
        return settings_module.gain(x) + settings_module.GAIN

    close(f(x()), X * 2 + 2)
    settings_module.GAIN = 3.0
    close(f(x()), X * 3 + 3)
    assert captures(f) == 2


def test_functions_called_indirectly(jit):
    state = types.SimpleNamespace(k=1.0)

    class Value:
        def __init__(self, x):
            self.x = x

        def __add__(self, other):
            return Value(self.x + other * state.k)

    @jit
    def f(x):
        return (Value(x) + 1).x

    close(f(x()), X + 1)
    state.k = 2.0
    close(f(x()), X + 2)


def test_unread_globals_are_not_guarded(jit, monkeypatch):
    @jit
    def f(x):
        return x + 1

    f(x())
    monkeypatch.setitem(globals(), "SCALE", 99.0)
    f(x())
    assert captures(f) == 1


def test_default_arguments_of_called_functions(jit):
    def scaled(x, by=2.0):
        return x * by

    @jit
    def f(x):
        return scaled(x)

    close(f(x()), X * 2)
    scaled.__defaults__ = (3.0,)
    close(f(x()), X * 3)


@pytest.mark.parametrize(
    "read",
    [
        lambda owner, name: getattr(owner, name),
        lambda owner, name: getattr(owner, "k"),
        lambda owner, name: getattr(owner, "k", None),
        lambda owner, name: getattr(owner, f"{name}"),
        lambda owner, name: vars(owner)[name],
        lambda owner, name: owner.__dict__[name],
    ],
)
def test_attributes_read_by_a_name_that_is_computed(jit, read):
    state = types.SimpleNamespace(k=types.SimpleNamespace(by=2.0))

    @jit
    def f(x):
        for name in ("k",):
            x = x * scale(read(state, name))
        return x

    def scale(inner):
        return inner.by

    close(f(x()), X * 2)
    state.k.by = 3.0
    close(f(x()), X * 3)
    state.k = types.SimpleNamespace(by=4.0)
    close(f(x()), X * 4)
    assert captures(f) == 3
    close(f(x()), X * 4)
    assert captures(f) == 3


def test_annotated_functions_as_attributes_of_objects(jit):
    """An object's own attribute is read as it is, though functions of a class are bound when they are read."""

    class Holder:
        def __init__(self):
            self.inner = jit(lambda x: x * 2)

        def __call__(self, x):
            if x.ndim > 1:
                self.inner = None
            return self.inner(x) + 1

    holder = Holder()
    inner = holder.inner
    f = jit(lambda x: holder(x))
    for _ in range(2):
        close(f(x()), X * 2 + 1)
        assert holder.inner is inner
    holder.inner = jit(lambda x: x * 3)
    close(f(x()), X * 3 + 1)
    assert captures(f) == 2


@pytest.mark.parametrize(
    "function",
    [
        lambda n: n * 0.25,
        lambda n: 0.25 * n,
        lambda n: n + 0.5,
        lambda n: 0.5 - n,
        lambda n: n // 1.5,
        lambda n: 7.5 % n,
        lambda n: divmod(n, 1.5)[1],
        lambda n: n**-0.5,
        lambda n: 2.0**n,
        lambda n: n / 2.5,
        lambda n: 1 / n,
        lambda n: abs(n * 1j),
        lambda n: 1.0 if n < 4.5 else 2.0,
        lambda n: 1.0 if 5.0 <= n else 2.0,
        lambda n: 1.0 if n == 5.0 else 2.0,
        lambda n: n * np.float32(0.5),
    ],
)
def test_sizes_meet_numbers_that_are_no_integers(function):
    scripted = td.script(lambda x: x * function(x.shape[0]))
    for size in (4, 5, 6):
        x = td.asarray(np.linspace(0, 1, size, dtype=np.float32))
        assert np.asarray(scripted(x)).tobytes() == np.asarray(x * function(size)).tobytes()


def test_sizes_meet_nothing_else():
    scripted = td.script(lambda x: x * (x.shape[0] + "1"))
    scripted_size = td.trace(lambda x: x.shape[0] == "5")
    with pytest.raises(TypeError):
        for size in (4, 5):
            scripted(td.ones(size))
    assert [scripted_size(td.ones(size)) for size in (4, 5, 6)] == [False] * 3
