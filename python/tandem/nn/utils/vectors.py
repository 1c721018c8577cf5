"""All parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable

from tandem import _core
from tandem._boundary import public
from tandem.autograd import no_grad

Tensor = _core.Tensor


@public
def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return the elements of all parameters, one after another.

    >>> td.nn.utils.parameters_to_vector(td.nn.Linear(3, 2).parameters()).shape
    (8,)
    """
    parts = [x.reshape((-1,)) for x in parameters]
    if not parts:
        raise _core.ArgumentError("parameters_to_vector: got no parameters; need one or more")
    return _core.concat(parts)


@public
@no_grad()
def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the elements of a vector into parameters, in place.

    >>> layer = td.nn.Linear(2, 1)
    >>> td.nn.utils.vector_to_parameters(td.asarray([1., 2., 3.]), layer.parameters())
    >>> layer.weight, layer.bias
    (tensor([[1., 2.]], dtype=float32), tensor([3.], dtype=float32))
    """
    found = list(parameters)
    need = sum(x.size for x in found)
    if tuple(vec.shape) != (need,):
        raise _core.ShapeError(f"vector_to_parameters: got a vector of shape {vec.shape}; need ({need},)")
    begin = 0
    for x in found:
        x[...] = vec[begin : begin + x.size].reshape(tuple(x.shape))
        begin += x.size
