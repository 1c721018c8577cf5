"""Dropout: what share is dropped, what stays of mean and variance, whole channels, and compiled as eager."""

import numpy as np
import pytest

import tandem as td
from tandem.nn import functional as F


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout(p):
    td.manual_seed(0)
    out = np.asarray(F.dropout(td.ones((200, 500)), p))
    assert set(np.unique(out)) == {0, np.float32(1 / (1 - p))}
    assert abs((out == 0).mean() - p) < 5 * np.sqrt(p * (1 - p) / out.size)


@pytest.mark.parametrize(
    ("name", "shape"), [("dropout1d", (400, 50, 3)), ("dropout2d", (400, 50, 2, 2)), ("dropout3d", (400, 50, 1, 2, 2))]
)
def test_channels_are_dropped_as_a_whole(name, shape):
    td.manual_seed(1)
    out = np.asarray(getattr(F, name)(td.ones(shape), 0.25)).reshape((400, 50, -1))
    assert (out == out[:, :, :1]).all()
    assert abs((out[:, :, 0] == 0).mean() - 0.25) < 0.02


@pytest.mark.parametrize("name", ["alpha_dropout", "feature_alpha_dropout"])
def test_alpha_dropout_keeps_mean_and_variance(name):
    td.manual_seed(2)
    x = td.random.normal((1000, 1000, 1))
    out = np.asarray(getattr(F, name)(x, 0.3, training=True))
    assert abs(out.mean()) < 0.01 and abs(out.std() - 1) < 0.01


def test_not_in_training_and_in_place():
    x = td.ones((3, 4))
    assert F.dropout(x, 0.5, training=False) is x
    assert F.dropout(x, 1.0, inplace=True) is x and not np.asarray(x).any()
    with pytest.raises(td.Error, match="dropout: got p=2"):
        F.dropout(x, 2)


@pytest.mark.parametrize(
    "draw", [F.dropout, lambda x: F.gumbel_softmax(x, hard=True), lambda x: F.rrelu(x, training=True)]
)
def test_compiled_draws_the_same_numbers(draw):
    x = td.random.normal((30, 40))
    compiled = td.script(draw)
    td.manual_seed(3)
    eager = [np.asarray(draw(x)) for _ in range(2)]
    td.manual_seed(3)
    for want in eager:
        np.testing.assert_array_equal(np.asarray(compiled(x)), want)
