"""Loops over arrays whose rounds are done several at a time: the same bits, whatever the sizes and the threads."""

import numpy as np
import pytest

import tandem as td

RNG = np.random.default_rng(11)


def around(u):
    return u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * u[1:-1, 1:-1]


def heat(u, rounds):
    u = u + 0
    for _ in range(rounds):
        u[1:-1, 1:-1] += 0.2 * around(u)
    return u


def far(u, rounds):
    """Neighbours three rows away above, one below."""
    u = u + 0
    for _ in range(rounds):
        u[3:-1, 2:-2] = 0.5 * u[3:-1, 2:-2] + 0.2 * u[:-4, 2:-2] + 0.1 * u[4:, 4:] + 0.2 * u[2:-2, :-4]
    return u


def line(u, rounds):
    u = u.reshape(-1) + 0
    for _ in range(rounds):
        u[1:-1] += 0.1 * (u[:-2] + u[2:] - 2 * u[1:-1])
    return u


def cube(u, rounds):
    u = (u.reshape(u.shape[0], 4, -1) if u.ndim == 2 else u) + 0
    for _ in range(rounds):
        u[1:-1, 1:-1, 1:-1] += 0.1 * (u[2:, 1:-1, 1:-1] - u[1:-1, 2:, 1:-1] + u[1:-1, 1:-1, :-2] - u[:-2, 1:-1, 1:-1])
    return u


def reaction(u, rounds):
    """Gray and Scott's: two arrays, of which each needs both."""
    v = u * 0.5
    u = u + 0
    for _ in range(rounds):
        rate = u[1:-1, 1:-1] * v[1:-1, 1:-1] ** 2
        du = 0.16 * around(u) - rate + 0.06 * (1 - u[1:-1, 1:-1])
        dv = 0.08 * around(v) + rate - 0.12 * v[1:-1, 1:-1]
        u[1:-1, 1:-1] += du
        v[1:-1, 1:-1] += dv
    return u, v


def conducting(u, rounds):
    """With a coefficient for every place, which stays."""
    k = td.abs(u[1:-1, 1:-1]) * 0.1
    u = u + 0
    for _ in range(rounds):
        u[1:-1, 1:-1] += k * around(u)
    return u


def upwards(u, rounds):
    """Every round reads the row below only."""
    u = u + 0
    for _ in range(rounds):
        u[:-1] = 0.5 * (u[:-1] + u[1:])
    return u


def insulated(u, rounds):
    """What the borders are depends on the new values."""
    u = u + 0
    for _ in range(rounds):
        u[1:-1, 1:-1] += 0.2 * around(u)
        u[0] = u[1]
        u[-1] = u[-2]
        u[:, 0] = u[:, 1]
        u[:, -1] = u[:, -2] * 0.5
    return u


def at_borders(u, rounds):
    u = u + 0
    for _ in range(rounds):
        u[1:-1, 1:-1] += 0.2 * around(u)
        u[0] = u[1]
        u[-1] = 0
    return u


def border_first(u, rounds):
    u = u + 0
    for _ in range(rounds):
        u[0] = 0.5 * u[1] + 0.25 * u[0]
        u[:, -1] = 1
        u[1:-1, 1:-1] += 0.2 * around(u)
    return u


def wave(u, rounds):
    """Three rows of time in two arrays."""
    before = u * 0.9
    u = u + 0
    for _ in range(rounds):
        after = before.copy()
        after[1:-1, 1:-1] = 2 * u[1:-1, 1:-1] - before[1:-1, 1:-1] + 0.1 * around(u)
        before, u = u, after
    return u, before


def reflected(u, rounds):
    before = u * 0.9
    u = u + 0
    for _ in range(rounds):
        after = before.copy()
        after[1:-1, 1:-1] = 2 * u[1:-1, 1:-1] - before[1:-1, 1:-1] + 0.1 * around(u)
        after[:, 0] = after[:, 1]
        after[-1] = after[-2]
        before, u = u, after
    return u


TILED = [heat, far, line, cube, reaction, conducting, upwards, insulated, at_borders, wave, reflected]


def until_it_stays(u, rounds):
    u = u + 0
    while rounds > 0 and td.abs(around(u)).max() > 0.5:
        u[1:-1, 1:-1] += 0.2 * around(u)
        rounds -= 1
    return u


def with_the_round(u, rounds):
    u = u + 0
    for k in range(rounds):
        u[1:-1, 1:-1] += around(u) / (k + 5)
    return u


def around_the_edge(u, rounds):
    for _ in range(rounds):
        u = 0.5 * u + 0.25 * (td.roll(u, 1, 0) + td.roll(u, -1, 0))
    return u


