"""What NumPy's functions do with tensors.

A function of NumPy gives NumPy's results: `np.sin(x)`, `np.mean(x)` and `np.stack([x, y])` read the memory of the
tensors and return arrays. The ufuncs behind operators act as the operators do, so that `array + x`, like `x + array`,
is a tensor; `array += x` writes to the array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tandem import _core, pytree

Tensor = _core.Tensor

# The operations that the operators of arrays call.
_OPERATORS = {
    np.add: _core.add,
    np.subtract: _core.subtract,
    np.multiply: _core.multiply,
    np.divide: _core.divide,
    np.floor_divide: _core.floor_divide,
    np.remainder: _core.remainder,
    np.power: _core.pow,
    np.matmul: _core.matmul,
    np.bitwise_and: _core.bitwise_and,
    np.bitwise_or: _core.bitwise_or,
    np.bitwise_xor: _core.bitwise_xor,
    np.left_shift: _core.bitwise_left_shift,
    np.right_shift: _core.bitwise_right_shift,
    np.less: _core.less,
    np.less_equal: _core.less_equal,
    np.greater: _core.greater,
    np.greater_equal: _core.greater_equal,
    np.equal: _core.equal,
    np.not_equal: _core.not_equal,
}


def _arrays(tree: Any) -> Any:
    return pytree.map(lambda leaf: np.asarray(leaf) if isinstance(leaf, Tensor) else leaf, tree)


def _array_ufunc(self: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    if method == "__call__" and not options and ufunc in _OPERATORS:
        return _OPERATORS[ufunc](*inputs)
    return getattr(ufunc, method)(*_arrays(inputs), **_arrays(options))


def _array_function(
    self: Tensor, function: Callable[..., Any], kinds: Any, args: tuple[Any, ...], options: dict[str, Any]
) -> Any:
    return function(*_arrays(args), **_arrays(options))


for _name, _function in (("__array_ufunc__", _array_ufunc), ("__array_function__", _array_function)):
    setattr(Tensor, _name, _function)
