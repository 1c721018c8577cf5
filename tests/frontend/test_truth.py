"""What Python makes a bool of a tensor: `bool(x)`, `not x`, `any` and `all` give numbers, in compiled code, too."""

import frontend_support as support
import numpy as np
import pytest

import tandem as td
from tandem import pytree

X = np.array([1.0, 2.0, 4.0], dtype=np.float32)


def returned(x):
    return bool(x.sum() > 0), not x.sum(), any([x.sum() > 0, x.max() > 100]), all([x.sum() > 0, x.max() > 0])


def computed_with(x):
    return bool(x.sum() > 0) + 1, -bool(x.sum() > 0), (not x.sum()) * 2.5, bool(x.max()) / 4


def does_not_widen(x):
    small, half = x.astype(td.int8), x.astype(td.float16)
    return (any([x.sum() > 0, x.sum() < -100]) + 2) * small, (bool(x.sum() > 0) - 1) * half, (not x.sum()) * small


def counted(x):
    return sum([bool(value > 0) for value in x]) * x


def identity(x):
    positive = bool(x.sum() > 0)
    return (1 if positive is True else 2) * x, (3 if positive is not False else 4) * x, (x.sum() > 0) is True


def classes(x):
    positive = bool(x.sum() > 0)
    return x * isinstance(positive, bool), x * isinstance(positive, (int, str)), x * (type(positive) is bool)


def of_numbers_in_a_loop(x):
    count, share = 0, 1.0
    while x.sum() > count:
        count += 1 if isinstance(count, int) else 2
        share *= 0.5 if type(share) is float and not isinstance(share, td.Tensor) else 0.25
    return count, share


def carried(x):
    found = False
    for value in x:
        found = found or bool(value > 3)
    steps, last = x.sum(), True
    while steps > 0:
        steps, last = steps - 1, not last
    return found, last, x * (found + last)


def divided_in_a_loop(x):
    count, share = 0, 1.0
    while x.sum() > count:
        count, share = count + 1, share * 0.5
    half, small = x.astype(td.float16), x.astype(td.int8)
    quotients = count / 2, count // 2 / 3, (count + 1) / (count + 2) * half, count / (small + 1), share / (small + 1)
    return *quotients, half / (count + 1), small / (share + 1), 2**count, count % 3 / 2


class Threshold:
    def __init__(self, x, limit):
        self.x, self.limit = x, limit

    def __bool__(self):
        return bool(self.x.sum() > self.limit)


def objects(x):
    high = Threshold(x, 3)
    return x * 2 if high else x - 1, bool(high), not high, 0 if bool(high) and x.max() > 3 else 1


@pytest.mark.parametrize(
    "program",
    [
        returned,
        computed_with,
        does_not_widen,
        counted,
        identity,
        classes,
        of_numbers_in_a_loop,
        divided_in_a_loop,
        carried,
        objects,
    ],
)
def test_a_bool_is_a_number(program):
    compiled = td.script(program)
    for array in (X, -X, X * 0):
        expected, found = program(td.asarray(array)), compiled(td.asarray(array))
        assert [type(a) for a in pytree.leaves(expected)] == [type(a) for a in pytree.leaves(found)]
        support.check(program, compiled, array)


def test_bool_must_return_a_bool():
    class Raw(Threshold):
        def __bool__(self):
            return self.x.sum() > self.limit

    def program(x):
        return x * 2 if Raw(x, 3) else x

    for function in (program, td.script(program)):
        with pytest.raises(TypeError, match="__bool__ should return bool, returned tandem._core.Tensor"):
            function(td.asarray(X))
