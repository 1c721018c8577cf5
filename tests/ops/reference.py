"""The NumPy twin of every public operation, and how far a result may be from it.

An exact twin computes in the dtype itself and must be met bit for bit. A rounded twin computes in float64 (longdouble
for float64) and the result may be off by

    ulps * (spacing of the dtype at the exact value)  +  steps * 2^-bits(compute type) * scale

The second part is the classical bound for an operation made of several rounded steps: `scale` is the size of the
intermediate values (the sum of absolute values for a sum), `steps` the number of roundings one element sees on its way
(for a sum: its lane, then the tree of lanes and blocks). The compute type is float32 for the 16-bit floats.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import samples
import special

import tandem as td


@dataclass
class Twin:
    function: Callable
    exact: bool = True
    pointwise: bool = False
    ulps: float = 1.0
    # (arrays, attributes) -> (steps, scale), where roundings inside the formula matter
    error: Callable | None = None
    # Roundings inside the formula are those of the dtype itself, not of the compute type.
    narrow: bool = False
    # Integers have an exact result even where floats do not.
    integers: Callable | None = None
    # Where it matters which numbers there are: what it is on host arrays of bfloat16 numbers.
    bfloat16: Callable | None = None


TWINS: dict[str, Twin] = {}


def _exact(pointwise=True, **functions):
    for name, function in functions.items():
        TWINS[name] = Twin(function, pointwise=pointwise)


def _rounded(ulps=1.0, **functions):
    for name, function in functions.items():
        TWINS[name] = Twin(function, exact=False, pointwise=True, ulps=ulps)


def _is_float(x):
    return x.dtype.kind == "f"


def _keep_integers(function):
    return lambda x: function(x) if _is_float(x) else x


def _wide(x):
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _round(x, decimals=0):
    """Of integers exact; the formula of float16 is carried out in float32 and rounded once."""
    if _is_float(x):
        return np.around(_wide(x), decimals).astype(x.dtype)
    return np.array([round(int(n), decimals) for n in x.ravel()], object).astype(x.dtype).reshape(x.shape)


def _limited(x, limit, function):
    return x if limit is None else function(x, limit)


def _sign(x):
    return np.sign(x) + np.zeros((), x.dtype) if _is_float(x) else np.sign(x)


_exact(
    add=np.add,
    subtract=np.subtract,
    multiply=np.multiply,
    divide=np.divide,
    floor_divide=np.floor_divide,
    remainder=np.remainder,
    fmod=np.fmod,
    copysign=np.copysign,
    nextafter=lambda x, y: np.where(x == y, y, np.nextafter(x, y)),  # NumPy's of float16 gives x, unlike C's
    signbit=np.signbit,
    minimum=np.minimum,
    maximum=np.maximum,
    fmin=lambda x, y: np.fmin(_wide(x), _wide(y)),  # NumPy's of float16 takes another zero of two
    fmax=lambda x, y: np.fmax(_wide(x), _wide(y)),
    clip=lambda x, low=None, high=None: _limited(_limited(x, low, np.maximum), high, np.minimum),
    negative=np.negative,
    positive=np.positive,
    complex=lambda x, y: np.stack(np.broadcast_arrays(x, y), axis=-1).view(f"c{2 * x.dtype.itemsize}")[..., 0],
    real=lambda x: x.real.copy(),
    imag=lambda x: x.imag.copy(),
    conj=lambda x: np.conjugate(x) if x.dtype.kind == "c" else x,
    abs=np.abs,
    sign=_sign,
    square=np.square,
    reciprocal=lambda x: np.ones((), x.dtype) / x,
    floor=_keep_integers(np.floor),
    ceil=_keep_integers(np.ceil),
    round=_round,
    trunc=_keep_integers(np.trunc),
    bitwise_and=np.bitwise_and,
    bitwise_or=np.bitwise_or,
    bitwise_xor=np.bitwise_xor,
    bitwise_invert=np.invert,
    bitwise_left_shift=np.left_shift,
    bitwise_right_shift=np.right_shift,
    equal=np.equal,
    not_equal=np.not_equal,
    less=np.less,
    less_equal=np.less_equal,
    greater=np.greater,
    greater_equal=np.greater_equal,
    logical_and=np.logical_and,
    logical_or=np.logical_or,
    logical_xor=np.logical_xor,
    logical_not=np.logical_not,
    isnan=np.isnan,
    isinf=np.isinf,
    isfinite=np.isfinite,
    where=np.where,
    sqrt=np.sqrt,
    relu=lambda x: np.maximum(x, np.zeros((), x.dtype)),
)


def _next_bfloat16(x, y):
    """The neighbour of x toward y in the list of all numbers."""
    x, y = np.broadcast_arrays(x, y)
    numbers = (np.arange(2**16, dtype=np.uint32) << 16).view(np.float32)
    numbers = np.unique(numbers[~np.isnan(numbers)])
    place = np.searchsorted(numbers, np.nan_to_num(x, nan=0.0, posinf=np.inf, neginf=-np.inf))
    next = numbers[np.clip(place + np.where(y > x, 1, -1), 0, numbers.size - 1)]
    next = np.where(next == 0, np.copysign(next, x), next)
    return np.where(np.isnan(x) | np.isnan(y), np.float32(np.nan), np.where(x == y, y, next))


TWINS["nextafter"].bfloat16 = _next_bfloat16


def cast(x, dtype):
    """Saturating conversion: NumPy leaves floats outside the range of an integer undefined."""
    name = str(dtype).removeprefix("tandem.")
    if not (_is_float(x) and name in samples.INTS):
        return samples.round_to(name, x)
    ends = np.iinfo(name)
    wide = np.nan_to_num(np.trunc(x.astype(np.float64)), nan=0.0, posinf=np.inf, neginf=-np.inf)
    out = np.where(wide >= float(ends.max), ends.max, np.where(wide <= float(ends.min), ends.min, 0)).astype(name)
    inside = (wide < float(ends.max)) & (wide > float(ends.min))
    return np.where(inside, np.where(inside, wide, 0).astype(name), out)


_exact(cast=cast)


def _integer_power(x, n):
    result = np.power(x, np.maximum(n, 0))
    odd = (n & 1).astype(bool)
    ones = np.ones((), x.dtype)
    inverse = np.where(x == 1, ones, np.where(x == -1, np.where(odd, -ones, ones), np.zeros((), x.dtype)))
    return np.where(n < 0, inverse, result) if x.dtype.kind == "i" else result


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def erf(x):
    return np.vectorize(lambda v: math.erf(v), otypes=[np.float64])(x).astype(x.dtype)


_rounded(
    exp=np.exp,
    exp2=np.exp2,
    expm1=np.expm1,
    log=np.log,
    log2=np.log2,
    log1p=np.log1p,
    log10=np.log10,
    asin=np.arcsin,
    acos=np.arccos,
    atan=np.arctan,
    atan2=np.arctan2,
    angle=np.angle,
    asinh=np.arcsinh,
    acosh=np.arccosh,
    atanh=np.arctanh,
    rsqrt=lambda x: 1 / np.sqrt(x),
    hypot=np.hypot,
    sin=np.sin,
    cos=np.cos,
    tan=np.tan,
    tanh=np.tanh,
    sinh=np.sinh,
    cosh=np.cosh,
)
_rounded(
    ulps=2.0,
    pow=np.power,
    sigmoid=_sigmoid,
    erf=erf,  # math.erf itself is off by up to one ulp of float64
)
TWINS["pow"].integers = _integer_power


def _negative(smallest, units=1):
    """Results at negative arguments smaller than `smallest` are as exact as that number: terms cancel to a zero."""
    return lambda arrays, attributes: (units, np.where(arrays[0] < 0, smallest, 0))


_rounded(**special.FUNCTIONS)
TWINS["lgamma"].error = _negative(0.25)
TWINS["digamma"].error = _negative(1, units=1.25)
_exact(ldexp=lambda x, n: np.ldexp(x, n.astype(np.int64)))


def _gelu(x):
    with np.errstate(invalid="ignore"):
        return x / 2 * (1 + erf(x / np.sqrt(x.dtype.type(2))))


# The larger of the two and the logarithm of the rest may cancel.
TWINS["logaddexp"] = Twin(
    np.logaddexp,
    exact=False,
    pointwise=True,
    error=lambda arrays, kw: (4, np.maximum(np.maximum(*map(np.abs, np.broadcast_arrays(*arrays))), 1)),
)
TWINS["gelu"] = Twin(_gelu, exact=False, pointwise=True, error=lambda arrays, kw: (4, np.abs(arrays[0])))


# ---- reductions ----


def _axes(x, axis):
    if axis is None:
        return tuple(range(x.ndim))
    return tuple(a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,)))


def _count(x, axis):
    return int(np.prod([x.shape[a] for a in _axes(x, axis)], dtype=np.int64))


def sum_steps(count):
    """Roundings on the way of one element: its lane of 32 in a block of 4096, the tree of lanes, the tree of blocks."""
    lane = math.ceil(min(count, 4096) / 32)
    return lane + 5 + math.ceil(math.log2(max(count / 4096, 1)))


def _sum_error(arrays, kw):
    x = np.abs(arrays[0])
    return sum_steps(_count(x, kw.get("axis"))), np.sum(x, **_only(kw, "axis", "keepdims"))


def _only(kw, *names):
    return {name: kw[name] for name in names if name in kw}


def _mean_error(arrays, kw):
    steps, scale = _sum_error(arrays, kw)
    return steps + 1, scale / max(_count(arrays[0], kw.get("axis")), 1)


def _var(x, correction=0.0, **kw):
    return np.var(x, ddof=correction, **kw)


def _std(x, correction=0.0, **kw):
    return np.std(x, ddof=correction, **kw)


def _mean_square(arrays, kw):
    return np.mean(np.square(arrays[0]), **_only(kw, "axis", "keepdims"))


def _var_error(arrays, kw):
    return 4 * sum_steps(_count(arrays[0], kw.get("axis"))), _mean_square(arrays, kw)


def _std_error(arrays, kw):
    # An error e of the variance is an error e / (2 std) of its root, and sqrt(e) where the deviation itself is 0.
    steps, scale = _var_error(arrays, kw)
    deviation = np.std(arrays[0], **_only(kw, "axis", "keepdims"))
    return steps, np.where(deviation > 0, scale / np.maximum(deviation, 1e-30), np.sqrt(scale))


def _logsumexp(x, axis=None, keepdims=False):
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis=_axes(x, axis))


def _logsumexp_error(arrays, kw):
    x = arrays[0]
    return sum_steps(_count(x, kw.get("axis"))) + 8, np.max(np.abs(x), **_only(kw, "axis", "keepdims")) + 1


def _cumsum_error(arrays, kw):
    x = np.abs(arrays[0])
    axis = kw.get("axis") or 0
    return x.shape[axis], np.cumsum(x, axis=axis)


_exact(
    pointwise=False,
    max=np.max,
    min=np.min,
    any=np.any,
    all=np.all,
    argmax=lambda x, **kw: np.argmax(x, **kw),
    argmin=lambda x, **kw: np.argmin(x, **kw),
)
TWINS["sum"] = Twin(np.sum, exact=False, error=_sum_error, integers=np.sum)
TWINS["prod"] = Twin(
    np.prod,
    exact=False,
    integers=np.prod,
    error=lambda arrays, kw: (arrays[0].size, np.abs(np.prod(arrays[0], **kw))),
)
TWINS["mean"] = Twin(np.mean, exact=False, error=_mean_error)
TWINS["var"] = Twin(_var, exact=False, error=_var_error)
TWINS["std"] = Twin(_std, exact=False, error=_std_error)
TWINS["logsumexp"] = Twin(_logsumexp, exact=False, error=_logsumexp_error)
TWINS["cumsum"] = Twin(np.cumsum, exact=False, error=_cumsum_error, integers=np.cumsum)


def _cumprod_error(arrays, kw):
    x = np.abs(arrays[0])
    axis = kw.get("axis") or 0
    return x.shape[axis], np.cumprod(x, axis=axis)


def _order(row, descending):
    """What sorts one row: equal elements keep their order, NaNs are last."""
    order = np.argsort(row, kind="stable")
    if descending:
        order = len(row) - 1 - np.argsort(row[::-1], kind="stable")[::-1]
    nan = row[order] != row[order]
    return np.concatenate([order[~nan], order[nan]])


def argsort(x, axis=-1, descending=False, stable=True):
    if x.size == 0:
        return np.zeros(x.shape, np.int64)
    return np.apply_along_axis(_order, axis, x, descending)


_exact(
    pointwise=False,
    argsort=argsort,
    sort=lambda x, axis=-1, **kw: np.take_along_axis(x, argsort(x, axis, **kw), axis),
    cummax=lambda x, axis=None: np.maximum.accumulate(x, axis=axis or 0),
    cummin=lambda x, axis=None: np.minimum.accumulate(x, axis=axis or 0),
)
TWINS["cumprod"] = Twin(np.cumprod, exact=False, error=_cumprod_error, integers=np.cumprod)


# ---- views, joining, picking ----

_exact(
    pointwise=False,
    reshape=lambda x, shape: np.reshape(x, shape),
    permute_dims=lambda x, axes: np.transpose(x, axes),
    transpose=np.transpose,
    matrix_transpose=lambda x: np.swapaxes(x, -1, -2),
    broadcast_to=lambda x, shape: np.broadcast_to(x, shape),
    expand_dims=lambda x, axis: np.expand_dims(x, axis),
    squeeze=lambda x, axis=None: np.squeeze(x, axis),
    flip=lambda x, axis=None: np.flip(x, axis),
    concat=lambda *arrays, axis=0: np.concatenate(arrays, axis),
    stack=lambda *arrays, axis=0: np.stack(arrays, axis),
    take=lambda x, indices, axis=None: np.take(x, indices, axis),
    take_along_axis=lambda x, indices, axis=-1: np.take_along_axis(x, indices.astype(np.int64), axis),
    tril=lambda x, k=0: np.tril(x, k),
    triu=lambda x, k=0: np.triu(x, k),
    embedding=lambda indices, weight: weight[indices],
)


class _Bfloat16:
    """`at` of a NumPy function, which rounds to bfloat16 after every step."""

    def __init__(self, function):
        self.function = function

    def at(self, out, where, values):
        where = np.broadcast_arrays(*where, values)
        for *place, value in zip(*(part.ravel() for part in where)):
            out[tuple(place)] = samples.round_to("bfloat16", self.function(out[tuple(place)], value))


def _scattered(combine):
    def scattered(x, indices, values, axis=-1):
        out = x.copy()
        axis = axis % x.ndim
        place = tuple(indices.shape[axis] if k == axis else size for k, size in enumerate(x.shape))
        where = list(np.indices(place, sparse=True))
        where[axis] = np.broadcast_to(indices, place).astype(np.int64)
        values = np.broadcast_to(values, place)
        if combine is None:
            out[tuple(where)] = values
        else:
            combine.at(out, tuple(where), values)
        return out

    return scattered


def _summed_segments(add):
    def segment_sum(values, ids, num_segments):
        out = np.zeros((num_segments, *values.shape[1:]), values.dtype)
        rest = np.indices(values.shape, sparse=True)[1:]
        add.at(out, (ids.astype(np.int64).reshape(-1, *[1] * len(rest)), *rest), values)
        return out

    return segment_sum


_exact(
    pointwise=False,
    scatter=_scattered(None),
    scatter_add=_scattered(np.add),
    scatter_multiply=_scattered(np.multiply),
    scatter_maximum=_scattered(np.maximum),
    scatter_minimum=_scattered(np.minimum),
    segment_sum=_summed_segments(np.add),
)
TWINS["scatter_add"].bfloat16 = _scattered(_Bfloat16(np.add))
TWINS["scatter_multiply"].bfloat16 = _scattered(_Bfloat16(np.multiply))
TWINS["segment_sum"].bfloat16 = _summed_segments(_Bfloat16(np.add))


# ---- matrices and networks ----


def _matmul_error(arrays, kw):
    a, b = arrays[0], arrays[1]
    return a.shape[-1] + 1, np.matmul(np.abs(a), np.abs(b))


def _linear(x, weight, bias=None):
    return x @ weight.T + (0 if bias is None else bias)


def _linear_error(arrays, kw):
    x, weight = np.abs(arrays[0]), np.abs(arrays[1])
    return x.shape[-1] + 2, x @ weight.T + (np.abs(arrays[2]) if len(arrays) > 2 else 0)


def _softmax(x, axis=-1):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _softmax_error(arrays, kw):
    # exp turns the rounding of x - max, of size |x - max|, into a relative error.
    x, axis = arrays[0], kw.get("axis", -1)
    spread = np.max(x, axis=axis, keepdims=True) - np.min(x, axis=axis, keepdims=True)
    return sum_steps(x.shape[axis]) + 6, (1 + spread) * _softmax(x, axis)


def _log_softmax(x, axis=-1):
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _log_softmax_error(arrays, kw):
    x, axis = arrays[0], kw.get("axis", -1)
    spread = np.max(x, axis=axis, keepdims=True) - np.min(x, axis=axis, keepdims=True)
    return sum_steps(x.shape[axis]) + 6, (1 + spread) * np.ones_like(x)


def _layer_norm(x, weight=None, bias=None, eps=1e-5):
    centered = x - np.mean(x, axis=-1, keepdims=True)
    y = centered / np.sqrt(np.mean(centered**2, axis=-1, keepdims=True) + eps)
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


def _layer_norm_error(arrays, kw):
    x = arrays[0]
    centered = x - np.mean(x, axis=-1, keepdims=True)
    top = np.max(np.abs(x), axis=-1, keepdims=True)
    y = top / np.sqrt(np.mean(centered**2, axis=-1, keepdims=True) + 1e-5)
    scale = y * (1 + y) * (np.abs(arrays[1]) if len(arrays) > 1 else 1)
    return 3 * sum_steps(x.shape[-1]), scale + (np.abs(arrays[2]) if len(arrays) > 2 else 0) * np.ones_like(x)


TWINS["matmul"] = Twin(np.matmul, exact=False, error=_matmul_error, integers=np.matmul)
TWINS["linear"] = Twin(_linear, exact=False, error=_linear_error, narrow=True)
TWINS["softmax"] = Twin(_softmax, exact=False, error=_softmax_error)
TWINS["log_softmax"] = Twin(_log_softmax, exact=False, error=_log_softmax_error)
TWINS["layer_norm"] = Twin(_layer_norm, exact=False, error=_layer_norm_error)


# ---- creation: (attributes without dtype, dtype) -> host array ----


def _arange(dtype, start, stop=None, step=1):
    if stop is None:
        start, stop = 0, start
    return samples.round_to(dtype, np.arange(start, stop, step))


CREATION = {
    "full": lambda dtype, shape, fill_value: samples.round_to(dtype, np.full(shape, fill_value)),
    "zeros": lambda dtype, shape: samples.round_to(dtype, np.zeros(shape)),
    "ones": lambda dtype, shape: samples.round_to(dtype, np.ones(shape)),
    "arange": _arange,
    "linspace": lambda dtype, start, stop, num, endpoint=True: samples.round_to(
        dtype, np.linspace(start, stop, num, endpoint)
    ),
    "eye": lambda dtype, n_rows, n_cols=None, k=0: samples.round_to(dtype, np.eye(n_rows, n_cols, k)),
}


@dataclass
class Expected:
    dtype: str
    values: np.ndarray  # exact: host array to be met bit for bit; else wide
    allowed: np.ndarray | None  # largest |difference|, or None: bit for bit


def _spacing(dtype, values):
    """Distance of neighbouring numbers of the dtype around each value."""
    bits = samples.BITS[dtype]
    finite = np.where(np.isfinite(values), np.abs(values), 1)
    _, exponent = np.frexp(finite)
    unit = np.ldexp(np.ones_like(finite), np.maximum(exponent, -(1 << 13)) - bits)
    return np.maximum(unit, samples.TINY[dtype])


def expected(name, arrays, dtype, attributes):
    """What the operation should return for host arrays of a dtype, and how exactly."""
    twin = TWINS[name]
    row = samples.table()[name]
    if row["accepts"] == "promote_to_float" and dtype not in samples.FLOATS:
        dtype = "float32"
        arrays = [a.astype(np.float32) for a in arrays]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # "Mean of empty slice"
        whole = twin.integers is not None and dtype not in samples.FLOATS
        function = twin.integers if whole else twin.function
        if dtype == "bfloat16" and twin.bfloat16 is not None:
            function = twin.bfloat16
        if twin.exact or whole:
            values = np.asarray(function(*arrays, **attributes))
            out = values.dtype.name
            if name == "cast":
                out = str(attributes["dtype"]).removeprefix("tandem.")
            elif values.dtype.kind == "f":
                out = dtype
            return Expected(out, values if name == "cast" else samples.round_to(out, values), None)
        wide = np.longdouble if dtype == "float64" else np.float64
        arrays = [a.astype(wide) if a.dtype.kind == "f" else a for a in arrays]
        values = np.asarray(function(*arrays, **attributes))
        allowed = twin.ulps * _spacing(dtype, values)
        if twin.error is not None:
            steps, scale = twin.error(arrays, attributes)
            bits = samples.BITS[
                dtype if twin.narrow else {"float16": "float32", "bfloat16": "float32"}.get(dtype, dtype)
            ]
            allowed = allowed + steps * np.ldexp(1.0, -bits) * scale
        return Expected(dtype, values, allowed)


def same_bits(a, b):
    """Equal bit patterns, or both NaN, everywhere."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    if a.dtype.kind == "c":
        a, b = a.view(a.real.dtype), b.view(b.real.dtype)
    word = np.dtype(f"u{a.dtype.itemsize}")
    same = a.view(word) == b.view(word)
    if a.dtype.kind == "f":
        same = same | (np.isnan(a) & np.isnan(b))
    return bool(np.all(same))


