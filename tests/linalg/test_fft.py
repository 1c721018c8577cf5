"""td.fft against NumPy, eager and compiled, and its gradients against differences."""

import numpy as np
import pytest
from test_linalg import both, matrix

import tandem as td
from tandem import _core

ONE_AXIS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
SEVERAL_AXES = ("fftn", "ifftn", "rfftn", "irfftn")
OF_REAL = ("rfft", "ihfft", "rfftn", "rfft2")
NORMS = ("backward", "ortho", "forward")
# Of every radix, products of several, a prime for which there is a pass, and one that takes a convolution.
LENGTHS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 15, 16, 30, 61, 64, 67, 97, 100, 128, 210, 1009)


def signal(name, shape, dtype="float64"):
    a = matrix(shape, dtype)
    return (
        a if name in OF_REAL else a + np.asarray(1j, np.result_type(dtype, np.complex64)) * matrix(shape, dtype, seed=1)
    )


def close(got, want):
    assert got.shape == want.shape and got.dtype == want.dtype, (got.shape, got.dtype, want.shape, want.dtype)
    if want.size:
        eps = np.finfo(want.dtype).eps
        assert np.max(np.abs(got - want)) <= 20 * eps * np.max(np.abs(want)) + 1e-300


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ONE_AXIS)
def test_lengths(name, dtype):
    ours, theirs = getattr(td.fft, name), getattr(np.fft, name)
    for n in LENGTHS:
        a = signal(name, (5, n), dtype)
        for length in (None, n, n + 3, max(1, n // 2), 8):
            if length is None and n == 1 and name in ("irfft", "hfft"):
                continue
            close(np.asarray(ours(td.asarray(a), n=length)), theirs(a, n=length))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("axis", [0, 1, -1, -3])
@pytest.mark.parametrize("name", ONE_AXIS)
def test_axes_and_norms(name, axis, norm):
    for n in (None, 6, 13):
        for shape in ((4, 9, 7), (2, 3, 8)):
            a = signal(name, shape)
            got = both(lambda x, n=n: getattr(td.fft, name)(x, n=n, axis=axis, norm=norm), a)
            close(got, getattr(np.fft, name)(a, n=n, axis=axis, norm=norm))


SIDES = [
    (None, None),
    (None, (0, 2)),
    (None, (-1, 0)),
    (None, (1,)),
    ((4, 5), (2, 1)),
    ((7, 12, 3), (0, 1, 2)),
    ((8, -1), (-2, 0)),
]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("s", "axes"), SIDES)
@pytest.mark.parametrize("name", SEVERAL_AXES)
def test_several_axes(name, s, axes, norm):
    a = signal(name, (5, 6, 7))
    got = both(lambda x: getattr(td.fft, name)(x, s=s, axes=axes, norm=norm), a)
    close(got, getattr(np.fft, name)(a, s=s, axes=axes, norm=norm))


@pytest.mark.parametrize("name", ["fft2", "ifft2", "rfft2", "irfft2"])
def test_two_axes(name):
    a = signal(name, (3, 6, 5), "float32")
    close(both(lambda x: getattr(td.fft, name)(x), a), getattr(np.fft, name)(a))
    got = both(lambda x: getattr(td.fft, name)(x, s=(4, 8), axes=(0, 1), norm="ortho"), a)
    close(got, getattr(np.fft, name)(a, s=(4, 8), axes=(0, 1), norm="ortho"))


def test_lengths_of_the_last_axes():
    a = signal("fftn", (3, 4, 5))
    close(np.asarray(td.fft.fftn(td.asarray(a), s=(6, 2))), np.fft.fftn(a, s=(6, 2), axes=(1, 2)))


@pytest.mark.parametrize(
    "dtype", [td.bool, td.int8, td.uint16, td.int64, td.float16, td.bfloat16, td.float32, td.float64]
)
def test_dtypes_of_real_numbers(dtype):
    x = td.asarray([1, 0, 2, 3, 1]).astype(dtype)
    wide = dtype == td.float64
    a = np.asarray(x.astype(td.float64)).astype("float64" if wide else "float32")
    for name in ("fft", "ifft", "rfft", "ihfft", "irfft", "hfft"):
        got = getattr(td.fft, name)(x)
        assert (
            got.dtype
            == {False: {"c": td.complex64, "f": td.float32}, True: {"c": td.complex128, "f": td.float64}}[wide][
                "f" if name in ("irfft", "hfft") else "c"
            ]
        )
        close(np.asarray(got), getattr(np.fft, name)(a))


def test_integers_become_the_default_dtype():
    before = td.default_dtype()
    td.set_default_dtype(td.float64)
    try:
        assert td.fft.rfft(td.asarray([1, 2, 3])).dtype == td.complex128
    finally:
        td.set_default_dtype(before)


def test_views_and_empty_batches():
    a = signal("fft", (6, 8, 10))
    for view in (a[::2, 1:, ::-1], a.transpose(2, 0, 1), a[:, :0], np.broadcast_to(a[:1], (4, 8, 10))):
        close(both(lambda x: td.fft.fft(x, axis=-1), view), np.fft.fft(view))
    shown = both(lambda x: td.fft.ifft(x[1:, ::3].mT, n=5, axis=1), a)
    close(shown, np.fft.ifft(a[1:, ::3].swapaxes(-1, -2), n=5, axis=1))


def test_there_and_back():
    for n in LENGTHS[1:]:
        a = matrix((3, n))
        for norm in NORMS:
            back = both(lambda x, n=n, norm=norm: td.fft.irfft(td.fft.rfft(x, norm=norm), n=n, norm=norm), a)
            assert np.allclose(back, a, rtol=0, atol=1e-13)
            back = both(lambda x, n=n, norm=norm: td.fft.hfft(td.fft.ihfft(x, norm=norm), n=n, norm=norm), a)
            assert np.allclose(back, a, rtol=0, atol=1e-13)


def test_results_do_not_depend_on_the_number_of_threads():
    before = td.num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            td.set_num_threads(threads)
            bits = []
            for shape, axis in (((301, 96), 1), ((97, 33, 5), 0), ((7, 4099), -1)):
                for name in ONE_AXIS:
                    x = td.asarray(signal(name, shape, "float32"))
                    bits.append(np.asarray(getattr(td.fft, name)(x, axis=axis)).tobytes())
            results.append(bits)
    finally:
        td.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_one_row_has_the_bits_it_has_among_many():
    for name in ONE_AXIS:
        for n in (12, 67, 256):
            a = signal(name, (9, n))
            whole = np.asarray(getattr(td.fft, name)(td.asarray(a)))
            for k in (0, 4, 8):
                assert np.asarray(getattr(td.fft, name)(td.asarray(a[k]))).tobytes() == whole[k].tobytes()


# ---- capture ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ONE_AXIS, *SEVERAL_AXES])
def test_one_program_serves_many_sizes(name):
    function = getattr(td.fft, name)
    compiled = td.script(lambda x: function(x) * 2)
    for shape in ((6, 4, 3), (7, 4, 3), (9, 5, 4), (2, 6, 5), (13, 8, 6), (3, 1, 16)):
        x = td.asarray(signal(name, shape))
        assert np.asarray(compiled(x)).tobytes() == np.asarray(function(x) * 2).tobytes()
    assert compiled.stats()["captures"] <= 3


def test_a_filter_in_a_loop():
    @td.script
    def smooth(x, steps):
        for _ in range(steps):
            spectrum = td.fft.rfft(x)
            keep = td.fft.rfftfreq(16) < 0.3
            x = td.fft.irfft(td.where(keep, spectrum, 0), n=16) + x * 0.5
        return x

    x = td.asarray(matrix((4, 16)))
    got, want = smooth(x, 3), np.asarray(x)
    assert np.asarray(got).tobytes() == np.asarray(smooth.eager(x, 3)).tobytes()
    for _ in range(3):
        want = np.fft.irfft(np.where(np.fft.rfftfreq(16) < 0.3, np.fft.rfft(want), 0), n=16) + want * 0.5
    assert np.allclose(got, want, rtol=0, atol=1e-13)


# ---- gradients -------------------------------------------------------------------------------------------------------


# (inverse, half a spectrum, the input is real, conjugate)
KINDS = [(i, r, r and not i, c) for i in (False, True) for r in (False, True) for c in (False, True) if r or not c]
KINDS += [(False, False, True, False), (True, False, True, False)]


@pytest.mark.parametrize("roots", [0, 1, 2])
@pytest.mark.parametrize(("inverse", "real", "from_real", "conjugate"), KINDS)
def test_the_gradient_is_the_adjoint(inverse, real, from_real, conjugate, roots):
    """<w, F x> = <F* w, x>, where a complex number counts as two real ones."""
    rng = np.random.default_rng([inverse, real, roots])

    def drawn(shape, is_complex):
        return rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if is_complex else 0)

    for size in (1, 4, 5, 8):
        for length in (1, 2, 4, 5, 7, 8, 9, 14):
            for axis in (0, 1):
                shape = (size, 3) if axis == 0 else (2, size)
                x = drawn(shape, not from_real)
                call = dict(inverse=inverse, real=real, axis=axis, length=(length,), roots=roots, conjugate=conjugate)
                y = np.asarray(_core._fourier(td.asarray(x), **call))
                w = drawn(y.shape, np.iscomplexobj(y))
                params = (int(inverse), int(real), axis, length, roots, int(conjugate))
                (gradient,) = _core._gradient("fourier", [td.asarray(x)], params, td.asarray(w))
                gradient = np.asarray(gradient)
                assert gradient.shape == x.shape and gradient.dtype == x.dtype
                left, right = np.vdot(w, y).real, np.vdot(gradient, x).real
                assert left == pytest.approx(right, rel=1e-12, abs=1e-12)
                # The map is linear: what holds for this x and another one of the basis holds for all of them.
                basis = np.zeros(shape, x.dtype)
                basis[tuple(rng.integers(0, k) for k in shape)] = 1j if np.iscomplexobj(x) else 1
                image = np.asarray(_core._fourier(td.asarray(basis), **call))
                assert np.vdot(w, image).real == pytest.approx(np.vdot(gradient, basis).real, rel=1e-12, abs=1e-12)