OTHERS = [border_first, until_it_stays, with_the_round, around_the_edge]


def bits(result):
    return [part.numpy().tobytes() for part in (result if isinstance(result, tuple) else (result,))]


@pytest.fixture(params=[1, 2, 5])
def threads(request):
    before = td.num_threads()
    td.set_num_threads(request.param)
    yield request.param
    td.set_num_threads(before)


@pytest.mark.parametrize("program", TILED + OTHERS, ids=lambda program: program.__name__)
def test_bits(program, threads):
    compiled = td.script(program)
    for shape in ((64, 64), (1000, 96), (300, 1024), (8, 5000), (5, 8)):
        if program is cube and shape == (5, 8):
            continue
        u = td.asarray(RNG.standard_normal(shape).astype(np.float32))
        kept = u.numpy().copy()
        for rounds in (0, 1, 2, 7, 70):
            assert bits(compiled(u, td.asarray(rounds))) == bits(program(u, rounds)), (shape, rounds)
        assert np.array_equal(u.numpy(), kept)


@pytest.mark.parametrize("program", TILED, ids=lambda program: program.__name__)
def test_rounds_are_done_together(program):
    compiled = td.script(program)
    compiled(td.asarray(RNG.standard_normal((300, 128)).astype(np.float32)), td.asarray(50))
    assert compiled.ir("program").count("rounds together") == 1


@pytest.mark.parametrize("program", [until_it_stays, with_the_round], ids=lambda program: program.__name__)
def test_what_depends_on_more_is_done_round_by_round(program):
    compiled = td.script(program)
    compiled(td.asarray(RNG.standard_normal((300, 128)).astype(np.float32)), td.asarray(50))
    assert "rounds together" not in compiled.ir("program")


@pytest.mark.parametrize("dtype", [td.float64, td.float16, td.int32, td.complex64])
def test_dtypes(dtype):
    def life(u, rounds):
        u = u + 0
        for _ in range(rounds):
            u[1:-1, 1:-1] = (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]) * 3 - u[1:-1, 1:-1]
        return u

    u = td.asarray(RNG.integers(0, 2, (500, 333))).astype(dtype)
    assert bits(td.script(life)(u, td.asarray(20))) == bits(life(u, 20))


def test_strided_arguments_and_sizes_that_change():
    compiled = td.script(heat)
    wide = td.asarray(RNG.standard_normal((400, 500)).astype(np.float32))
    for view in (wide.T, wide[::2], wide[:, 100:], wide[::-1, :64]):
        assert bits(compiled(view, td.asarray(30))) == bits(heat(view, 30))


def test_memory_is_that_of_two_arrays():
    u = td.asarray(RNG.standard_normal((1024, 1024)).astype(np.float32))
    compiled = td.script(heat)
    compiled(u, td.asarray(40))
    td.empty_cache()  # of blocks that other tests left, and that are somewhat larger
    td.reset_peak_memory()
    before = td.memory_stats()["in_use"]
    compiled(u, td.asarray(40))
    assert td.memory_stats()["peak"] - before <= 2 * u.nbytes + (1 << 16)


def test_results_do_not_share_memory():
    def program(u, rounds):
        first = u + 1
        u = first
        for _ in range(rounds):
            u[1:-1, 1:-1] = 0.25 * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:])
        return u, first * 1

    u = td.asarray(RNG.standard_normal((256, 256)).astype(np.float32))
    assert bits(td.script(program)(u, td.asarray(9))) == bits(program(u, 9))


def test_saved_models_do_it_too(tmp_path):
    u = td.asarray(RNG.standard_normal((300, 300)).astype(np.float32))
    td.save(None, tmp_path / "heat.tdm", methods={"forward": (td.script(heat), u, td.asarray(25))})
    loaded = td.load(tmp_path / "heat.tdm")
    assert bits(loaded(u, td.asarray(25))) == bits(heat(u, 25))


def test_profiles_say_what_was_done():
    compiled = td.script(reaction)
    u = td.asarray(RNG.standard_normal((512, 512)).astype(np.float32))
    compiled(u, td.asarray(48))
    with td.profiler() as p:
        compiled(u, td.asarray(48))
    together = [event for event in p.events if event.kind == "kernel" and "+" in event.name]
    rows = 510 * 510 * 4
    assert sum(event.bytes_written for event in together) == 2 * 48 * rows
    assert {line for _, line in p.lines()} >= {reaction.__code__.co_firstlineno + k for k in (6, 7, 8)}
