"""What the front-end tests share: inputs, copies and comparison bit for bit."""

import numpy as np

import tandem as td
from tandem import pytree


def tensors(shape=(4,)):
    """Inputs that take different branches: positive, negative, mixed, large, tiny."""
    n = int(np.prod(shape))
    ramp = np.linspace(0.25, 3.0, n, dtype=np.float32).reshape(shape)
    mixed = np.where(np.arange(n) % 2, -1.5, 1.0).astype(np.float32).reshape(shape)
    return [ramp, -ramp, mixed, ramp * 7, -ramp * 7, ramp * 1e-3]


def bits(value):
    """A value as comparable bits; a Python number counts as the 0-d tensor that a compiled function returns for it."""
    if isinstance(value, td.Tensor):
        array = np.asarray(value)
        return (array.shape, array.tobytes()) if array.shape else (array.shape, array.astype(np.complex128).tobytes())
    if isinstance(value, (bool, int, float)):
        return (), np.complex128(value).tobytes()
    return value


def exact_bits(value):
    """A value, or a sequence of them, with dtypes and shapes; a Python number is no tensor."""
    if isinstance(value, (tuple, list)):
        return [exact_bits(part) for part in value]
    if not isinstance(value, td.Tensor):
        return value
    wide = value.astype(td.float32) if value.dtype == td.bfloat16 else value
    return value.dtype, value.shape, np.asarray(wide).tobytes()


def assert_same(expected, got):
    """The same structure, and the same bits in every tensor."""
    wanted, one = pytree.flatten(expected)
    found, other = pytree.flatten(got)
    assert one == other
    for a, b in zip(wanted, found):
        if isinstance(a, td.Tensor):
            assert isinstance(b, td.Tensor) and a.dtype == b.dtype
        assert bits(a) == bits(b), f"{a!r} != {b!r}"


def check(eager, compiled, array):
    """Run both on copies of the array; results and what they wrote into the argument must agree."""
    x, y = td.asarray(array.copy()), td.asarray(array.copy())
    assert_same((eager(x), x), (compiled(y), y))


# Functions of another file, for the programs.


def shrink(x, limit):
    while x.max() > limit:
        x = x * 0.5
    return x if x.sum() > 0 else x - limit


def history(x):
    values = []
    for k in range(3):
        values.append(x + k)
    return values


def add_one(x):
    x += 1