# ---- frequencies and shifts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_frequencies(n, dtype):
    for name in ("fftfreq", "rfftfreq"):
        got = getattr(td.fft, name)(n, d=0.3, dtype=dtype)
        want = getattr(np.fft, name)(n, d=0.3).astype(dtype)
        np.testing.assert_allclose(np.asarray(got), want, rtol=3e-16 if dtype == "float64" else 1e-7)
        assert np.asarray(got).dtype == dtype


@pytest.mark.parametrize("axes", [None, 0, -1, (0, 2)])
@pytest.mark.parametrize("name", ["fftshift", "ifftshift"])
def test_shifts(name, axes):
    a = matrix((3, 4, 5))
    got = both(lambda x: getattr(td.fft, name)(x, axes=axes), a)
    assert np.array_equal(got, getattr(np.fft, name)(a, axes=axes))


# ---- errors ----------------------------------------------------------------------------------------------------------

ERRORS = [
    (lambda x: td.fft.fftfreq(0), _core.ArgumentError, "fftfreq: got n=0; need an integer of 1 or more"),
    (lambda x: td.fft.rfftfreq(4, dtype=td.int64), td.DTypeError, "rfftfreq: got dtype int64"),
    (lambda x: td.fft.fft(x, n=0), _core.ArgumentError, "fft: got a transform of length 0; need 1 or more"),
    (lambda x: td.fft.irfft(x[:, :1]), _core.ArgumentError, "irfft: got a transform of length 0"),
    (lambda x: td.fft.rfft(x[:, :0]), _core.ArgumentError, "rfft: got a transform of length 0"),
    (lambda x: td.fft.fft(x, n=2.5), _core.ArgumentTypeError, "fft: got n=2.5; need an integer"),
    (lambda x: td.fft.fft(x, axis=2), _core.OutOfBoundsError, "fft: got axis 2 for 2 axes"),
    (lambda x: td.fft.fft(x, norm="unit"), _core.ArgumentError, "fft: got norm='unit'; need 'backward', 'ortho' or"),
    (lambda x: td.fft.rfft(x + 1j), td.DTypeError, r"rfft: got dtype complex64; need a real dtype; try td.real\(x\)"),
    (lambda x: td.fft.ihfft(x + 1j), td.DTypeError, "ihfft: got dtype complex64"),
    (lambda x: td.fft.fftn(x, s=(1, 2, 3)), _core.ArgumentError, "fftn: got 3 lengths for a tensor with 2 axes"),
    (
        lambda x: td.fft.fftn(x, s=(4,), axes=(0, 1)),
        _core.ArgumentError,
        "fftn: got 1 lengths and 2 axes; need as many",
    ),
    (lambda x: td.fft.fftn(x, axes=(0, -2)), _core.ArgumentError, "one axis twice"),
    (lambda x: td.fft.rfftn(x, axes=()), _core.ArgumentError, "rfftn: got no axes; need at least one"),
]


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS)
def test_errors(call, kind, message):
    with pytest.raises(kind, match=message):
        call(td.ones((2, 4)))