def without_zero_signs(values):
    return values + np.zeros((), values.dtype) if values.dtype.kind == "f" else values


def check(what, got, want, zero_signs=True):
    """Compare a tensor with what was expected; the message shows the first place where they differ."""
    assert str(got.dtype).removeprefix("tandem.") == want.dtype, f"{what}: got {got.dtype}, expected {want.dtype}"
    assert got.shape == want.values.shape, f"{what}: got shape {got.shape}, expected {want.values.shape}"
    host = samples.to_host(got)
    if want.allowed is None:
        values = want.values
        if not zero_signs:
            host, values = without_zero_signs(host), without_zero_signs(values)
        if not same_bits(host, values):
            word = np.dtype(f"u{host.dtype.itemsize}")
            a, b = np.ascontiguousarray(host), np.ascontiguousarray(values)
            differs = (a.view(word) != b.view(word)) & ~((a != a) & (b != b))
            where = tuple(int(i[0]) for i in np.nonzero(np.atleast_1d(differs)))
            a, b = np.atleast_1d(a), np.atleast_1d(b)
            raise AssertionError(f"{what}: at {where} got {a[where]!r}, expected {b[where]!r} ({differs.sum()} differ)")
        return
    with np.errstate(all="ignore"):
        rounded = samples.round_to(want.dtype, want.values)
        wide = host.astype(want.values.dtype)
        close = np.abs(wide - want.values) <= want.allowed
        # Beyond the largest number only infinity is left, and rounding decides at the edge.
        edge = samples.LARGEST[want.dtype]
        over = (np.abs(want.values) >= edge * (1 - 2.0 ** -samples.BITS[want.dtype])) & np.isinf(host)
        over &= np.sign(host) == np.sign(want.values)
        good = close | (host == rounded) | over | (np.isnan(host) & np.isnan(rounded))
    if not np.all(good):
        where = tuple(int(i[0]) for i in np.nonzero(~np.atleast_1d(good)))
        one = [np.atleast_1d(np.broadcast_to(a, good.shape))[where] for a in (host, want.values, want.allowed)]
        units = abs(one[0] - one[1]) / _spacing(want.dtype, np.asarray(one[1]))
        raise AssertionError(
            f"{what}: at {where} got {one[0]!r}, expected {one[1]!r} within {float(one[2]):.3g}; "
            f"off by {float(units):.3g} ulp ({np.sum(~good)} differ)"
        )


def assert_same_tensor(what, a, b):
    """Two tensors with the same dtype, shape and bits."""
    assert isinstance(a, td.Tensor) and isinstance(b, td.Tensor), f"{what}: {type(a)} and {type(b)}"
    assert a.dtype == b.dtype, f"{what}: {a.dtype} and {b.dtype}"
    assert a.shape == b.shape, f"{what}: {a.shape} and {b.shape}"
    x, y = samples.to_host(a), samples.to_host(b)
    if not same_bits(x, y):
        differs = np.atleast_1d((x != y) & ~((x != x) & (y != y)))
        places = np.argwhere(differs)
        first = tuple(int(i) for i in places[0]) if len(places) else "signs of zeros"
        pair = (np.atleast_1d(x)[first], np.atleast_1d(y)[first]) if len(places) else ""
        raise AssertionError(f"{what}: eager and compiled differ at {first}: {pair} ({len(places)} in all)")
