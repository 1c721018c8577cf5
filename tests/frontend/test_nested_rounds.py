"""Loops within loops, and branches within them, run in one kernel: the same bits wherever it runs."""

import itertools

import numpy as np
import pytest
from frontend_support import exact_bits as bits

import tandem as td

rng = np.random.default_rng(11)
TABLE = td.asarray(rng.standard_normal((7, 9)).astype(np.float32))
ROW = td.asarray(rng.standard_normal(40).astype(np.float32))


def loops_of(scripted):
    """How many loops the largest kernel has."""
    return max(part.count("\n loop %") for part in scripted.ir("kernels").split("\n\naxes"))


def check(function, *arguments, path=None, loops=2, steps=None):
    """Eager = compiled = saved for the interpreter and for the processor; at least so many loops in one kernel."""
    scripted = td.script(function)
    got = scripted(*arguments)
    assert bits(got) == bits(function(*arguments))
    assert loops_of(scripted) >= loops, scripted.ir("kernels")
    if steps is not None:
        before = td.stats()["launches"]
        scripted(*arguments)
        assert td.stats()["launches"] - before <= steps
    if path is not None:
        file = path / "saved.tdm"
        td.save(scripted, file, arguments)
        for target in ("interpreter", td._core.cpu_levels()[-1]):
            saved = td.archive.load(file, target)(*arguments)
            assert bits(tuple(saved) if isinstance(got, tuple) else saved) == bits(got)
    return scripted


def collatz(n):
    total, longest = 0, 0
    for k in range(1, n):
        m, steps = k, 0
        while m > 1:
            if m % 2 == 0:
                m = m // 2
            else:
                m = 3 * m + 1
            steps += 1
        total += steps
        if steps > longest:
            longest = steps
    return total, longest


def implicit_euler(x, dt, rounds):
    for _ in range(rounds):
        y = x
        for _ in range(20):
            step = (y - x + dt * y * y * y) / (1 + 3 * dt * y * y)
            y = y - step
            if abs(step) < 1e-6:
                break
        x = y
    return x


def bisections(n):
    total = td.asarray(0.0, dtype=td.float64)
    for k in range(n):
        low, high = td.asarray(0.0, dtype=td.float64), td.asarray(4.0, dtype=td.float64)
        while high - low > 1e-9:
            middle = 0.5 * (low + high)
            if middle * middle - k / 100 > 0:
                high = middle
            else:
                low = middle
        total = total + low
    return total


def mandelbrot(width, height):
    count = 0
    for i in range(height):
        for j in range(width):
            x, y = -2 + 3.0 * j / width, -1 + 2.0 * i / height
            re, im, k = x * 0, y * 0, 0
            while re * re + im * im <= 4 and k < 30:
                re, im = re * re - im * im + x, 2 * re * im + y
                k += 1
            count += k
    return count


def primes(n):
    count = 0
    for k in range(2, n):
        divisor, prime = 2, True
        while divisor * divisor <= k:
            if k % divisor == 0:
                prime = False
                break
            divisor += 1
        if prime:
            count += 1
    return count


def coprime(n):
    total, pairs = 0, 0
    for i in range(1, n):
        for j in range(1, i):
            a, b = i, j
            while b != 0:
                a, b = b, a % b
            if a != 1:
                continue
            total += i * j
            pairs += 1
    return total, pairs


def bilinear(table, x, y):
    total = td.asarray(0.0)
    for i in range(table.shape[0]):
        inner = td.asarray(0.0)
        for j in range(table.shape[1]):
            inner = inner + table[i, j] * y[j]
        total = total + x[i] * inner
    return total


def test_collatz(tmp_path):
    check(collatz, td.asarray(60), path=tmp_path, steps=12)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 65, 130])
def test_any_number_of_outer_rounds(n):
    check(collatz, td.asarray(n))


def test_newton_within_a_time_loop(tmp_path):
    check(implicit_euler, td.asarray(1.5), td.asarray(0.1), td.asarray(100), path=tmp_path, steps=14)


def test_elements_share_how_often(tmp_path):
    # What an array carries through an inner loop whose rounds are counted.
    def relaxed(x, rounds):
        for k in range(rounds):
            y = x
            for _ in range(k % 5):
                y = 0.5 * (y + x * x)
            x = x + 0.01 * y
        return x

    check(relaxed, TABLE, td.asarray(30), path=tmp_path)


def test_bisection_for_each_parameter(tmp_path):
    check(bisections, td.asarray(25), path=tmp_path)


