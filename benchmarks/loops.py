"""Programs that are loops: every library's users write them in their own way, and so does each function here.

`made` of a case takes a library and gives what is called; a way that takes arrays runs once per call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from cases import Case

Way = Callable[..., Any]

# ---- A network of spiking neurons (Izhikevich, IEEE Transactions on Neural Networks 14, 2003) ----------------------

NEURONS, STEPS = 1000, 1000


def izhikevich_inputs(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Parameters of 800 exciting and 200 inhibiting neurons, the synapses, and each step's thalamic input."""
    rng = np.random.default_rng(1)
    r = rng.random(NEURONS)
    exciting = np.arange(NEURONS) < 800
    a = np.where(exciting, 0.02, 0.02 + 0.08 * r)
    b = np.where(exciting, 0.2, 0.25 - 0.05 * r)
    c = np.where(exciting, -65 + 15 * r**2, -65)
    d = np.where(exciting, 8 - 6 * r**2, 2)
    synapses = rng.random((NEURONS, NEURONS)) * np.where(exciting, 0.5, -1)[:, None]  # from, to
    thalamic = rng.standard_normal((STEPS, NEURONS)) * np.where(exciting, 5, 2)
    return [x.astype(np.float32) for x in (np.stack([a, b, c, d]), synapses, thalamic)]


def izhikevich(xp: Any, parameters: Any, synapses: Any, thalamic: Any, dense: bool = False) -> Any:
    """Return how many neurons fired in each step; `dense` multiplies where others add the rows of those that fired."""
    a, b, c, d = parameters
    v = xp.full((NEURONS,), -65.0, dtype=xp.float32)
    u = b * v
    counts = []
    for noise in thalamic:
        fired = v >= 30
        spikes = xp.where(fired, 1.0, 0.0)
        v = xp.where(fired, c, v)
        u = xp.where(fired, u + d, u)
        heard = spikes @ synapses if dense else xp.where(fired[:, None], synapses, 0.0).sum(axis=0)
        current = noise + heard
        v = v + 0.5 * (0.04 * v * v + 5 * v + 140 - u + current)
        v = v + 0.5 * (0.04 * v * v + 5 * v + 140 - u + current)
        u = u + a * (b * v - u)
        counts.append(spikes.sum())
    return xp.stack(counts)


def numpy_izhikevich(np: Any, parameters: Any, synapses: Any, thalamic: Any) -> Any:
    a, b, c, d = parameters
    v = np.full(NEURONS, -65, np.float32)
    u = b * v
    half, square, five, more = (np.float32(x) for x in (0.5, 0.04, 5, 140))
    counts = np.zeros(STEPS, np.float32)
    for step, noise in enumerate(thalamic):
        fired = np.flatnonzero(v >= 30)
        v[fired] = c[fired]
        u[fired] += d[fired]
        current = noise + synapses[fired].sum(axis=0)
        for _ in range(2):
            v += half * (square * v * v + five * v + more - u + current)
        u += a * (b * v - u)
        counts[step] = fired.size
    return counts


def jax_izhikevich(jax: Any) -> Way:
    jnp = jax.numpy

    def run(parameters: Any, synapses: Any, thalamic: Any) -> Any:
        a, b, c, d = parameters

        def body(state: Any, noise: Any) -> Any:
            v, u = state
            fired = v >= 30
            spikes = fired.astype(jnp.float32)
            v, u = jnp.where(fired, c, v), jnp.where(fired, u + d, u)
            current = noise + spikes @ synapses
            for _ in range(2):
                v = v + 0.5 * (0.04 * v * v + 5 * v + 140 - u + current)
            u = u + a * (b * v - u)
            return (v, u), spikes.sum()

        v = jnp.full(NEURONS, -65.0, jnp.float32)
        return jax.lax.scan(body, (v, b * v), thalamic)[1]

    return run


