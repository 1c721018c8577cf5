"""Bad arguments: the class, the built-in base class and the whole message, eager and where possible captured.

A message says what was got, what is needed and, where there is advice, what to try.
"""

import numpy as np
import pytest

import tandem as td

OutOfBounds = td._core.OutOfBoundsError
Argument = td._core.ArgumentError
NumberRange = td.NumberRangeError
ArgumentType = td._core.ArgumentTypeError

BROADCAST = "need sizes that are equal or 1 along every axis, counted from the last; try reshape or expand_dims"
ARRAY = "need numbers, nested lists of equal lengths, or an array"
DTYPES = (
    "need one of bool, int8, uint8, int16, uint16, int32, uint32, int64, uint64, float16, bfloat16, float32, float64, "
    "complex64, complex128; try x.astype(...) in NumPy first"
)

# (expression over x: f32[3, 4], v: f32[3], i: i64[3], class, built-in base, message)
SHAPES = [
    ("x + td.ones((2, 4))", f"add: got shapes [3, 4] and [2, 4]; {BROADCAST}"),
    ("td.clip(x, td.ones((2,)), 1)", f"clip: got shapes [3, 4] and [2] and []; {BROADCAST}"),
    ("x == td.ones((5,))", f"equal: got shapes [3, 4] and [5]; {BROADCAST}"),
    ("td.where(x > 0, v, x)", f"where: got shapes [3, 4] and [3] and [3, 4]; {BROADCAST}"),
    ("td.broadcast_to(x, (3, 5))", f"broadcast_to: got shapes [3, 4] and [3, 5]; {BROADCAST}"),
    (
        "td.broadcast_to(x, (4,))",
        "broadcast_to: got a tensor of shape [3, 4] and the shape [4]; need sizes that are equal or 1",
    ),
    (
        "td.reshape(x, (5,))",
        "reshape: got a tensor of shape [3, 4] (12 elements) and the shape [5] (5 elements); need equal numbers",
    ),
    ("td.reshape(x, (-1, -1))", "reshape: got the shape [-1, -1] with several -1; need at most one"),
    (
        "td.reshape(x, (5, -1))",
        "reshape: got a tensor of shape [3, 4] and the shape [5, -1]; need sizes whose product divides 12",
    ),
    ("td.reshape(x, (-2, 6))", "reshape: got the shape [-2, 6]; need sizes of 0 or more, or one -1"),
    (
        "td.reshape(td.ones((0,)), (-1, 0))",
        "reshape: got a tensor of shape [0] and the shape [-1, 0]; need sizes whose product divides 0",
    ),
    ("td.matrix_transpose(v)", "matrix_transpose: got the shape [3]; need at least two axes"),
    ("td.concat([x, v])", "concat: got shapes [3, 4] and [3]; need shapes that agree everywhere but along axis 0"),
    (
        "td.concat([x, td.ones((3, 5))])",
        "concat: got shapes [3, 4] and [3, 5]; need shapes that agree everywhere but along axis 0",
    ),
    (
        "td.concat([td.asarray(1), td.asarray(2)])",
        "concat: got tensors without axes; need at least one axis; try td.stack",
    ),
    ("td.stack([x, v])", "stack: got shapes [3, 4] and [3]; need equal shapes"),
    (
        "td.take_along_axis(x, i)",
        "take_along_axis: got shapes [3, 4] and [3]; need shapes that agree everywhere but along axis 1",
    ),
    ("td.embedding(i, v)", "embedding: got a weight of shape [3]; need [entries, features]"),
    (
        "x @ x",
        "matmul: got shapes [3, 4] and [3, 4]; need [..., m, k] and [..., k, n] with the same k; try transposing one",
    ),
    (
        "td.matmul(td.asarray(1.0), x)",
        "matmul: got shapes [] and [3, 4]; need at least one axis on both sides; try multiply for scalars",
    ),
    (
        "td.linear(x, td.ones((5, 3)))",
        "linear: got x of shape [3, 4] and weight of shape [5, 3]; need [..., in] and [out, in]",
    ),
    ("td.linear(x, td.ones((5, 4)), td.ones((4,)))", "linear: got bias of shape [4]; need [5]"),
    (
        "td.layer_norm(x, td.ones((3,)))",
        "layer_norm: got x of shape [3, 4] and a weight or bias of shape [3]; need [4]",
    ),
    ("td.softmax(td.asarray(1.0))", "softmax: got a tensor without axes; need at least one"),
    ("td.cumsum(td.asarray(1.0), axis=0)", "cumsum: got a tensor without axes; need at least one axis"),
    ("td.zeros((-1,))", "zeros: got the shape [-1]; need sizes of 0 or more"),
    ("td.eye(-1)", "eye: got the shape [-1, -1]; need sizes of 0 or more"),
    ("td.zeros((2**40, 2**40))", "size: got a number of elements beyond 64 bits; need a smaller shape"),
    ("td.broadcast_to(v, (2**62, 3))", "size: got a number of elements beyond 64 bits; need a smaller shape"),
]