def test_mandelbrot_over_scalars(tmp_path):
    check(mandelbrot, td.asarray(9), td.asarray(7), path=tmp_path, loops=3)


def test_inner_loops_end_early(tmp_path):
    check(primes, td.asarray(80), path=tmp_path)


def test_rounds_are_left_out(tmp_path):
    check(coprime, td.asarray(15), path=tmp_path, loops=3)


def test_both_indices_of_a_table(tmp_path):
    table = td.asarray(rng.standard_normal((70, 45)).astype(np.float32))
    x, y = td.asarray(np.arange(70, dtype=np.float32)), td.asarray(np.arange(45, dtype=np.float32))
    check(bilinear, table, x, y, path=tmp_path, steps=12)
    scripted = td.script(bilinear)
    for rows, columns in itertools.product((0, 1, 2, 70), (0, 1, 45)):
        arguments = table[:rows, :columns], x[:rows], y[:columns]
        assert bits(scripted(*arguments)) == bits(bilinear(*arguments))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int8", "int32", "uint64", "complex64"])
def test_dtypes(dtype):
    def sums(x, n):
        total = x * 0
        for i in range(n):
            part = x
            for j in range(i):
                part = part * part + j if j % 3 == 1 else part - x
            total = total + part
        return total

    check(sums, td.asarray(2).astype(dtype), td.asarray(12))
    check(sums, td.asarray([1, 2, 3]).astype(dtype), td.asarray(12))


def test_truth_values_are_carried(tmp_path):
    def parity(n):
        odd, seen = td.asarray(False), td.asarray(True)
        for i in range(n):
            for _ in range(i % 3):
                odd = not odd
            seen = seen and odd != (i % 2 == 0)
        return td.asarray(odd), td.asarray(seen)

    check(parity, td.asarray(33), path=tmp_path)


def test_inner_loops_that_do_not_run(tmp_path):
    def never(x, n, limit):
        for i in range(n):
            while x > limit + i:
                x = x - 1
            x = x * 1.5
        return x

    check(never, td.asarray(1.0), td.asarray(40), td.asarray(1e9), path=tmp_path)
    check(never, td.asarray(1.0), td.asarray(40), td.asarray(3.0), path=tmp_path)


def test_a_condition_that_loops(tmp_path):
    def digits(n):
        s = 0
        while n > 0:
            s += n % 10
            n = n // 10
        return s

    def walk(n):
        count = 0
        while digits(n) > 1:
            n = n - 1 if n % 2 else n // 2 + 7
            count += 1
            if count >= 100:
                break
        return n, count

    check(walk, td.asarray(98765), path=tmp_path)


def test_returns_from_inner_loops(tmp_path):
    def first_pair(n, wanted):
        for i in range(1, n):
            for j in range(i, n):
                if i * i + j * j == wanted:
                    return i, j
        return -1, -1

    check(first_pair, td.asarray(30), td.asarray(13 * 13 + 20 * 20), path=tmp_path)
    check(first_pair, td.asarray(30), td.asarray(3), path=tmp_path)


def test_branches_read_only_what_they_take(tmp_path):
    def mixed(values, n):
        total, k = td.asarray(0.0), 0
        for i in range(n):
            if i < values.shape[0]:
                total = total + values[i]
            elif i % 2 == 0:
                k += 1
            else:
                total = total * 0.5 - k
        return total, k

    check(mixed, ROW, td.asarray(60), path=tmp_path, loops=1)
    check(mixed, ROW[:1], td.asarray(60), path=tmp_path, loops=1)


def test_heavy_branches_of_arrays(tmp_path):
    def chosen(x, flags):
        for k in range(flags.shape[0]):
            if flags[k]:
                for _ in range(3):
                    x = td.sin(x) + td.exp(-x * x)
            else:
                x = td.tanh(td.cos(x) * td.log1p(td.abs(x))) - x / (1 + x * x)
        return x

    check(chosen, TABLE, td.asarray(rng.integers(0, 2, 50) == 1), path=tmp_path, loops=3)


def test_places_out_of_bounds_are_errors():
    def walk(table, n):
        total, i = 0, 0
        for k in range(n):
            i = k
            while i < 1000:
                i = table[i]
            total += i
        return total

    table = td.asarray([3, 5, 1000, 2, 2000, 4, 77])
    check(walk, table, td.asarray(4))
    for n in (7, 40):
        with pytest.raises(IndexError, match="got 77 for axis 0 of size 7"):  # the first one
            td.script(walk)(table, td.asarray(n))