def numba_izhikevich(numba: Any) -> Way:
    half, square, five, more = (np.float32(x) for x in (0.5, 0.04, 5, 140))

    def run(parameters, synapses, thalamic):
        a, b, c, d = parameters
        count = a.size
        v = np.full(count, np.float32(-65))
        u = b * v
        current = np.empty_like(v)
        counts = np.zeros(thalamic.shape[0], np.float32)
        for step in range(thalamic.shape[0]):
            current[:] = thalamic[step]
            for i in range(count):
                if v[i] >= 30:
                    v[i] = c[i]
                    u[i] += d[i]
                    counts[step] += 1
                    current += synapses[i]
            for i in range(count):
                for _ in range(2):
                    v[i] += half * (square * v[i] * v[i] + five * v[i] + more - u[i] + current[i])
                u[i] += a[i] * (b[i] * v[i] - u[i])
        return counts

    return numba.njit(run)


# ---- Gravity between all pairs of 2048 bodies ----------------------------------------------------------------------

SOFTENING = 1e-2


def n_body(xp: Any, positions: Any, masses: Any) -> Any:
    between = positions[None, :, :] - positions[:, None, :]
    squares = (between * between).sum(axis=-1) + SOFTENING
    weights = masses / (squares * xp.sqrt(squares))
    return (weights[:, :, None] * between).sum(axis=1)


def numba_n_body(numba: Any) -> Way:
    one, softening = np.float32(1), np.float32(SOFTENING)

    def run(positions, masses):
        out = np.empty_like(positions)
        for i in numba.prange(positions.shape[0]):
            x, y, z = np.float32(0), np.float32(0), np.float32(0)
            for j in range(positions.shape[0]):
                dx = positions[j, 0] - positions[i, 0]
                dy = positions[j, 1] - positions[i, 1]
                dz = positions[j, 2] - positions[i, 2]
                square = dx * dx + dy * dy + dz * dz + softening
                weight = masses[j] * (one / (square * np.sqrt(square)))
                x += weight * dx
                y += weight * dy
                z += weight * dz
            out[i, 0], out[i, 1], out[i, 2] = x, y, z
        return out

    return numba.njit(run, parallel=True, fastmath=True)


# ---- Heat spreads over a plate: 1024 × 1024, 100 steps -------------------------------------------------------------


def heat(xp: Any, plate: Any) -> Any:
    u = plate + 0.0
    for _ in range(100):
        u[1:-1, 1:-1] += 0.2 * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * u[1:-1, 1:-1])
    return u


def jax_heat(jax: Any) -> Way:
    def step(_: Any, u: Any) -> Any:
        around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
        return u.at[1:-1, 1:-1].add(0.2 * (around - 4 * u[1:-1, 1:-1]))

    return lambda plate: jax.lax.fori_loop(0, 100, step, plate)


def numba_heat(numba: Any) -> Way:
    rate, four = np.float32(0.2), np.float32(4)

    def run(plate):
        u, v = plate.copy(), plate.copy()
        for _ in range(100):
            for i in numba.prange(1, u.shape[0] - 1):
                for j in range(1, u.shape[1] - 1):
                    around = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                    v[i, j] = u[i, j] + rate * (around - four * u[i, j])
            u, v = v, u
        return u

    return numba.njit(run, parallel=True)


# ---- The Mandelbrot set: 512 × 512, 200 iterations at most ---------------------------------------------------------

ITERATIONS = 200


def plane(arrays: list[np.ndarray]) -> list[np.ndarray]:
    x, y = np.meshgrid(np.linspace(-2, 0.5, 512), np.linspace(-1.25, 1.25, 512))
    return [x.astype(np.float32).ravel(), y.astype(np.float32).ravel()]


def mandelbrot(xp: Any, x: Any, y: Any) -> Any:
    """Return how many steps each point stays within a distance of 2."""
    re, im, steps = x * 0, y * 0, x * 0
    for _ in range(ITERATIONS):
        inside = re * re + im * im <= 4
        re, im = xp.where(inside, re * re - im * im + x, re), xp.where(inside, 2 * re * im + y, im)
        steps = steps + xp.where(inside, 1.0, 0.0)
    return steps


def escape(x: Any, y: Any) -> Any:
    """Return the same for one point, as float32."""
    re, im, steps = x * 0, y * 0, x * 0
    while re * re + im * im <= 4 and steps < ITERATIONS:
        re, im = re * re - im * im + x, 2 * re * im + y
        steps = steps + 1
    return steps