DTYPE = [
    (
        "td.linear(i, td.ones((5, 3), dtype=td.int64))",
        "linear: got dtype int64; need a floating-point dtype; try x.astype(...)",
    ),
    ("td.layer_norm(i)", "layer_norm: got dtype int64; need a floating-point dtype; try x.astype(...)"),
    ("td.bitwise_and(x, x)", "bitwise_and: got dtype float32; need an integer or bool dtype; try x.astype(...)"),
    ("~x", "bitwise_invert: got dtype float32; need an integer or bool dtype; try x.astype(...)"),
    ("(x > 0) - (x > 1)", "subtract: got dtype bool; need a numeric dtype; try x.astype(...)"),
    ("-(x > 0)", "negative: got dtype bool; need a numeric dtype; try x.astype(...)"),
    ("(x > 0) @ (x.T > 0)", "matmul: got dtype bool; need a numeric dtype; try x.astype(...)"),
    ("(i > 0) << 1", None),
    (
        "td.take(x, v, axis=0)",
        "take: got indices of dtype float32; need an integer dtype; try indices.astype(td.int64)",
    ),
    (
        "td.embedding(v, x)",
        "embedding: got indices of dtype float32; need an integer dtype; try indices.astype(td.int64)",
    ),
    ("td.where(x, x, x)", "where: got a condition of dtype float32; need bool; try comparing first, as in x > 0"),
    ("x.astype('complex256')", f"dtype: got 'complex256'; {DTYPES}"),
    ("td.imag(x)", "imag: got dtype float32; need a complex dtype; try x.astype(...)"),
    ("td.less(x, 1j)", "less: got dtype complex64; need a real dtype; try td.real(x) or td.abs(x)"),
    (
        "td.asarray([1j]).astype(td.float32)",
        "cast: got dtype complex64 and the dtype float32; need a complex dtype or bool; try td.real(x)",
    ),
    ("td.zeros((1,), dtype=3)", f"dtype: got 3; {DTYPES}"),
]

INDICES = [
    ("x.sum(axis=2)", "sum: got axis 2 for a tensor with 2 axes; need -2 <= axis < 2"),
    ("x.sum(axis=-3)", "sum: got axis -3 for a tensor with 2 axes; need -2 <= axis < 2"),
    ("td.flip(x, axis=2)", "flip: got axis 2 for a tensor with 2 axes; need -2 <= axis < 2"),
    ("td.expand_dims(x, axis=4)", "expand_dims: got axis 4 for a tensor with 3 axes; need -3 <= axis < 3"),
    ("td.softmax(x, axis=5)", "softmax: got axis 5 for a tensor with 2 axes; need -2 <= axis < 2"),
    ("td.concat([x, x], axis=2)", "concat: got axis 2 for a tensor with 2 axes; need -2 <= axis < 2"),
    ("x[3]", "index: got 3 for axis 0 of size 3; need -3 <= index < 3"),
    ("x[:, -5]", "index: got -5 for axis 1 of size 4; need -4 <= index < 4"),
    ("td.zeros((0, 2))[0]", "index: got 0 for axis 0 of size 0; need -0 <= index < 0"),
    ("x[0, 0, 0]", "index: got 3 indices for a tensor with 2 axes; need at most 2"),
    ("td.asarray(1.0)[0]", "index: got 1 indices for a tensor with 0 axes; need at most 0"),
    ("x[..., ...]", "index: got several '...'; need at most one"),
    ("x['a']", "index: got 'a'; need integers, slices, None, '...' or index arrays"),
    ("x[1.0]", "index: got 1.0; need integers, slices, None, '...' or index arrays"),
    ("x[v]", "index: got a float32 tensor of shape [3]; need integers or a mask"),
]

