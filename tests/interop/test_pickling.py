"""pickle, copy and deepcopy."""

import copy
import pickle

import numpy as np
import pytest

import tandem as td

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)


@pytest.mark.parametrize("dtype", [d.name for d in td._core._dtypes])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_round_trip(dtype: str, protocol: int) -> None:
    x = td.asarray(np.arange(6).reshape(2, 3)).astype(dtype)
    for one in (x, x.T, x[:, ::-1], x[0, 1], x[:0], td.broadcast_to(x[0], (4, 3))):
        y = pickle.loads(pickle.dumps(one, protocol))
        assert y.dtype == one.dtype and y.shape == one.shape and y.tolist() == one.tolist()
        assert y._pointer != one._pointer or one.size == 0
        y.fill(1)
        assert all(v == 1 for v in y.reshape((-1,)).tolist())


def test_buffers_out_of_band() -> None:
    x = td.arange(1000)
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps({"x": x}, 5, buffer_callback=buffers.append)
    assert len(data) < 300 and len(buffers) == 1 and buffers[0].raw().nbytes == 8000
    y = pickle.loads(data, buffers=buffers)["x"]
    assert y._pointer == x._pointer  # nothing was copied
    y[0] = 7
    assert x[0].item() == 7
    read_only = pickle.loads(data, buffers=[bytes(buffers[0].raw())])["x"]
    assert read_only.tolist() == x.tolist()


def test_one_tensor_stays_one() -> None:
    x = td.ones((2,))
    x.note = ["kept"]
    for again in (lambda v: pickle.loads(pickle.dumps(v)), copy.deepcopy):
        a, b, view = again([x, x, x[:1]])
        assert a is b and a.note == ["kept"] and a.note is not x.note
        a[0] = 5.0
        assert b[0].item() == 5 and x[0].item() == 1 and view[0].item() == 1  # views become tensors of their own
    shallow = copy.copy(x)
    shallow[0] = 5.0
    assert x[0].item() == 1 and shallow.note is x.note
    assert copy.copy([x])[0] is x


def test_copies_inside_captured_functions() -> None:
    def f(x: td.Tensor) -> td.Tensor:
        y = copy.copy(x)
        y[0] = 9.0
        z = copy.deepcopy(y)
        z[1] = 8.0
        return x + y + z

    x = td.ones((3,))
    want = f(x).tolist()
    assert want == [19.0, 10.0, 3.0]
    assert td.script(f)(x).tolist() == td.trace(f)(x).tolist() == want


def test_read_only_tensors() -> None:
    x = td.broadcast_to(td.ones((1,)), (3,))
    for y in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        y[0] = 2.0
        assert y.tolist() == [2.0, 1.0, 1.0]


def test_recorded_tensors_are_refused() -> None:
    with pytest.raises(td.Error):
        td.trace(lambda x: pickle.dumps(x) and x)(td.ones((2,)))


def test_broken_data() -> None:
    x = td.arange(4)
    restore, (buffer, dtype, shape), _ = x.__reduce_ex__(5)
    with pytest.raises(td._core.ArgumentError, match=r"from_buffer: got 24 bytes; need 32 for int64 of shape \[4\]"):
        restore(buffer.raw()[:24], dtype, shape)
