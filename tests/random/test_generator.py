"""Streams: known answers of Philox, and that eager, compiled and threaded programs draw the same numbers."""

import copy
import doctest
import pickle
import threading

import numpy as np
import pytest

import tandem as td
from tandem import _core

# philox4x32 10 of kat_vectors in the Random123 distribution: counter, key, result, each as words from the lowest.
KNOWN = [
    ("00000000 " * 4, "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff " * 4, "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def whole(words):
    return sum(int(word, 16) << 32 * place for place, word in enumerate(words))


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_known_answers(counter, key, result):
    counter, key, result = counter.split(), key.split(), result.split()
    stream = whole(counter[2:])
    attributes = {"shape": (), "stream": stream - (stream >> 63 << 64)}
    inputs = [td.full((), whole(words), dtype=td.uint64) for words in (key, counter[:2])]
    for second in (False, True):
        got = _core._internal("random_bits", *inputs, second=second, **attributes)
        assert int(got.item()) == whole(result[2:] if second else result[:2])


def same(a, b):
    assert a.dtype == b.dtype and a.shape == b.shape
    assert a.numpy().tobytes() == b.numpy().tobytes()


def every_kind(generator, n):
    return (
        generator.bits((n,)),
        generator.uniform((n, 3)),
        generator.uniform((n,), -2.0, 5.0, dtype=td.float64),
        generator.normal((n,)),
        generator.normal((3, n), 1.0, 2.0, dtype=td.float64),
        generator.uniform((n,), dtype=td.float16),
        generator.normal((n,), dtype=td.bfloat16).astype(td.float32),
        generator.integers(-5, 100, (n,)),
        generator.integers(0, 2**64, (n,), dtype=td.uint64),
        generator.bernoulli(0.3, (n,)),
        generator.exponential((n,)),
        generator.categorical(td.zeros((n, 5)), (2,)),
        generator.gamma(td.asarray([0.5, 3.0]), (n, 2)),
        generator.gamma(1.5, (n,), dtype=td.float64),
        generator.poisson(td.asarray([2.0, 20.0]), (n, 2)),
        generator.truncated_normal(-1.0, td.asarray(2.0), (n,)),
        generator.integers(td.asarray([0, 5]), td.asarray([2, 50]), (n, 2)),
    )


def test_a_compiled_function_goes_on_where_it_stopped():
    eager, compiled = td.random.Generator(3), td.random.Generator(3)
    draw = td.script(lambda x: every_kind(compiled, 37) + (x,))
    for _ in range(3):
        for a, b in zip(every_kind(eager, 37), draw(td.ones(()))):
            same(a, b)
        same(eager.get_state(), compiled.get_state())
    assert draw.stats()["captures"] == 1
    before = td.stats()["compiled"]
    compiled.manual_seed(4)
    same(td.random.Generator(4).bits((37,)), draw(td.ones(()))[0])
    assert td.stats()["compiled"] == before, "another seed compiles nothing"


def test_the_functions_of_the_module_draw_from_one_generator():
    @td.script
    def f(x):
        return x + td.random.normal((4,))

    td.manual_seed(1)
    eager = [f.eager(td.zeros((4,))) for _ in range(3)]
    td.random.manual_seed(1)
    for want in eager:
        same(want, f(td.zeros((4,))))
    same(td.random.get_state(), td.asarray([1, 12], dtype=td.uint64))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_only_the_branch_that_is_taken_draws(sign):
    generator = td.random.Generator(0)

    @td.script
    def f(x):
        if x.sum() > 0:
            y = generator.normal((4,))
        else:
            y = generator.uniform((4,)) + generator.exponential((4,))
        return y, generator.uniform((2,))

    x = td.full((4,), sign)
    want, state = f.eager(x), generator.get_state()
    generator.manual_seed(0)
    for a, b in zip(want, f(x)):
        same(a, b)
    same(state, generator.get_state())
    assert state.tolist() == [0, 6 if sign > 0 else 10]


def test_loops_that_end_by_what_they_draw():
    generator = td.random.Generator(0)

    @td.script
    def f(x):
        count = 0
        while x.sum() < 20:
            x = x + generator.uniform((3,))
            count += 1
        for _ in range(4):
            x = x * generator.uniform(x.shape)
        return x, count, generator.normal()

    want, state = f.eager(td.zeros((3,))), generator.get_state()
    generator.manual_seed(0)
    got = f(td.zeros((3,)))
    same(want[0], got[0])
    same(want[2], got[2])
    assert int(want[1]) == int(got[1])
    same(state, generator.get_state())


def test_a_draw_of_a_size_that_is_a_symbol():
    generator, eager = td.random.Generator(8), td.random.Generator(8)
    f = td.script(lambda x: x + generator.normal(x.shape))
    for n in (5, 7, 9, 11, 300):
        same(td.zeros((n, 4)) + eager.normal((n, 4)), f(td.zeros((n, 4))))
    assert f.stats()["captures"] <= 2
    same(eager.get_state(), generator.get_state())


def test_threads_do_not_matter():
    before = td.num_threads()
    drawn = []
    try:
        for threads in (1, 2, 3):
            td.set_num_threads(threads)
            drawn.append(every_kind(td.random.Generator(5), 70_001))
    finally:
        td.set_num_threads(before)
    for other in drawn[1:]:
        for a, b in zip(drawn[0], other):
            same(a, b)


def test_the_interpreter_draws_the_same_numbers(run_python):
    program = """
import hashlib
import tandem as td
g = td.random.Generator(11)
parts = [g.bits((33,)), g.uniform((33,)), g.normal((33,)), g.normal((33,), dtype=td.float64), g.integers(7, 90, (33,)),
         g.exponential((33,)), g.bernoulli(0.4, (33,)), g.gamma(0.7, (33,)), g.poisson(4.0, (33,)),
         g.poisson(40.0, (33,)), g.truncated_normal(1.0, 2.0, (33,))]
print(hashlib.sha256(b"".join(x.numpy().tobytes() for x in parts)).hexdigest())
"""
    assert run_python(program) == run_python(program, TANDEM_BACKEND="interp")


def test_dropout_is_one_kernel():
    generator = td.random.Generator(2)

    @td.script
    def dropout(x, p):
        return x * (generator.uniform(x.shape) < p) / p

    x, p = td.ones((64, 33)), td.asarray(0.75)
    dropout(x, p)
    want = dropout.eager(x, p)
    generator.set_state(td.asarray([2, 64 * 33], dtype=td.uint64))
    launches = td.stats()["launches"]
    same(want, dropout(x, p))
    assert td.stats()["launches"] - launches <= 2, dropout.ir("kernels")  # the draw, and the position


def test_threads_of_the_program_never_draw_the_same_number():
    generator, drawn = td.random.Generator(1), []

    def work():
        for _ in range(50):
            drawn.append(generator.bits((10,)).numpy())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = np.concatenate(drawn)
    assert np.unique(numbers).size == numbers.size == 2000
    assert generator.get_state().tolist() == [1, 2000]


def test_states_copies_and_forks():
    generator = td.random.Generator(6)
    generator.uniform((3,))
    copies = [copy.deepcopy(generator), pickle.loads(pickle.dumps(generator)), td.random.Generator(0)]
    copies[2].set_state(generator.get_state())
    want = generator.normal((5,))
    for other in copies:
        same(want, other.normal((5,)))
    children = [generator.fork() for _ in range(20)]
    keys = {child.get_state().tolist()[0] for child in (*children, generator)}
    assert len(keys) == 21
    again = td.random.Generator(6)
    again.set_state(td.asarray([6, 8], dtype=td.uint64))
    same(again.fork().uniform((4,)), children[0].uniform((4,)))


def test_generators_forked_in_a_compiled_function():
    generator = td.random.Generator(6)
    f = td.script(lambda x: (x + generator.fork().uniform((4,)), generator.fork().normal((4,))))
    want = f.eager(td.zeros((4,)))
    generator.manual_seed(6)
    for a, b in zip(want, f(td.zeros((4,)))):
        same(a, b)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda g: g.uniform((-1,)), td.ShapeError, "need sizes of 0 or more"),
        (lambda g: g.uniform((2,), dtype=td.int32), td.DTypeError, "got dtype int32"),
        (lambda g: g.integers(5, 5), ValueError, r"integers: got the range \[5, 5\)"),
        (lambda g: g.integers(0, 300, dtype=td.uint8), ValueError, "within 0 to 255"),
        (lambda g: g.integers(1.5), td.DTypeError, "need integers"),
        (lambda g: g.normal((2,), td.zeros((3,))), td.ShapeError, r"normal: got the shape \(2,\)"),
        (lambda g: g.manual_seed(-1), ValueError, "manual_seed: got -1; need an int"),
        (lambda g: g.set_state(td.zeros((2,))), ValueError, "set_state: got no uint64"),
        (lambda g: g.categorical(td.zeros(())), ValueError, "need logits"),
    ],
)
def test_refusals(call, error, message):
    generator = td.random.Generator(0)
    with pytest.raises(error, match=message):
        call(generator)
    assert generator.get_state().tolist() == [0, 0]


def test_examples_in_the_documentation():
    finder, runner = doctest.DocTestFinder(exclude_empty=True), doctest.DocTestRunner()
    found = [
        test
        for place in (td.random, td.random.Generator)
        for test in finder.find(place, globs={"td": td})
        if test.examples
    ]
    assert len(found) > 15
    for test in found:
        assert runner.run(test).failed == 0, test.name
