"""Distributions: Kolmogorov-Smirnov, chi-squared and moments, with fixed seeds.

The bounds are those of a probability of about one in a million: a correct generator fails for one seed in as many.
"""

import math

import numpy as np
import pytest

import tandem as td

N = 200_000
BOUND = math.sqrt(math.log(2e6) / 2)  # of sqrt(n) D, by the Dvoretzky-Kiefer-Wolfowitz inequality


def erf(x):
    return np.vectorize(math.erf)(x)


def normal_cdf(x):
    return 0.5 * (1 + erf(np.asarray(x, dtype=np.float64) / math.sqrt(2)))


def distance(sample, cdf):
    """The statistic of Kolmogorov and Smirnov, times the root of the size."""
    x = np.sort(np.asarray(sample, dtype=np.float64).ravel())
    n, at = x.size, cdf(x)
    above = np.max(np.arange(1, n + 1) / n - at)
    return math.sqrt(n) * max(above, np.max(at - np.arange(n) / n))


def chi_squared(counts, expected):
    """Pearson's statistic as a number of standard deviations of a normal one (Wilson and Hilferty)."""
    counts, expected = np.asarray(counts, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    degrees = counts.size - 1
    value = ((counts - expected) ** 2 / expected).sum() / degrees
    return (value ** (1 / 3) - (1 - 2 / (9 * degrees))) / math.sqrt(2 / (9 * degrees))


def generator():
    return td.random.Generator(20240611)


@pytest.mark.parametrize("dtype", [td.float32, td.float64])
def test_uniform(dtype):
    x = generator().uniform((N,), dtype=dtype).numpy()
    assert x.min() >= 0 and x.max() < 1
    assert distance(x, lambda t: t) < BOUND
    pairs = np.histogram2d(x[::2], x[1::2], bins=20, range=[[0, 1], [0, 1]])[0].ravel()
    assert abs(chi_squared(pairs, np.full(400, N / 2 / 400))) < 5
    bits = 24 if dtype == td.float32 else 53
    whole = x.astype(np.float64) * 2.0**bits
    assert (whole == np.rint(whole)).all() and (whole % 2 == 1).any()


@pytest.mark.parametrize(("dtype", "bits"), [(td.float16, 11), (td.bfloat16, 8)])
def test_uniform_of_16_bits_stays_below_1(dtype, bits):
    x = generator().uniform((N,), dtype=dtype).astype(td.float32).numpy()
    assert x.min() == 0 and x.max() == 1 - 2.0**-bits
    counts = np.bincount((x * 2**bits).astype(int), minlength=2**bits)
    assert abs(chi_squared(counts, np.full(2**bits, N / 2**bits))) < 5


@pytest.mark.parametrize("dtype", [td.float32, td.float64])
def test_normal(dtype):
    x = generator().normal((N,), dtype=dtype).numpy().astype(np.float64)
    assert distance(x, normal_cdf) < BOUND
    for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3), (6, 15)):
        spread = math.sqrt({1: 1, 2: 2, 3: 15, 4: 96, 6: 10170}[power] / N)
        assert abs((x**power).mean() - moment) < 5 * spread, power
    assert abs((x[1:] * x[:-1]).mean()) < 5 / math.sqrt(N)


def test_tails_of_the_normal_distribution():
    n = 4_000_000
    x = np.abs(generator().normal((n,)).numpy())
    for bound in (3.0, 4.0, 4.5):
        expected = n * math.erfc(bound / math.sqrt(2))
        assert abs((x > bound).sum() - expected) < 5 * math.sqrt(expected) + 1, bound


@pytest.mark.parametrize("dtype", [td.float32, td.float64])
def test_exponential(dtype):
    x = generator().exponential((N,), 2.0, dtype=dtype).numpy()
    assert x.min() >= 0
    assert distance(x, lambda t: -np.expm1(-t / 2)) < BOUND


@pytest.mark.parametrize(("low", "high", "dtype"), [(0, 7, td.int64), (-3, 250, td.int32), (0, 256, td.uint8)])
def test_integers(low, high, dtype):
    x = generator().integers(low, high, (N,), dtype=dtype)
    assert x.dtype == dtype
    x = x.numpy().astype(np.int64)
    assert x.min() == low and x.max() == high - 1
    assert abs(chi_squared(np.bincount(x - low), np.full(high - low, N / (high - low)))) < 5