VALUES = [
    ("x.sum(axis=(0, 0))", "sum: got the axes [0, 0] with one axis twice; need each axis once"),
    ("x.sum(axis=(0, -2))", None),
    (
        "td.max(td.ones((0, 3)), axis=0)",
        "max: got the shape [0, 3], which has no elements along axis 0; need at least one",
    ),
    ("td.min(td.ones((2, 0)))", "min: got the shape [2, 0], which has no elements along axis 1; need at least one"),
    ("td.argmax(td.ones((0,)))", "argmax: got the shape [0], which has no elements along axis 0; need at least one"),
    (
        "td.logsumexp(td.ones((0,)))",
        "logsumexp: got the shape [0], which has no elements along axis 0; need at least one",
    ),
    ("td.permute_dims(x, (0,))", "permute_dims: got 1 axes for a tensor with 2; need each axis once"),
    ("td.permute_dims(x, (0, 0))", "permute_dims: got the axes [0, 0]; need each axis once"),
    ("td.squeeze(x, axis=0)", "squeeze: got axis 0 of a tensor of shape [3, 4]; need an axis of size 1"),
    ("td.take(x, i)", "take: got a tensor with 2 axes and no axis; need axis=..."),
    ("td.cumsum(x)", "cumsum: got a tensor with 2 axes and no axis; need axis=..."),
    ("td.concat([])", "concat: got an empty list; need at least one tensor"),
    ("td.stack([])", "stack: got an empty list; need at least one tensor"),
    ("x[::0]", "index: got the slice step 0; need a number other than 0"),
    ("td.arange(0, 5, 0)", "arange: got step 0; need a step other than 0"),
    ("td.linspace(0, 1, -1)", "linspace: got num=-1; need 0 or more"),
]

RANGES = [
    (
        "td.ones((3,), dtype=td.int8) + 300",
        "add: got the number 300 for int8; need a number from -128 to 127; try another dtype",
    ),
    (
        "td.ones((3,), dtype=td.uint8) - 1000",
        "subtract: got the number 1000 for uint8; need a number from 0 to 255; try another dtype",
    ),
    (
        "td.ones((3,), dtype=td.uint8) * -1",
        "multiply: got the number -1 for uint8; need a number from 0 to 255; try another dtype",
    ),
]

TYPES = [
    ("td.add(x)", "add: got no argument 'x2'; need add(x1, x2)"),
    ("td.add(x, x, x)", "add: got 3 arguments, some of which it does not have; need add(x1, x2)"),
    ("td.add(x, 2, out=x)", "add: got 3 arguments, some of which it does not have; need add(x1, x2)"),
    (
        "td.sum(x, axes=0)",
        "sum: got 2 arguments, some of which it does not have; need sum(x, axis=None, dtype=None, keepdims=False)",
    ),
    ("td.reshape(x)", "reshape: got no argument 'shape'; need reshape(x, shape, copy=None)"),
    ("td.add(x, 'a')", f"asarray: got 'a'; {ARRAY}"),
    ("td.exp(None)", f"asarray: got None; {ARRAY}"),
    ("td.exp({1: 2})", f"asarray: got {{1: 2}}; {ARRAY}"),
    ("td.asarray([[1, 2], [3]])", f"asarray: got [[1, 2], [3]]; {ARRAY}"),
    ("td.concat(x)", "concat: got no list of tensors; need one; try concat([x, y])"),
    ("td.full((2,), 'a')", "full: got fill_value='a'; need a number"),
    ("td.full((2,), None)", "full: got fill_value=None; need a number"),
    ("td.arange('a')", "arange: got start='a'; need a number"),
    ("td.eye(2.5)", "eye: got n_rows=2.5; need an integer"),
    ("td.softmax(x, axis=1.5)", "softmax: got axis=1.5; need an integer"),
    ("x.sum(keepdims=1)", "sum: got keepdims=1; need True or False"),
    ("td.layer_norm(x, eps='a')", "layer_norm: got eps='a'; need a number"),
    ("td.zeros((1.5,))", None),
    ("td.zeros('a')", None),
]