def test_loops_end_where_a_place_was_out_of_bounds(tmp_path):
    def walk(table, i):
        for _ in range(100):
            while i != 1:
                i = table[i]
        return i

    table = td.asarray([2, 0, 5, 3])  # what stands in for element 5 leads back to it
    file = tmp_path / "walk.tdm"
    scripted = td.script(walk)
    assert bits(scripted(table, td.asarray(1))) == bits(td.asarray(1))
    td.save(scripted, file, (table, td.asarray(1)))
    targets = ("interpreter", td._core.cpu_levels()[-1])
    for function in (scripted, *(td.archive.load(file, target) for target in targets)):
        with pytest.raises(IndexError, match="got 5 for axis 0 of size 4"):
            function(table, td.asarray(0))
    mapped = td.vectorize(lambda i: walk(table, i))
    with pytest.raises(IndexError, match="got 5 for axis 0 of size 4"):
        mapped(td.asarray([1, 0, 1]))


def test_what_no_round_reads_is_no_error():
    # The place is known before the loop, and wrong; nothing is read there.
    def reads(values, place, n):
        total = td.asarray(0.0)
        for i in range(n):
            total = total + values[place] * i
        return total

    scripted = td.script(reads)
    assert bits(scripted(ROW, td.asarray(3), td.asarray(50))) == bits(reads(ROW, td.asarray(3), td.asarray(50)))
    assert bits(scripted(ROW, td.asarray(99), td.asarray(0))) == bits(td.asarray(0.0))
    with pytest.raises(IndexError, match="got 99 for axis 0 of size 40"):
        scripted(ROW, td.asarray(99), td.asarray(50))


def test_gradients_go_through_them():
    def loss(x, n):
        total = x * 0
        for i in range(n):
            y = x
            while y < 3 + i:
                y = y * 1.5 + 0.1
            total = total + y * y if i % 2 == 0 else total - y
        return total

    x = td.asarray(0.7)
    for n in (0, 1, 9):
        gradient = td.grad(lambda x, n=n: loss(x, td.asarray(n)))
        assert bits(td.script(gradient)(x)) == bits(gradient(x))


def test_what_reduces_keeps_its_steps():
    def normalised(x, n):
        for _ in range(n):
            y = x
            while td.max(td.abs(y)) > 1:
                y = y * 0.5
            x = x + y
        return x

    scripted = td.script(normalised)
    assert bits(scripted(TABLE * 10, td.asarray(6))) == bits(normalised(TABLE * 10, td.asarray(6)))


def check_mapped(function, *arguments, loops):
    mapped = td.vectorize(function)
    with td.disabled():
        wanted = mapped(*arguments)
    assert bits(mapped(*arguments)) == bits(wanted)
    assert bits(td.script(lambda *given: mapped(*given))(*arguments)) == bits(wanted)
    kernels = mapped.ir("kernels")
    assert max(part.count("\n loop %") for part in kernels.split("\n\naxes")) >= loops, kernels


def test_mapped_functions_whose_elements_end_inner_loops_by_themselves():
    def digits_until(n):
        rounds = 0
        while n >= 10:
            total = 0
            while n > 0:
                total += (n % 10) * (n % 10)
                n = n // 10
            n = total
            rounds += 1
            if rounds > 20:
                break
        return n, rounds

    check_mapped(digits_until, td.arange(200), loops=2)


def test_mapped_functions_with_counted_and_open_loops():
    def relaxed(x, y):
        total = x * 0
        for k in range(9):
            z = x + k
            while abs(z) > 0.5:
                z = z * 0.5 - y * 0.01
                if z < -3:
                    break
            for _ in range(40):
                total = total + z
                z = z * 0.9
        return total

    check_mapped(relaxed, td.asarray(rng.standard_normal((5, 37)).astype(np.float32)), ROW[:37], loops=3)


def test_mapped_functions_that_look_into_tables():
    values = td.asarray(rng.standard_normal((6, 11)))

    def nearest(x):
        best, at = x * 0 + 1e9, 0
        for i in range(6):
            j = 0
            while j < 11 and values[i, j] < x:
                distance = abs(values[i, j] - x)
                if distance < best:
                    best, at = distance, i * 11 + j
                j += 1
        return best, at

    mapped = td.vectorize(nearest)
    x = td.asarray(rng.standard_normal(50))
    with td.disabled():
        wanted = mapped(x)
    assert bits(mapped(x)) == bits(wanted)