@pytest.mark.parametrize(("low", "high"), [(0, 2**64), (0, 3 * 2**62), (2**63, 2**64)])
def test_integers_of_large_ranges(low, high):
    x = generator().integers(low, high, (N,), dtype=td.uint64).numpy()
    place = (x - np.uint64(low)).astype(np.float64) / float(high - low)
    assert distance(place, lambda t: t) < BOUND
    assert abs(chi_squared(np.bincount((x % np.uint64(16)).astype(int)), np.full(16, N / 16))) < 5


def test_integers_between_tensors():
    low, high = td.asarray([0, -10, 5]), td.asarray([2, -5, 6])
    x = generator().integers(low, high, (10_000, 3)).numpy()
    assert x.min(axis=0).tolist() == [0, -10, 5] and x.max(axis=0).tolist() == [1, -6, 5]


@pytest.mark.parametrize("p", [0.0, 1e-4, 0.3, 1.0])
def test_bernoulli(p):
    x = generator().bernoulli(p, (N,)).numpy()
    assert abs(x.mean() - p) <= 5 * math.sqrt(p * (1 - p) / N)


def test_bernoulli_of_many_probabilities():
    p = td.linspace(0, 1, 101, dtype=td.float64)
    x = generator().bernoulli(p, (20_000, 101)).numpy().mean(axis=0)
    want = p.numpy()
    assert (np.abs(x - want) <= 5 * np.sqrt(want * (1 - want) / 20_000)).all()


@pytest.mark.parametrize("axis", [0, -1])
def test_categorical(axis):
    p = np.array([0.5, 0.2, 0.0, 0.25, 0.05])
    with np.errstate(divide="ignore"):
        logits = np.stack([np.log(p), np.log(p[::-1].copy())])
    x = td.asarray(logits if axis == -1 else logits.T.copy())
    drawn = generator().categorical(x, (N,), axis=axis)
    assert drawn.dtype == td.int64 and drawn.shape == (N, 2)
    for column, chances in ((0, p), (1, p[::-1])):
        counts = np.bincount(drawn.numpy()[:, column], minlength=5)
        assert counts[2] == 0
        kept = chances > 0
        assert abs(chi_squared(counts[kept], N * chances[kept])) < 5


def test_parameters_that_are_tensors_give_the_shape_and_dtype():
    mean = td.asarray([0.0, 100.0, -100.0], dtype=td.float64)
    x = generator().normal(None, mean, td.asarray(1.0, dtype=td.float64))
    assert x.shape == (3,) and x.dtype == td.float64
    assert np.abs(x.numpy() - mean.numpy()).max() < 7
    assert len(set(np.round(x.numpy() - mean.numpy(), 6))) == 3


def series_gamma(a, x):
    """The lower regularised incomplete gamma function P(a, x), by its series (all terms are positive)."""
    x = np.asarray(x, dtype=np.float64)
    term = np.exp(a * np.log(np.maximum(x, 1e-300)) - x - math.lgamma(a + 1))
    total, k = term.copy(), a
    while np.max(term) > 1e-17:
        k += 1
        term = term * x / k
        total += term
    return np.minimum(total, 1.0)


@pytest.mark.parametrize("dtype", [td.float32, td.float64])
@pytest.mark.parametrize("a", [0.3, 1.0, 2.5, 40.0])
def test_gamma(a, dtype):
    x = generator().gamma(a, (N,), dtype=dtype)
    assert x.dtype == dtype
    assert distance(x.numpy(), lambda t: series_gamma(a, t)) < BOUND


@pytest.mark.parametrize("a", [1e3, 1e6])
def test_gamma_of_large_parameters(a):
    x = generator().gamma(a, (N,)).numpy().astype(np.float64)
    assert abs(x.mean() - a) < 5 * math.sqrt(a / N)
    assert abs(x.var() / a - 1) < 5 * math.sqrt(2 / N)


def test_gamma_of_a_negative_parameter_is_nan():
    x = generator().gamma(td.asarray([1.0, -1.0, 2.0]), (50, 3), 2.0).numpy()
    assert np.isnan(x[:, 1]).all() and (x[:, [0, 2]] > 0).all()