MESSAGES = [
    (*case, group, base)
    for cases, group, base in (
        (SHAPES, td.ShapeError, ValueError),
        (DTYPE, td.DTypeError, TypeError),
        (INDICES, OutOfBounds, IndexError),
        (VALUES, Argument, ValueError),
        (RANGES, NumberRange, OverflowError),
        (TYPES, ArgumentType, TypeError),
    )
    for case in cases
]


def operands():
    return {"x": td.ones((3, 4)), "v": td.ones((3,)), "i": td.arange(3)}


@pytest.mark.parametrize(("expression", "message", "kind", "base"), MESSAGES, ids=[m[0] for m in MESSAGES])
def test_eager_message(expression, message, kind, base):
    code = compile(expression, "<expression>", "eval")
    with pytest.raises(kind) as caught:
        eval(code, {"td": td, **operands()})
    assert type(caught.value) is kind
    assert isinstance(caught.value, base) and isinstance(caught.value, td.Error)
    text = str(caught.value)
    if message is not None:
        assert text == message
    assert ": got " in text and "; need " in text


@pytest.mark.parametrize(("expression", "message", "kind", "base"), MESSAGES, ids=[m[0] for m in MESSAGES])
def test_captured_message(expression, message, kind, base):
    """Inside a captured function the same error, with the user's line below it."""
    namespace = {"td": td}
    exec(f"def program(x, v, i):\n    return {expression}\n", namespace)
    with pytest.raises(kind) as caught:
        td.trace(namespace["program"])(**operands())
    assert type(caught.value) is kind and isinstance(caught.value, base)
    first, *rest = str(caught.value).splitlines()
    if message is not None:
        assert first == message
    assert rest and rest[0].startswith("  --> <string>:2"), str(caught.value)


# ---- the argument that is not an expression ----


def raises(kind, message, function):
    with pytest.raises(kind) as caught:
        function()
    assert type(caught.value) is kind
    assert str(caught.value) == message


def test_assignments():
    x, i = td.zeros((3, 4)), td.arange(3)
    raises(
        td.DTypeError,
        "assignment: got the number 1.5 for a int64 tensor; need a number of its kind; try int(...)",
        lambda: i.__setitem__(0, 1.5),
    )
    kind = (
        "assignment: got float32 values for a int64 tensor; need a cast that keeps the kind of number; try "
        "value.astype(td.int64)"
    )
    raises(td.DTypeError, kind, lambda: i.__setitem__(0, td.ones(())))
    raises(td.DTypeError, kind, lambda: i.__iadd__(1.5))
    raises(td.DTypeError, kind, lambda: i.__iadd__(td.ones((3,))))
    read_only = "assignment: got a read-only tensor; need a writable one; try x.copy()"
    raises(Argument, read_only, lambda: td.broadcast_to(x, (2, 3, 4)).__setitem__(0, 1))
    raises(Argument, read_only, lambda: td.broadcast_to(x, (2, 3, 4)).fill(1))
    for bad in (lambda: x.__setitem__(0, td.ones((3,))), lambda: x.__iadd__(td.ones((2, 3, 4)))):
        with pytest.raises(td.ShapeError, match="^assignment: got .*; need "):
            bad()
    assert float(td.abs(x).sum()) == 0 and i.tolist() == [0, 1, 2]


def test_fill_takes_numbers_only():
    for bad in ("a", None, [1]):
        with pytest.raises(TypeError, match="^fill: got .*; need a number"):
            td.zeros((2,)).fill(bad)


def test_conversions():
    x = td.ones((3, 4))
    for name, convert in (("truth value", bool), ("int", int), ("float", float), ("item", lambda x: x.item())):
        raises(
            Argument,
            f"{name}: got a tensor of shape [3, 4]; need exactly one element; try .any(), .all() or x[i]",
            lambda convert=convert: convert(x),
        )
    raises(ArgumentType, "index: got a float32 tensor; need an integer", lambda: [1, 2][td.asarray(1.5)])
    raises(ArgumentType, "len: got a tensor without axes; need at least one", lambda: len(td.asarray(1)))


