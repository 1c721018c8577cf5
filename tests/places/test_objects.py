"""Annotated functions as objects: pickled, copied, sent to other processes, and collected."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import tandem as td
from tandem import _compiled


@td.script
def scripted(x):
    return x * 2 if x.sum() > 0 else x


@td.trace(dynamic=True)
def traced(x):
    return x + 1


def plain(x):
    return x * 3 if x.sum() > 0 else x


annotated = td.script(fallback=True)(plain)
callables = {"lambda": td.script(lambda x: x)}


class Model:
    def __init__(self, k):
        self.k = k
        self.function = scripted

    @td.script
    def method(self, x):
        return x * self.k if x.sum() > 0 else x

    @staticmethod
    @td.script
    def static(x):
        return x * 7

    def __call__(self, x):
        return x * self.k


X = [1.0, 2.0]


def x():
    return td.asarray(np.array(X, np.float32))


# ---- pickle ----


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_functions_are_pickled_by_reference(protocol):
    for function in (scripted, traced, Model.method, Model.static):
        if function is Model.static and protocol < 4:
            continue
        assert pickle.loads(pickle.dumps(function, protocol)) is function
    assert len(pickle.dumps(scripted)) < 100


def test_a_bound_method_is_pickled_with_its_object():
    method = pickle.loads(pickle.dumps(Model(3.0).method))
    assert method(x()).tolist() == [3.0, 6.0]
    model = pickle.loads(pickle.dumps(Model(4.0)))
    assert model.method(x()).tolist() == [4.0, 8.0] and model.function is scripted


def test_an_annotation_under_another_name_is_made_again():
    again = pickle.loads(pickle.dumps(annotated))
    assert again is not annotated and again.__wrapped__ is plain
    assert again(x()).tolist() == [3.0, 6.0]
    assert repr(again).startswith("<td.script plain") and again._options == annotated._options


def test_an_annotated_object_is_pickled_with_its_state():
    again = pickle.loads(pickle.dumps(td.script(Model(5.0))))
    assert again(x()).tolist() == [5.0, 10.0] and again.k == 5.0


def test_what_cannot_be_pickled_says_so():
    def local(x):
        return x

    with pytest.raises((pickle.PicklingError, AttributeError), match="local"):
        pickle.dumps(td.script(local))


POOL = """
import multiprocessing
import tandem as td
from tandem import _compiled

@td.script
def scripted(x):
    return x * 2 if x.sum() > 0 else x

def plain(x):
    return x * 3 if x.sum() > 0 else x

annotated = td.script(plain)

class Model:
    def __init__(self, k):
        self.k = k

    @td.script
    def method(self, x):
        return x * self.k if x.sum() > 0 else x

class Numbers:
    def __init__(self, function):
        self.function = function

    def __call__(self, numbers):
        return self.function(td.asarray(numbers)).tolist()

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for function in (scripted, annotated, Model(4.0).method):
            print(pool.map(Numbers(function), [[1.0, 1.0], [2.0, 2.0], [-1.0, -1.0]], chunksize=1))
"""


def test_a_pool_of_spawned_processes(run_python):
    """What is sent are a function and numbers; the functions are those of the module that is imported again."""
    assert run_python(POOL).splitlines() == [f"[[{k}, {k}], [{2 * k}, {2 * k}], [-1.0, -1.0]]" for k in (2.0, 3.0, 4.0)]


# ---- copies ----


def test_copies_of_functions_are_the_functions():
    for function in (scripted, traced, callables["lambda"]):
        assert copy.copy(function) is function and copy.deepcopy(function) is function
    assert copy.deepcopy(callables)["lambda"] is callables["lambda"]


def test_a_deep_copy_of_an_object_is_independent():
    model = Model(2.0)
    model.call = td.script(model.__call__)
    model.whole = td.script(Model(6.0))
    other = copy.deepcopy(model)
    other.k, other.whole.__wrapped__.k = 9.0, 8.0
    assert model.call(x()).tolist() == [2.0, 4.0] and other.call(x()).tolist() == [9.0, 18.0]
    assert model.whole(x()).tolist() == [6.0, 12.0] and other.whole(x()).tolist() == [8.0, 16.0]
    assert other.function is scripted and other.method(x()).tolist() == [9.0, 18.0]
    shallow = copy.copy(model)
    assert shallow.call is model.call


# ---- collection ----


def test_closures_do_not_leak():
    def make(k):
        @td.script
        def f(x):
            return x * k if x.sum() > 0 else x

        return f

    make(td.asarray(0.0))(x())
    gc.collect()
    before = len(gc.get_objects())
    references = []
    for k in range(200):
        f = make(td.asarray(float(k)))
        assert f(x()).tolist() == [float(k), 2.0 * k]
        references += [weakref.ref(f), weakref.ref(f.__wrapped__), weakref.ref(f.specializations[0])]
        references.append(weakref.ref(f.records[0]))
    del f
    gc.collect()
    assert sum(reference() is not None for reference in references) == 0
    del references, k
    assert len(gc.get_objects()) - before < 200  # 200 closures with their cells, guards and records are thousands


def test_programs_die_with_their_function():
    f = td.script(lambda x: x * 1.5)
    f(x())
    executable = weakref.ref(f.specializations[0].executable)
    f.clear()
    assert f.specializations == [] and executable() is None
    assert f(x()).tolist() == [1.5, 3.0]


def test_annotations_in_a_loop_do_not_pile_up():
    for _ in range(3):
        gc.collect()
        before = len(_compiled.latest)
        for _ in range(100):
            td.script(lambda x: x + 2)(x())
        gc.collect()
        assert len(_compiled.latest) <= before + 1


def test_an_annotation_kept_by_what_it_guards_is_collected():
    class Model:
        def __init__(self):
            self.factor = 2.0

        def forward(self, x):
            return x * self.factor

    model = Model()
    model.forward = td.script(model.forward)
    model.forward(td.ones((2,)))
    kept = weakref.ref(model)
    del model
    gc.collect()
    assert kept() is None


def test_a_reshape_before_a_reduction_takes_other_sizes():
    """It was an internal error: the product of the sizes was compared with a size that only this call has."""

    @td.script
    def f(x):
        return x.reshape((-1, 2)).sum(axis=0)

    for size in (4, 6, 10):
        x = td.asarray([float(k) for k in range(size)])
        assert f(x).tolist() == f.eager(x).tolist()
    assert f.stats()["captures"] == 2