@pytest.mark.parametrize("mean", [0.02, 1.0, 9.99, 10.0, 33.3, 400.0])
def test_poisson(mean):
    x = generator().poisson(mean, (N,))
    assert x.dtype == td.int64
    counts = np.bincount(x.numpy())
    k = np.arange(max(counts.size, int(mean + 12 * math.sqrt(mean) + 12)))
    expected = N * np.exp(k * math.log(mean) - mean - np.array([math.lgamma(i + 1) for i in k]))
    counts = np.pad(counts, (0, k.size - counts.size))
    common = expected >= 10  # the others together are one class
    counts = np.append(counts[common], counts[~common].sum())
    expected = np.append(expected[common], expected[~common].sum())
    assert abs(chi_squared(counts, expected)) < 5


def test_poisson_of_extreme_means():
    assert generator().poisson(0.0, (100,)).numpy().max() == 0
    mean = 1e12
    x = (generator().poisson(mean, (N,)).numpy() - int(mean)).astype(np.float64) / math.sqrt(mean)
    assert distance(x, normal_cdf) < BOUND


def test_poisson_of_many_means():
    means = np.array([0.5, 5.0, 15.0, 150.0])
    x = generator().poisson(td.asarray(means), (N // 4, 4)).numpy()
    assert (np.abs(x.mean(axis=0) - means) < 5 * np.sqrt(means / (N // 4))).all()


@pytest.mark.parametrize("dtype", [td.float32, td.float64])
@pytest.mark.parametrize(
    ("lower", "upper"), [(-1.0, 2.0), (2.0, 3.0), (-4.0, -3.5), (5.0, math.inf), (-math.inf, 0.3), (-9.0, 9.0)]
)
def test_truncated_normal(lower, upper, dtype):
    x = generator().truncated_normal(lower, upper, (N,), dtype=dtype)
    assert x.dtype == dtype
    x = x.numpy().astype(np.float64)
    assert x.min() >= lower and x.max() <= upper
    if lower > 0:  # where the distribution function is near 1 its complement has more digits
        x, lower, upper = -x, -upper, -lower
    below = np.vectorize(lambda t: 0.5 * math.erfc(-t / math.sqrt(2)))
    first, last = below(lower), below(upper)
    assert distance(x, lambda t: (below(t) - first) / (last - first)) < BOUND


def test_neighbours_in_the_stream_and_forks_are_independent():
    one = generator()
    children = [one.fork().normal((N // 10,)).numpy() for _ in range(10)]
    table = np.corrcoef(np.stack([*children, one.normal((N // 10,)).numpy()]))
    assert np.abs(table - np.eye(11)).max() < 5.5 / math.sqrt(N // 10)
    seeds = np.corrcoef(np.stack([td.random.Generator(seed).uniform((10_000,)).numpy() for seed in range(20)]))
    assert np.abs(seeds - np.eye(20)).max() < 5.5 / math.sqrt(10_000)


def test_permutations() -> None:
    generator = td.random.Generator(7)
    orders = np.array([np.asarray(generator.permutation(4)) for _ in range(2400)])
    assert (np.sort(orders, axis=1) == np.arange(4)).all()
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 24 and ((counts - 100) ** 2 / 100).sum() < 53.5  # chi-squared, 23 degrees, p = 0.0003
    x = td.reshape(td.arange(12), (3, 4))
    rows = np.asarray(td.random.permutation(x))
    assert sorted(map(tuple, rows)) == [(0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11)]
    columns = np.asarray(td.random.permutation(x, axis=-1))
    assert sorted(map(tuple, columns.T)) == [(0, 4, 8), (1, 5, 9), (2, 6, 10), (3, 7, 11)]
    assert td.random.permutation(0).shape == (0,)
    with pytest.raises(IndexError, match="got axis 2 for 2 axes"):
        td.random.permutation(x, axis=2)
    with pytest.raises(td.Error, match="need a tensor or a number from 0 on"):
        td.random.permutation(-1)


def test_a_compiled_permutation_is_the_eager_one() -> None:
    def shuffled(x: td.Tensor) -> td.Tensor:
        return td.random.permutation(x) * 2

    compiled, x = td.script(shuffled), td.arange(20)
    td.manual_seed(5)
    expected = [shuffled(x).tolist() for _ in range(3)]
    td.manual_seed(5)
    assert [compiled(x).tolist() for _ in range(3)] == expected