def test_devices():
    if not td.cuda.is_available():
        for function in (lambda: td.asarray([1], device="cuda:0"), lambda: td.ones((1,)).to("cuda:0")):
            with pytest.raises(
                td.BackendError, match=r"(?s)^cuda: got no NVIDIA driver: .*; try installing the driver"
            ):
                function()


def test_settings():
    raises(
        td.DTypeError, "set_default_dtype: got int32; need float32 or float64", lambda: td.set_default_dtype(td.int32)
    )
    raises(Argument, "set_num_threads: got 0; need 1 or more", lambda: td.set_num_threads(0))
    raises(Argument, "result_type: got no tensor or dtype; need at least one", td.result_type)
    raises(TypeError, "script: got 3; need a function, method, lambda or callable object", lambda: td.script(3))
    raises(
        ValueError,
        "script: got numerics='x'; need 'strict' or 'fast'",
        lambda: td.script(lambda x: x, numerics="x"),
    )
    raises(
        TypeError,
        "script: got the option 'nope'; need fallback, numerics, dynamic, cache, background or compile_budget",
        lambda: td.script(nope=1),
    )
    assert td.ones((1,)).dtype == td.float32


def test_more_axes_than_supported():
    for make in (
        lambda: td.zeros((1,) * 17),
        lambda: td.asarray(np.zeros((1,) * 17)),
        lambda: td.reshape(td.zeros((1,)), (1,) * 17),
    ):
        raises(td.ShapeError, "tensor: got more than 16 axes; need at most 16", make)
    assert td.zeros((1,) * 16).ndim == 16


def test_numbers_beyond_64_bits():
    with pytest.raises(
        OverflowError, match="^asarray: got the number 1180591620717411303424 for int64; need a number from -9223"
    ):
        td.asarray(2**70)
    assert td.asarray(2**70, dtype=td.float32).item() == float(2**70)
    assert (td.ones((1,)) * 2**70).item() == float(2**70)
    with pytest.raises(td.Error):
        td.ones((1,), dtype=td.int64) + 2**70


def test_comparison_with_foreign_objects():
    x = td.ones((2,))
    assert (x == "a") is False and (x != None) is True  # noqa: E711
    with pytest.raises(TypeError, match="not supported between instances"):
        x < "a"  # noqa: B015
    for bad in (lambda: x + "a", lambda: "a" + x, lambda: x @ None):
        with pytest.raises(TypeError):
            bad()


# ---- what looks bad and is not ----


def test_empty_tensors_work():
    for shape in ((0,), (0, 3), (3, 0), (2, 0, 4)):
        x = td.zeros(shape)
        for f in (
            lambda x: td.exp(x) + 1,
            lambda x: x.T * 2,
            lambda x: x.sum(),
            lambda x: x.sum(axis=0),
            td.softmax,
            lambda x: td.concat([x, x]),
            lambda x: x.cumsum(axis=-1),
            lambda x: td.reshape(x, (0,)),
            lambda x: x[::-1],
        ):
            a, b = f(x), td.script(f)(x)
            assert a.shape == b.shape and a.tolist() == b.tolist()
    assert float(td.zeros((0,)).sum()) == 0 and float(td.zeros((0,)).prod()) == 1
    assert np.isnan(float(td.zeros((0,)).mean()))
    assert bool(td.zeros((0,)).all()) and not bool(td.zeros((0,)).any())


def test_special_numbers_work():
    x = td.asarray([np.nan, np.inf, -np.inf, -0.0])
    assert np.isnan(float(x.max())) and np.isnan(float(x.sum()))
    np.testing.assert_array_equal(np.asarray(td.exp(x)), [np.nan, np.inf, 0, 1])
    np.testing.assert_array_equal(np.asarray(1 / x), [np.nan, 0, -0.0, -np.inf])
    assert td.asarray(1e39).item() == np.inf
    with np.errstate(all="raise"):
        td.log(td.zeros((3,)))  # no warnings, no exceptions