def tandem_escape(td: Any) -> Way:
    mapped = td.vectorize(escape)
    return lambda x, y: mapped(x, y)


def jax_mandelbrot(jax: Any) -> Way:
    jnp = jax.numpy

    def run(x: Any, y: Any) -> Any:
        def step(state: Any) -> Any:
            k, re, im, steps, _ = state
            inside = re * re + im * im <= 4
            re, im = jnp.where(inside, re * re - im * im + x, re), jnp.where(inside, 2 * re * im + y, im)
            return k + 1, re, im, steps + inside, inside.any()

        start = (0, jnp.zeros_like(x), jnp.zeros_like(x), jnp.zeros_like(x), True)
        return jax.lax.while_loop(lambda state: (state[0] < ITERATIONS) & state[-1], step, start)[3]

    return run


def drjit_mandelbrot(dr: Any) -> Way:
    @dr.syntax
    def run(x: Any, y: Any):
        re, im, steps = x * 0, x * 0, x * 0
        while (re * re + im * im <= 4) & (steps < ITERATIONS):
            re, im = re * re - im * im + x, 2 * re * im + y
            steps += 1
        return steps

    return run


def numba_mandelbrot(numba: Any) -> Way:
    two, four = np.float32(2), np.float32(4)

    def run(x, y):
        out = np.empty_like(x)
        for i in numba.prange(x.size):
            re, im, steps = np.float32(0), np.float32(0), 0
            while re * re + im * im <= four and steps < ITERATIONS:
                re, im = re * re - im * im + x[i], two * re * im + y[i]
                steps += 1
            out[i] = steps
        return out

    return numba.njit(run, parallel=True)


def everywhere(way: Way, *others: str) -> dict[str, Way]:
    return dict.fromkeys(("tandem", "eager", *others), way)


LOOPS = [
    Case(
        "izhikevich",
        "1000 spiking neurons, 1000 steps",
        ((),),
        None,
        ratio=0.85,
        ways={
            **everywhere(izhikevich),
            "numpy": numpy_izhikevich,
            "torch": functools.partial(izhikevich, dense=True),
        },
        made={"jax": jax_izhikevich, "numba": numba_izhikevich},
        scale=izhikevich_inputs,
        # Rounding decides who fires first, and soon nobody fires at the same time in two libraries.
        agrees=lambda got, wanted: bool(abs(got.sum() - wanted.sum()) < 0.1 * wanted.sum()),
    ),
    Case(
        "n_body",
        "gravity of 2048 bodies, as array code",
        ((2048, 3), (2048,)),
        n_body,
        ratio=1.0,
        fast=True,
        made={"numba": numba_n_body},
        positive=True,
        flops=20 * 2048**2,
        tolerance=2e-2,
    ),
    Case(
        "heat",
        "1024 × 1024, 100 steps",
        ((1024, 1024),),
        None,
        ratio=1.0,
        ways=everywhere(heat, "numpy", "torch"),
        made={"jax": jax_heat, "numba": numba_heat},
    ),
    Case(
        "mandelbrot",
        "512 × 512, at most 200 iterations",
        ((),),
        None,
        ratio=0.9,
        fast=True,
        ways=everywhere(mandelbrot, "numpy", "torch"),
        made={"jax": jax_mandelbrot, "numba": numba_mandelbrot, "drjit": drjit_mandelbrot},
        scale=plane,
        agrees=lambda got, wanted: bool((got != wanted.reshape(got.shape)).mean() < 0.01),
    ),
    Case(
        "mandelbrot_vectorize",
        "the same, as a function of one point",
        ((),),
        None,
        ratio=0.9,
        ways={"numpy": mandelbrot},
        made={
            "tandem": tandem_escape,
            "eager": tandem_escape,
            "jax": jax_mandelbrot,
            "numba": numba_mandelbrot,
            "drjit": drjit_mandelbrot,
        },
        scale=plane,
        agrees=lambda got, wanted: bool((got != wanted.reshape(got.shape)).mean() < 0.01),
    ),
]
