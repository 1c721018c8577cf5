"""The C++ core. Written by `python -m tandem._stubs`; do not edit."""

from builtins import bool as _bool
from builtins import complex as _complex
from collections.abc import Callable, Iterator, Sequence
from types import EllipsisType, ModuleType
from typing import Any, Literal, SupportsIndex, TypeAlias

import numpy as np

# A size that is symbolic while a function is captured is typed as the int it stands for.
_Number: TypeAlias = float | _complex | Size | np.generic
_Operand: TypeAlias = Tensor | _Number | np.ndarray[Any, Any]
_TensorLike: TypeAlias = _Operand | list[Any] | tuple[Any, ...]
_TensorList: TypeAlias = list[Any] | tuple[Any, ...]
_DTypeLike: TypeAlias = DType | str | np.dtype[Any] | type[_bool] | type[int] | type[float] | type[np.generic]
_Shape: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
_Tensors: TypeAlias = Sequence[Tensor]
_IndexPart: TypeAlias = SupportsIndex | slice | EllipsisType | Tensor | np.ndarray[Any, Any] | list[Any] | None
_Index: TypeAlias = _IndexPart | tuple[_IndexPart, ...]

__version__: str
_op_names: list[str]
_dtypes: list[DType]
_max_dimensions: int
_cuda: Any
_weight_codes: dict[str, str]
_weight_pairs: str

class Error(Exception):
    """Any error that Tandem raises on purpose."""

class ShapeError(Error, ValueError):
    """Shapes that do not fit together."""

class DTypeError(Error, TypeError):
    """A dtype an operation does not take."""

class OutOfBoundsError(Error, IndexError):
    """An axis or index outside its range."""

class NumberRangeError(Error, OverflowError):
    """A Python number that a dtype does not hold."""

class ArgumentError(Error, ValueError):
    """An argument with an impossible value."""

class ArgumentTypeError(Error, TypeError):
    """An argument of the wrong type."""

class CaptureError(Error):
    """Code that cannot be captured as a graph."""

class CompileError(Error):
    """A compilation that failed or was forbidden."""

class SerializationError(Error):
    """A file that cannot be read."""

class BackendError(Error):
    """A device or back end that is not available."""

class OutOfMemoryError(Error, MemoryError):
    """More memory than there is."""

class NonFiniteError(Error, FloatingPointError):
    """A NaN or an infinity that td.debug_nans found."""

class ShareError(Error, BufferError):
    """Memory that cannot be shared in the way that was asked for."""

class AutogradError(Error, RuntimeError):
    """Gradients that cannot be computed."""

class LinAlgError(Error, ValueError):
    """A matrix for which there is no result, such as the inverse of a singular one."""

class DType:
    """The type of a tensor's elements: td.float32, td.int64 and so on."""
    @property
    def name(self) -> str: ...
    @property
    def itemsize(self) -> int: ...
    @property
    def kind(self) -> Literal["bool", "int", "float", "complex"]: ...
    def __eq__(self, other: object, /) -> _bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

class Size:
    """A size that is known only when the captured function runs; it computes and compares as the int it stands for."""
    def __truediv__(self, other: Any, /) -> Any: ...
    def __rtruediv__(self, other: Any, /) -> Any: ...
    def __pow__(self, other: Any, /) -> Any: ...
    def __rpow__(self, other: Any, /) -> Any: ...
    def __add__(self, other: SupportsIndex, /) -> Size | int: ...
    def __radd__(self, other: SupportsIndex, /) -> Size | int: ...
    def __sub__(self, other: SupportsIndex, /) -> Size | int: ...
    def __rsub__(self, other: SupportsIndex, /) -> Size | int: ...
    def __mul__(self, other: SupportsIndex, /) -> Size | int: ...
    def __rmul__(self, other: SupportsIndex, /) -> Size | int: ...
    def __floordiv__(self, other: SupportsIndex, /) -> Size | int: ...
    def __rfloordiv__(self, other: SupportsIndex, /) -> Size | int: ...
    def __mod__(self, other: SupportsIndex, /) -> Size | int: ...
    def __rmod__(self, other: SupportsIndex, /) -> Size | int: ...
    def __lt__(self, other: Any, /) -> _bool: ...
    def __le__(self, other: Any, /) -> _bool: ...
    def __gt__(self, other: Any, /) -> _bool: ...
    def __ge__(self, other: Any, /) -> _bool: ...
    def __eq__(self, other: object, /) -> _bool: ...
    def __ne__(self, other: object, /) -> _bool: ...
    def __int__(self) -> int: ...
    def __float__(self) -> float: ...
    def __divmod__(self, other: SupportsIndex, /) -> tuple[Size | int, Size | int]: ...
    def __rdivmod__(self, other: SupportsIndex, /) -> tuple[Size | int, Size | int]: ...
    def __neg__(self) -> Size | int: ...
    def __pos__(self) -> Size | int: ...
    def __abs__(self) -> Size | int: ...
    def __bool__(self) -> _bool: ...
    def __index__(self) -> int: ...
    def __hash__(self) -> int: ...

class Tensor:
    """A multidimensional array of elements of one dtype, made by td.asarray and other functions."""
    @property
    def dtype(self) -> DType:
        """Type of the elements."""
    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
    @property
    def ndim(self) -> int:
        """Number of axes."""
    @property
    def size(self) -> int:
        """Number of elements."""
    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
    @property
    def device(self) -> str:
        """Where the elements are."""
    @property
    def strides(self) -> tuple[int, ...]:
        """Bytes from one index to the next, per axis."""
    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
    @property
    def real(self) -> Tensor:
        """A copy of the real parts; see td.real. What is assigned to it is written."""
    @real.setter
    def real(self, value: Tensor) -> None: ...
    @property
    def imag(self) -> Tensor:
        """A copy of the imaginary parts; see td.imag. What is assigned to it is written."""
    @imag.setter
    def imag(self, value: Tensor) -> None: ...
    @property
    def mT(self) -> Tensor:
        """The last two axes swapped."""
    @property
    def requires_grad(self) -> _bool:
        """Whether operations on it are recorded, so that gradients can be computed."""
    @requires_grad.setter
    def requires_grad(self, value: _bool) -> None: ...
    @property
    def is_leaf(self) -> _bool:
        """Whether it was not computed from tensors that require gradients."""
    @property
    def grad(self) -> Tensor | None:
        """Gradient that `backward` has summed up, of shape and dtype of the tensor, or None."""
    @grad.setter
    def grad(self, value: Tensor | None) -> None: ...
    @property
    def grad_fn(self) -> str | None:
        """Name of the operation that made it, where gradients flow through that; else None."""
    def requires_grad_(self, requires_grad: _bool = True) -> Tensor:
        """Record operations on this tensor, or stop doing so, and return it."""
    def detach(self) -> Tensor:
        """Return a tensor of the same memory that no gradient flows through."""
    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: _bool = False,
        create_graph: _bool = False,
    ) -> None:
        """Add the gradients of this tensor to `grad` of the leaves it was computed from. `gradient` has its shape;
        it may be left out of a tensor with one element. A second pass over the same operations needs
        retain_graph=True in the first; with create_graph=True the gradients can be differentiated in turn.
        """
    def retain_grad(self) -> None:
        """Make `backward` keep the gradient of this tensor in `grad`, though it is not a leaf."""
    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> None:
        """Call hook(gradient) in each backward pass; a tensor that it returns takes the gradient's place."""
    def is_contiguous(self) -> _bool:
        """Return whether the elements lie row by row without gaps."""
    def item(self) -> Any:
        """Return the only element as a Python number."""
    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
    def numpy(self) -> np.ndarray[Any, Any]:
        """Return a NumPy array that shares the memory."""
    def copy(self) -> Tensor:
        """Return a contiguous copy."""
    def astype(self, dtype: _DTypeLike, *, copy: _bool = True) -> Tensor:
        """Convert to another dtype; see td.cast."""
    def to(self, device: str) -> Tensor:
        """Return this tensor on a device: itself if it is there, else a copy; see td.device."""
    def cpu(self) -> Tensor:
        """Return this tensor on the CPU; see td.Tensor.to."""
    def cuda(self, index: int = 0) -> Tensor:
        """Return this tensor on a GPU; see td.Tensor.to."""
    def to_device(self, device: str, /, *, stream: None = None) -> Tensor:
        """Move to a device; the array API's name of td.Tensor.to."""
    def fill(self, value: float) -> None:
        """Set every element to one number."""
    def reshape(self, *sizes: _Shape, shape: _Shape = ..., copy: _bool | None = None) -> Tensor:
        """Return the same elements under another shape; see td.reshape."""
    def abs(self) -> Tensor:
        """Return the absolute value."""
    def clip(self, min: _TensorLike | None = None, max: _TensorLike | None = None) -> Tensor:
        """Limit every element to [min, max]; a limit that is left out is none."""
    def round(self, decimals: SupportsIndex = 0) -> Tensor:
        """Round to so many decimals, halves to the even digit, as NumPy does: x * 10 ** decimals is rounded and
        divided again. Of complex numbers both parts.
        """
    def exp(self) -> Tensor:
        """Return e to the power x."""
    def exp2(self) -> Tensor:
        """Return 2 to the power x."""
    def expm1(self) -> Tensor:
        """Return exp(x) - 1, accurate for small x."""
    def log(self) -> Tensor:
        """Return the natural logarithm; NaN for negative x, -inf for 0."""
    def log2(self) -> Tensor:
        """Return the logarithm to base 2."""
    def log10(self) -> Tensor:
        """Return the logarithm to base 10."""
    def log1p(self) -> Tensor:
        """Return log(1 + x), accurate for small x."""
    def sqrt(self) -> Tensor:
        """Return the square root, correctly rounded."""
    def rsqrt(self) -> Tensor:
        """Return 1 / sqrt(x)."""
    def sin(self) -> Tensor:
        """Return the sine of x in radians."""
    def cos(self) -> Tensor:
        """Return the cosine of x in radians."""
    def tan(self) -> Tensor:
        """Return the tangent of x in radians."""
    def asin(self) -> Tensor:
        """Return the angle in [-pi/2, pi/2] whose sine is x; NaN outside [-1, 1]."""
    def acos(self) -> Tensor:
        """Return the angle in [0, pi] whose cosine is x; NaN outside [-1, 1]."""
    def atan(self) -> Tensor:
        """Return the angle in [-pi/2, pi/2] whose tangent is x."""
    def asinh(self) -> Tensor:
        """Return the number whose hyperbolic sine is x."""
    def acosh(self) -> Tensor:
        """Return the number of 0 or more whose hyperbolic cosine is x; NaN below 1."""
    def atanh(self) -> Tensor:
        """Return the number whose hyperbolic tangent is x; NaN outside [-1, 1]."""
    def tanh(self) -> Tensor:
        """Return the hyperbolic tangent."""
    def sinh(self) -> Tensor:
        """Return the hyperbolic sine."""
    def cosh(self) -> Tensor:
        """Return the hyperbolic cosine."""
    def sigmoid(self) -> Tensor:
        """Return 1 / (1 + exp(-x))."""
    def erf(self) -> Tensor:
        """Return the error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    def sum(self, axis: _Shape | None = None, dtype: _DTypeLike | None = None, keepdims: _bool = False) -> Tensor:
        """Sum over axes, blockwise and pairwise; 16-bit floats accumulate in float32, small integers in int64."""
    def prod(self, axis: _Shape | None = None, dtype: _DTypeLike | None = None, keepdims: _bool = False) -> Tensor:
        """Multiply over axes; complex numbers in order. Second derivatives are wrong where elements are 0."""
    def max(self, axis: _Shape | None = None, keepdims: _bool = False) -> Tensor:
        """Return the largest element over axes; NaN if there is one."""
    def min(self, axis: _Shape | None = None, keepdims: _bool = False) -> Tensor:
        """Return the smallest element over axes; NaN if there is one."""
    def any(self, axis: _Shape | None = None, keepdims: _bool = False) -> Tensor:
        """Return whether any element over axes is true (not zero)."""
    def all(self, axis: _Shape | None = None, keepdims: _bool = False) -> Tensor:
        """Return whether all elements over axes are true (not zero)."""
    def argmax(self, axis: _Shape | None = None, keepdims: _bool = False) -> Tensor:
        """Return the index of the first largest element along an axis, or of the flattened tensor."""
    def argmin(self, axis: _Shape | None = None, keepdims: _bool = False) -> Tensor:
        """Return the index of the first smallest element along an axis, or of the flattened tensor."""
    def mean(self, axis: _Shape | None = None, keepdims: _bool = False) -> Tensor:
        """Return the arithmetic mean over axes; NaN over nothing."""
    def var(
        self,
        axis: _Shape | None = None,
        correction: float = 0.0,
        keepdims: _bool = False,
        *,
        ddof: float | None = None,
    ) -> Tensor:
        """Return the mean squared deviation from the mean, in two passes, divided by (count - correction); of
        complex numbers that of the absolute value.
        """
    def std(
        self,
        axis: _Shape | None = None,
        correction: float = 0.0,
        keepdims: _bool = False,
        *,
        ddof: float | None = None,
    ) -> Tensor:
        """Return the square root of `var`."""
    def logsumexp(self, axis: _Shape | None = None, keepdims: _bool = False) -> Tensor:
        """Return log(sum(exp(x))) over axes without overflow."""
    def cumsum(self, axis: SupportsIndex | None = None, dtype: _DTypeLike | None = None) -> Tensor:
        """Return running sums along an axis, added in order; 16-bit floats accumulate in float32."""
    def permute_dims(self, axes: _Shape, *more: SupportsIndex) -> Tensor:
        """Return a view with the axes in another order."""
    def transpose(self, axes: _Shape | None = None, *more: SupportsIndex) -> Tensor:
        """Return a view with the axes in the order given, or in reverse order."""
    def squeeze(self, axis: _Shape | None = None) -> Tensor:
        """Return a view without the given axes of size 1."""
    def take(self, indices: _TensorLike, axis: SupportsIndex | None = None) -> Tensor:
        """Return the elements at given indices along an axis; an index outside [-size, size) raises IndexError."""
    def matmul(self, x2: _TensorLike) -> Tensor:
        """Multiply matrices [..., m, k] and [..., k, n] with broadcast leading axes; vectors as in NumPy."""
    def sort(self, axis: SupportsIndex = -1, descending: _bool = False, stable: _bool = True) -> Tensor:
        """Return the elements in order along an axis, equal ones in the order they had, NaNs last either way;
        complex ones by their real parts, then by their imaginary parts.
        """
    def argsort(self, axis: SupportsIndex = -1, descending: _bool = False, stable: _bool = True) -> Tensor:
        """Return the int64 indices that sort a tensor along an axis, in the order of `sort`."""
    def cummax(self, axis: SupportsIndex | None = None) -> Tensor:
        """Return the largest element so far along an axis; NaN from the first NaN on."""
    def cummin(self, axis: SupportsIndex | None = None) -> Tensor:
        """Return the smallest element so far along an axis; NaN from the first NaN on."""
    def cumprod(self, axis: SupportsIndex | None = None, dtype: _DTypeLike | None = None) -> Tensor:
        """Return running products along an axis, multiplied in order; 16-bit floats are rounded once per result."""
    def conj(self) -> Tensor:
        """Return the complex conjugate; of real numbers, the numbers."""
    def argpartition(self, /, kth: int | Sequence[int], axis: int | None = -1) -> Tensor:
        """Return int64 indices that order elements as td.partition does."""
    def choose(self, choices: Any, /, mode: str = "raise") -> Tensor:
        """Return for each element of a, an index, the element of that choice; all broadcast. mode says what to do
        with indices outside: "raise", "wrap" around, or "clip".
        """
    def compress(self, /, condition: Any, axis: int | None = None) -> Tensor:
        """Return what stands along an axis, or in the row of all elements, where a vector of conditions is true."""
    def diagonal(self, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """Return the diagonal of the plane of two axes as the last axis; see td.linalg.diagonal for offset. It is a
        view where x is contiguous and the two axes are its last ones, else a copy.
        """
    def dot(self, y: Any, /) -> Tensor:
        """Return sums of products over the last axis of x and the last but one of y, or its only one. Numbers
        multiply. For more than two axes td.matmul treats the first ones as a batch; this does not.
        """
    def flatten(self, /, order: str = "C") -> Tensor:
        """Return a copy of all elements as a vector; see td.ravel for order."""
    def nonzero(self, /) -> tuple[Tensor, ...]:
        """Return the int64 indices of the elements that are not zero, one vector per axis, in row-major order."""
    def partition(self, /, kth: int | Sequence[int], axis: int | None = -1) -> Tensor:
        """Return elements ordered so that the kth is where sorting puts it, lesser ones before it: here, sorted."""
    def put(self, /, indices: Any, values: Any, mode: str = "raise") -> None:
        """Write values to places in the row of all elements, repeating values as needed; the last write counts.
        mode says what to do with places outside: "raise", "wrap" around, or "clip".
        """
    def ravel(self, /, order: str = "C") -> Tensor:
        """Return all elements as a vector: a view where that is possible, else a copy. order: "C" goes along rows,
        "F" along columns.
        """
    def repeat(self, repeats: int | Tensor, /, axis: int | None = None) -> Tensor:
        """Repeat each element a number of times along an axis, or of the flattened tensor. A tensor says how often
        for each element; the size of the result then depends on its values, which a captured function does not
        know.
        """
    def searchsorted(self, v: Any, /, side: str = "left", sorter: Any = None) -> Tensor:
        """Return the int64 places where values go into the sorted vector to keep it sorted; see td.searchsorted."""
    def swapaxes(self, /, axis1: int, axis2: int) -> Tensor:
        """Return a view with two axes exchanged."""
    def tobytes(self, /) -> bytes:
        """Return the elements in row-major order as bytes."""
    def trace(self, /, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Tensor:
        """Return the sums along diagonals; td.linalg.trace takes the last two axes instead of the first."""
    def conjugate(self) -> Tensor:
        """Return the complex conjugate; of real numbers, the numbers. See td.conj."""
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __getitem__(self, key: _Index, /) -> Tensor: ...
    def __setitem__(self, key: _Index, value: _TensorLike, /) -> None: ...
    def __add__(self, other: _Operand, /) -> Tensor: ...
    def __sub__(self, other: _Operand, /) -> Tensor: ...
    def __mul__(self, other: _Operand, /) -> Tensor: ...
    def __truediv__(self, other: _Operand, /) -> Tensor: ...
    def __floordiv__(self, other: _Operand, /) -> Tensor: ...
    def __mod__(self, other: _Operand, /) -> Tensor: ...
    def __pow__(self, other: _Operand, /) -> Tensor: ...
    def __matmul__(self, other: _Operand, /) -> Tensor: ...
    def __and__(self, other: _Operand, /) -> Tensor: ...
    def __or__(self, other: _Operand, /) -> Tensor: ...
    def __xor__(self, other: _Operand, /) -> Tensor: ...
    def __lshift__(self, other: _Operand, /) -> Tensor: ...
    def __rshift__(self, other: _Operand, /) -> Tensor: ...
    def __radd__(self, other: _Operand, /) -> Tensor: ...
    def __rsub__(self, other: _Operand, /) -> Tensor: ...
    def __rmul__(self, other: _Operand, /) -> Tensor: ...
    def __rtruediv__(self, other: _Operand, /) -> Tensor: ...
    def __rfloordiv__(self, other: _Operand, /) -> Tensor: ...
    def __rmod__(self, other: _Operand, /) -> Tensor: ...
    def __rpow__(self, other: _Operand, /) -> Tensor: ...
    def __rmatmul__(self, other: _Operand, /) -> Tensor: ...
    def __rand__(self, other: _Operand, /) -> Tensor: ...
    def __ror__(self, other: _Operand, /) -> Tensor: ...
    def __rxor__(self, other: _Operand, /) -> Tensor: ...
    def __rlshift__(self, other: _Operand, /) -> Tensor: ...
    def __rrshift__(self, other: _Operand, /) -> Tensor: ...
    def __iadd__(self, other: _Operand, /) -> Tensor: ...
    def __isub__(self, other: _Operand, /) -> Tensor: ...
    def __imul__(self, other: _Operand, /) -> Tensor: ...
    def __itruediv__(self, other: _Operand, /) -> Tensor: ...
    def __ifloordiv__(self, other: _Operand, /) -> Tensor: ...
    def __imod__(self, other: _Operand, /) -> Tensor: ...
    def __ipow__(self, other: _Operand, /) -> Tensor: ...
    def __imatmul__(self, other: _Operand, /) -> Tensor: ...
    def __iand__(self, other: _Operand, /) -> Tensor: ...
    def __ior__(self, other: _Operand, /) -> Tensor: ...
    def __ixor__(self, other: _Operand, /) -> Tensor: ...
    def __ilshift__(self, other: _Operand, /) -> Tensor: ...
    def __irshift__(self, other: _Operand, /) -> Tensor: ...
    def __divmod__(self, other: _Operand, /) -> tuple[Tensor, Tensor]: ...
    def __rdivmod__(self, other: _Operand, /) -> tuple[Tensor, Tensor]: ...
    def __lt__(self, other: _Operand, /) -> Tensor: ...
    def __le__(self, other: _Operand, /) -> Tensor: ...
    def __gt__(self, other: _Operand, /) -> Tensor: ...
    def __ge__(self, other: _Operand, /) -> Tensor: ...
    def __eq__(self, other: _Operand, /) -> Tensor: ...  # type: ignore[override]
    def __ne__(self, other: _Operand, /) -> Tensor: ...  # type: ignore[override]
    def __neg__(self) -> Tensor: ...
    def __pos__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __invert__(self) -> Tensor: ...
    def __round__(self, ndigits: int | None = None) -> Tensor: ...
    def __int__(self) -> int: ...
    def __float__(self) -> float: ...
    def __complex__(self) -> _complex: ...
    def __bool__(self) -> _bool: ...
    def __index__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __copy__(self) -> Tensor: ...
    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __format__(self, spec: str, /) -> str: ...
    def __array__(self, dtype: Any = None, copy: _bool | None = None) -> np.ndarray[Any, Any]: ...
    @property
    def __array_interface__(self) -> dict[str, Any]: ...
    @property
    def __cuda_array_interface__(self) -> dict[str, Any]: ...
    def __array_namespace__(self, *, api_version: str | None = None) -> ModuleType: ...
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any: ...
    def __array_function__(
        self,
        function: Callable[..., Any],
        kinds: Any,
        args: tuple[Any, ...],
        options: dict[str, Any],
    ) -> Any: ...
    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: _bool | None = None,
    ) -> Any: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...
    def _overlaps(self, other: Tensor, /) -> _bool: ...
    @property
    def _memory(self) -> tuple[int, int, int, int]: ...
    @property
    def _recorded(self) -> _bool: ...
    @property
    def _place(self) -> str | None: ...
    @property
    def _weak(self) -> _bool: ...
    @property
    def _type(self) -> str: ...
    @property
    def _pointer(self) -> int: ...
    @property
    def _writable(self) -> _bool: ...

class Slot:
    def __init__(self, index: int, /) -> None: ...
    @property
    def index(self) -> int: ...

class Executable:
    """A captured and compiled function."""
    def ir(self, stage: str) -> str: ...
    def passes(self) -> list[tuple[str, str]]: ...
    def kernels(self) -> list[dict[str, Any]]: ...
    @property
    def constants(self) -> list[Tensor]: ...
    def graph(self) -> dict[str, Any]:
        """Return the graph as it was planned, and which kernels compute each node."""
    def size_guards(self) -> list[str]:
        """Return what the sizes of the arguments must satisfy."""
    @property
    def compile_seconds(self) -> float: ...
    def gradient_of(self, input: int) -> int:
        """Return the input whose `grad` it is, or -1."""
    @property
    def ready(self) -> _bool:
        """Whether it is compiled; what shows the code waits for that."""
    def uses(self, input: int) -> _bool:
        """Return whether anything is computed from an input."""
    @property
    def writes_inputs(self) -> _bool: ...
    @property
    def node_count(self) -> int: ...

class ArchiveWriter:
    """Writes compiled functions and their tensors to one file."""
    def __init__(self) -> None: ...
    def add(
        self,
        executable: Executable,
        name: str,
        doc: str,
        inputs: list[tuple[str, _bool]],
        outputs: list[str],
    ) -> None: ...
    def object(self, name: str, weights_file: str, weights_size: int, target: str) -> bytes: ...
    def describe(self) -> tuple[list[Any], list[Any]]:
        """Return the arguments and results of the only method: name, dtype, sizes as text."""
    def write(
        self,
        path: str,
        manifest: str,
        weights: bytes,
        targets: list[str],
        parts: list[tuple[str, bytes]],
    ) -> None: ...

class Model:
    """A model from a file."""
    @property
    def manifest(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def methods(self) -> list[str]: ...
    def signature(self, method: str) -> str: ...
    def doc(self, method: str) -> str: ...
    def run(self, method: str, tensors: _Tensors) -> list[Any]: ...
    def state(self) -> dict[str, Tensor]: ...
    def save(self, path: str) -> None: ...

class CapturedGraph:
    """The graph of a captured function, to be read."""
    def __init__(self, executable: Executable) -> None: ...
    def data(self) -> dict[str, Any]:
        """Return params, nodes, types, results and what calls do with them."""
    def values(self, wanted: Sequence[int], tensors: _Tensors) -> list[Tensor]:
        """Return what nodes yield for tensors like those of the capture: arguments, then its constants."""

class Specialization:
    def __init__(
        self,
        executable: Executable,
        inputs: list[Any],
        symbols: list[Any],
        output: Any,
        guards: list[Any],
        effects: list[Any],
        failures: list[Any],
    ) -> None: ...
    @property
    def executable(self) -> Executable: ...

class Exchange:
    def __init__(self, type: type) -> None: ...
    def taken(self, x: Any) -> Tensor: ...
    def given(self, x: Tensor) -> Any: ...

class ExchangedProgram:
    def __init__(
        self,
        executable: Executable,
        type: type,
        arguments: list[int],
        frozen: dict[int, tuple[Any, Any]] = ...,
    ) -> None: ...
    def __call__(self, args: list[Any]) -> list[Any] | None: ...
    def stale(self, args: list[Any]) -> _bool:
        """Return whether frozen arguments are no longer what the program holds."""
    def mismatch(self, args: list[Any]) -> str:
        """Return why the program is not good for these arguments, or '' if it is."""
    @property
    def executable(self) -> Executable: ...

class BoundCall:
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

class CompiledFunction:
    def __init__(self) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def _counters(self) -> dict[str, Any]: ...
    def _forget(self) -> None: ...
    def _adopt(self, other: CompiledFunction) -> None: ...
    def _precompile(self, args: tuple[Any, ...], kwargs: dict[str, Any], marks: dict[int, Any]) -> None: ...
    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> BoundCall: ...
    def _wait(self) -> None: ...
    def _set_direct(self, direct: _bool, /) -> None: ...
    @property
    def specializations(self) -> list[Specialization]: ...

class Capture:
    def __init__(self, name: str, fast: _bool = ..., disk_cache: _bool = ...) -> None: ...
    def start(self) -> None: ...
    def input(self, tensor: Tensor, dynamic: Sequence[_bool], name: str = ...) -> Tensor: ...
    def shared_input(self, tensors: _Tensors, name: str) -> list[Tensor]: ...
    def written_inputs(self) -> list[int]: ...
    def number_input(self, name: str = ...) -> Tensor: ...
    def size_input(self, value: int) -> Size: ...
    def on_failure(self, function: Callable[[], Any]) -> None: ...
    @property
    def failures(self) -> list[Callable[..., None]]: ...
    def finish(self, outputs: _Tensors, budget: float | None = None) -> Executable: ...
    def changed_gradients(self) -> list[tuple[int, Tensor | None, Tensor | None]]: ...
    def abort(self) -> None: ...

class Profile:
    """What ran while a profile was taken."""
    def events(self) -> list[tuple[Any, ...]]: ...
    def origins(self) -> dict[int, tuple[Any, ...]]: ...
    def launches(self) -> dict[int, int]: ...
    def threads(self) -> dict[int, str]: ...
    @property
    def seconds(self) -> float: ...
    @property
    def dropped(self) -> int: ...
    @property
    def memory(self) -> tuple[int, int, int]: ...

class If:
    def otherwise(self, outputs: _Tensors, /) -> None: ...
    def end(self, outputs: _Tensors, names: Sequence[str] = ...) -> list[Tensor]: ...
    def abort(self) -> None: ...

class Lanes:
    @property
    def params(self) -> list[Tensor]: ...
    def end(self, results: _Tensors, /) -> list[Tensor]: ...
    def abort(self) -> None: ...

class While:
    @property
    def params(self) -> list[Tensor]: ...
    def body(self, condition: Tensor, /) -> list[Tensor]: ...
    def end(self, nexts: _Tensors, runs: _bool = ...) -> list[Tensor] | None: ...
    def abort(self) -> None: ...

bool: DType
int8: DType
uint8: DType
int16: DType
uint16: DType
int32: DType
uint32: DType
int64: DType
uint64: DType
float16: DType
bfloat16: DType
float32: DType
float64: DType
complex64: DType
complex128: DType

def asarray(
    obj: Any,
    *,
    dtype: _DTypeLike | None = None,
    device: str | None = None,
    copy: _bool | None = None,
) -> Tensor:
    """Return a tensor of numbers, nested lists, a NumPy array or a DLPack object, sharing memory where possible.
    copy=True never shares; copy=False raises where memory cannot be shared.
    """

def from_dlpack(x: Any, /, *, device: str | None = None, copy: _bool | None = None) -> Tensor:
    """Return a tensor that shares the memory of a DLPack object, or with copy=True a copy."""

def empty(shape: _Shape, *, dtype: _DTypeLike | None = None, device: str | None = None) -> Tensor:
    """Return a tensor of undefined contents."""

def default_dtype() -> DType:
    """Return the dtype of Python floats: float32 or float64."""

def set_default_dtype(dtype: _DTypeLike) -> None:
    """Choose float32 or float64 as the dtype of Python floats."""

def num_threads() -> int:
    """Return how many threads kernels may use."""

def set_num_threads(n: int) -> None:
    """Choose how many threads kernels may use. Results do not depend on it."""

def memory_stats() -> dict[str, int]:
    """Return bytes in use, their peak, bytes reserved from the system, bytes of machine code, and numbers of
    allocations.
    """

def stats() -> dict[str, Any]: ...
def reset_peak_memory() -> None:
    """Let `peak` of td.memory_stats begin anew from what is in use now."""

def empty_cache() -> None:
    """Give free memory back to the system."""

def clear_kernels() -> None:
    """Forget compiled kernels and eager programs held in memory, and give free memory back; those in use stay."""

def _pack_kernels(file: str) -> int:
    """Write the kernels of the cache folder into one file, and return how many there are."""

def cache_folder() -> str:
    """Return the folder compiled kernels are kept in."""

def backend_name() -> str:
    """Return 'llvm' or 'interp'."""

def library_versions() -> str: ...
def cpu_levels() -> list[str]:
    """Return the instruction sets that this machine runs, lowest first."""

def hash128(bytes: bytes) -> str:
    """Return the hash that files are compared with, as text."""

def load_model(path: str, target: str = ..., verified: _bool = ...) -> Model:
    """Read the file of a model."""

def enabled() -> _bool: ...
def set_enabled(on: _bool, /) -> None: ...
def recording() -> _bool:
    """Return whether this thread is capturing."""

def lift(value: Any, /) -> Tensor: ...
def as_number(x: Tensor, /) -> Tensor:
    """Return a recorded 0-d tensor as the Python number that it is in eager code."""

def sharing(tensors: _Tensors) -> list[list[int]]:
    """Return the numbers of the tensors whose memory overlaps with that of others among them, group by group."""

def call_containers() -> list[Any]:
    """Return the lists and dicts among the arguments of the compiled call that is running."""

def host_call(text: str, function: Callable[..., None], tensors: _Tensors) -> None: ...
def if_begin(predicate: Tensor, /) -> If: ...
def lanes_begin(arguments: _Tensors, /) -> Lanes: ...
def while_begin(inits: _Tensors, names: Sequence[str] = ...) -> While: ...
def _broadcast_shape(shapes: Sequence[Any], /) -> tuple[int, ...]: ...
def _internal(name: str, /, *args: Any, **kwargs: Any) -> Tensor: ...
def _as_dtype(value: Any, /) -> DType: ...
def _bytes_of(x: Tensor, writable: _bool = ...) -> Tensor: ...
def _device(device: Any, /) -> str: ...
def _from_buffer(buffer: Any, dtype: _DTypeLike, shape: Sequence[int], /) -> Tensor: ...
def _dtype_by_name(name: str, /) -> DType: ...
def _formula(op: str, types: Sequence[tuple[DType, tuple[Any, ...]]], attrs: dict[str, Any]) -> dict[str, Any] | None:
    """Return the graph of an operation's formula, or None for one that has none."""

def _gradient(name: str, inputs: _Tensors, params: Sequence[int | Sequence[int]], upstream: Tensor) -> list[Tensor]:
    """Evaluate the gradient formula of a row, for tests."""

def _gradients(
    roots: _Tensors,
    upstream: Sequence[Tensor | None],
    inputs: _Tensors,
    *,
    retain_graph: _bool,
    create_graph: _bool,
) -> list[Tensor | None]:
    """Return the gradients of inputs, None for those that the roots do not rest on."""

def _grad_enabled() -> _bool: ...
def _grad_where(x: Tensor, /) -> tuple[Tensor | None, Tensor | None]:
    """Return the gradient of a tensor, or None, and a tensor that says whether it is there, or None: for certain."""

def _same(x: Tensor, /) -> Tensor:
    """Return another tensor of the same memory, whose gradient is that of the given one."""

def _set_grad_enabled(enabled: _bool, /) -> _bool:
    """Record operations from now on, or do not; return what was the case."""

def _set_autocast(dtype: DType | None, /) -> DType | None:
    """Carry products of this thread out in this dtype from now on, or, with None, in their own; return what was
    set.
    """

def _autocast_names(low: _bool, /) -> list[str]:
    """Return the operations that autocast carries out in 16 bits, or in 32."""

def _tape_position() -> int: ...
def _tape_sources(results: _Tensors, known: _Tensors, position: int, /) -> list[Tensor]:
    """Return what the results rest on that was there before a position of the tape, but for `known`."""

def _tape_function(name: str, inputs: _Tensors, results: _Tensors, rule: Callable[..., Any], /) -> None:
    """Record that `results` were made of `inputs` by a function whose gradients `rule` computes."""

def _lapack() -> str:
    """Return which LAPACK is used, or why there is none."""

def _real_dtype(dtype: DType, /) -> DType: ...
def _dtype_limits(dtype: DType, /) -> tuple[int, ...]: ...
def _location() -> tuple[str, int]: ...
def _op_table() -> list[dict[str, Any]]: ...
def _result_type(values: tuple[Any, ...], /) -> DType: ...
def _set_package_folder(folder: str, /) -> None: ...
def _example(shape: Sequence[int], dtype: _DTypeLike) -> Tensor:
    """Make a tensor without memory, as an example of a shape."""

def _hold_compiling(held: _bool) -> None:
    """Let the thread that compiles begin with nothing, or on."""

def _stop_compiling() -> None:
    """End the thread that compiles in the background."""

def _process_checks(wanted: int) -> int: ...
def _profile_capture(start: int, name: str, reason: str) -> None: ...
def _profile_clock() -> int:
    """Return the time, or 0 while no profile is taken."""

def _profile_start(capacity: int, every: _bool) -> int: ...
def _profile_stop(number: int, /) -> Profile: ...
def _thread_checks(wanted: int) -> int: ...
def full(
    shape: _Shape,
    fill_value: float | SupportsIndex,
    dtype: _DTypeLike | None = None,
    device: str | None = None,
) -> Tensor:
    """Return a tensor of the given shape filled with one number."""

def zeros(shape: _Shape, dtype: _DTypeLike | None = None, device: str | None = None) -> Tensor:
    """Return a tensor of zeros."""

def ones(shape: _Shape, dtype: _DTypeLike | None = None, device: str | None = None) -> Tensor:
    """Return a tensor of ones."""

def arange(
    start: float | SupportsIndex,
    stop: float | SupportsIndex | None = None,
    step: float | SupportsIndex = 1,
    dtype: _DTypeLike | None = None,
    device: str | None = None,
) -> Tensor:
    """Return evenly spaced numbers in [start, stop), or in [0, start) when stop is left out."""

def linspace(
    start: float | SupportsIndex,
    stop: float | SupportsIndex,
    num: SupportsIndex,
    endpoint: _bool = True,
    dtype: _DTypeLike | None = None,
    device: str | None = None,
) -> Tensor:
    """Return `num` evenly spaced numbers from start to stop."""

def eye(
    n_rows: SupportsIndex,
    n_cols: SupportsIndex | None = None,
    k: SupportsIndex = 0,
    dtype: _DTypeLike | None = None,
    device: str | None = None,
) -> Tensor:
    """Return a matrix with ones on the k-th diagonal and zeros elsewhere."""

def add(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Add element by element; on bool, logical or."""

def subtract(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Subtract x2 from x1 element by element."""

def multiply(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Multiply element by element; on bool, logical and."""

def divide(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Divide x1 by x2 element by element, giving a floating-point result."""

def floor_divide(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Divide x1 by x2 and round toward minus infinity; integers divided by 0 give 0."""

def remainder(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return what floor division leaves, with the sign of x2; integers modulo 0 give 0."""

def fmod(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return what division rounded toward zero leaves, with the sign of x1; integers modulo 0 give 0."""

def hypot(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return sqrt(x1^2 + x2^2) without overflow."""

def atan2(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return the angle in [-pi, pi] from the positive x axis to the point with y = x1 and x = x2."""

def copysign(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return the magnitude of x1 with the sign of x2."""

def nextafter(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return the next number after x1 toward x2."""

def pow(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Raise x1 to the power x2 element by element. Integers wrap; a negative integer power is rounded to 0. The
    power 2 is x1 * x1.
    """

def negative(x: _TensorLike) -> Tensor:
    """Negate element by element."""

def positive(x: _TensorLike) -> Tensor:
    """Return the elements unchanged."""

def abs(x: _TensorLike) -> Tensor:
    """Return the absolute value."""

def sign(x: _TensorLike) -> Tensor:
    """Return -1, 0 or 1 by the sign of each element; NaN stays NaN."""

def signbit(x: _TensorLike) -> Tensor:
    """Return whether the sign bit is set: of negative numbers, -0.0 and some NaNs."""

def square(x: _TensorLike) -> Tensor:
    """Return the square of each element."""

def reciprocal(x: _TensorLike) -> Tensor:
    """Return 1 / x."""

def bitwise_and(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """And of the bits."""

def bitwise_or(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Or of the bits."""

def bitwise_xor(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Exclusive or of the bits."""

def bitwise_invert(x: _TensorLike) -> Tensor:
    """Invert every bit; on bool, logical not."""

def bitwise_left_shift(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Shift x1 left by x2 bits; amounts outside [0, bits) give 0."""

def bitwise_right_shift(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Shift x1 right by x2 bits, keeping the sign."""

def minimum(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return the smaller of two elements; NaN where either is NaN."""

def maximum(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return the larger of two elements; NaN where either is NaN."""

def fmin(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return the smaller of two elements, or the other one where one is NaN."""

def fmax(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return the larger of two elements, or the other one where one is NaN."""

def clip(x: _TensorLike, min: _TensorLike | None = None, max: _TensorLike | None = None) -> Tensor:
    """Limit every element to [min, max]; a limit that is left out is none."""

def floor(x: _TensorLike) -> Tensor:
    """Round toward minus infinity."""

def ceil(x: _TensorLike) -> Tensor:
    """Round toward plus infinity."""

def round(x: _TensorLike, decimals: SupportsIndex = 0) -> Tensor:
    """Round to so many decimals, halves to the even digit, as NumPy does: x * 10 ** decimals is rounded and divided
    again. Of complex numbers both parts.
    """

def trunc(x: _TensorLike) -> Tensor:
    """Round toward zero."""

def equal(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return whether x1 == x2, element by element; NaN equals nothing."""

def not_equal(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return whether x1 != x2, element by element."""

def less(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return whether x1 < x2, element by element."""

def less_equal(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return whether x1 <= x2, element by element."""

def greater(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return whether x1 > x2, element by element."""

def greater_equal(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return whether x1 >= x2, element by element."""

def logical_and(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return whether both elements are true (not zero)."""

def logical_or(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return whether either element is true (not zero)."""

def logical_xor(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return whether exactly one element is true (not zero)."""

def logical_not(x: _TensorLike) -> Tensor:
    """Return whether the element is false (zero)."""

def isnan(x: _TensorLike) -> Tensor:
    """Return whether the element is NaN."""

def isinf(x: _TensorLike) -> Tensor:
    """Return whether the element is plus or minus infinity."""

def isfinite(x: _TensorLike) -> Tensor:
    """Return whether the element is neither infinite nor NaN."""

def where(condition: _TensorLike, x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Take elements of x1 where the condition holds and of x2 elsewhere."""

def cast(x: _TensorLike, dtype: _DTypeLike) -> Tensor:
    """Convert to another dtype. Floats truncate toward zero when converted to integers and saturate; NaN becomes 0."""

def exp(x: _TensorLike) -> Tensor:
    """Return e to the power x."""

def exp2(x: _TensorLike) -> Tensor:
    """Return 2 to the power x."""

def expm1(x: _TensorLike) -> Tensor:
    """Return exp(x) - 1, accurate for small x."""

def log(x: _TensorLike) -> Tensor:
    """Return the natural logarithm; NaN for negative x, -inf for 0."""

def log2(x: _TensorLike) -> Tensor:
    """Return the logarithm to base 2."""

def log10(x: _TensorLike) -> Tensor:
    """Return the logarithm to base 10."""

def log1p(x: _TensorLike) -> Tensor:
    """Return log(1 + x), accurate for small x."""

def sqrt(x: _TensorLike) -> Tensor:
    """Return the square root, correctly rounded."""

def rsqrt(x: _TensorLike) -> Tensor:
    """Return 1 / sqrt(x)."""

def sin(x: _TensorLike) -> Tensor:
    """Return the sine of x in radians."""

def cos(x: _TensorLike) -> Tensor:
    """Return the cosine of x in radians."""

def tan(x: _TensorLike) -> Tensor:
    """Return the tangent of x in radians."""

def asin(x: _TensorLike) -> Tensor:
    """Return the angle in [-pi/2, pi/2] whose sine is x; NaN outside [-1, 1]."""

def acos(x: _TensorLike) -> Tensor:
    """Return the angle in [0, pi] whose cosine is x; NaN outside [-1, 1]."""

def atan(x: _TensorLike) -> Tensor:
    """Return the angle in [-pi/2, pi/2] whose tangent is x."""

def asinh(x: _TensorLike) -> Tensor:
    """Return the number whose hyperbolic sine is x."""

def acosh(x: _TensorLike) -> Tensor:
    """Return the number of 0 or more whose hyperbolic cosine is x; NaN below 1."""

def atanh(x: _TensorLike) -> Tensor:
    """Return the number whose hyperbolic tangent is x; NaN outside [-1, 1]."""

def tanh(x: _TensorLike) -> Tensor:
    """Return the hyperbolic tangent."""

def sinh(x: _TensorLike) -> Tensor:
    """Return the hyperbolic sine."""

def cosh(x: _TensorLike) -> Tensor:
    """Return the hyperbolic cosine."""

def sigmoid(x: _TensorLike) -> Tensor:
    """Return 1 / (1 + exp(-x))."""

def erf(x: _TensorLike) -> Tensor:
    """Return the error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x."""

def logaddexp(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return log(exp(x1) + exp(x2)) without overflow."""

def erfc(x: _TensorLike) -> Tensor:
    """Return 1 - erf(x), accurate where that is small."""

def erfinv(x: _TensorLike) -> Tensor:
    """Return the number whose erf is x; infinite at -1 and 1, NaN beyond."""

def lgamma(x: _TensorLike) -> Tensor:
    """Return the logarithm of the absolute value of the gamma function; inf at 0, -1, -2 ..."""

def digamma(x: _TensorLike) -> Tensor:
    """Return the derivative of lgamma; NaN at -1, -2 ..., infinite at 0 with the other sign."""

def trigamma(x: _TensorLike) -> Tensor:
    """Return the derivative of digamma; infinite at 0, -1, -2 ..."""

def sinc(x: _TensorLike) -> Tensor:
    """Return sin(pi x) / (pi x), and 1 at 0."""

def i0(x: _TensorLike) -> Tensor:
    """Return the modified Bessel function of the first kind and order 0."""

def i0e(x: _TensorLike) -> Tensor:
    """Return exp(-|x|) i0(x)."""

def i1(x: _TensorLike) -> Tensor:
    """Return the modified Bessel function of the first kind and order 1."""

def i1e(x: _TensorLike) -> Tensor:
    """Return exp(-|x|) i1(x)."""

def ldexp(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return x1 times 2 to the power x2, an integer, rounded once."""

def sum(x: _TensorLike, axis: _Shape | None = None, dtype: _DTypeLike | None = None, keepdims: _bool = False) -> Tensor:
    """Sum over axes, blockwise and pairwise; 16-bit floats accumulate in float32, small integers in int64."""

def prod(
    x: _TensorLike,
    axis: _Shape | None = None,
    dtype: _DTypeLike | None = None,
    keepdims: _bool = False,
) -> Tensor:
    """Multiply over axes; complex numbers in order. Second derivatives are wrong where elements are 0."""

def max(x: _TensorLike, axis: _Shape | None = None, keepdims: _bool = False) -> Tensor:
    """Return the largest element over axes; NaN if there is one."""

def min(x: _TensorLike, axis: _Shape | None = None, keepdims: _bool = False) -> Tensor:
    """Return the smallest element over axes; NaN if there is one."""

def any(x: _TensorLike, axis: _Shape | None = None, keepdims: _bool = False) -> Tensor:
    """Return whether any element over axes is true (not zero)."""

def all(x: _TensorLike, axis: _Shape | None = None, keepdims: _bool = False) -> Tensor:
    """Return whether all elements over axes are true (not zero)."""

def argmax(x: _TensorLike, axis: _Shape | None = None, keepdims: _bool = False) -> Tensor:
    """Return the index of the first largest element along an axis, or of the flattened tensor."""

def argmin(x: _TensorLike, axis: _Shape | None = None, keepdims: _bool = False) -> Tensor:
    """Return the index of the first smallest element along an axis, or of the flattened tensor."""

def mean(x: _TensorLike, axis: _Shape | None = None, keepdims: _bool = False) -> Tensor:
    """Return the arithmetic mean over axes; NaN over nothing."""

def var(
    x: _TensorLike,
    axis: _Shape | None = None,
    correction: float = 0.0,
    keepdims: _bool = False,
    *,
    ddof: float | None = None,
) -> Tensor:
    """Return the mean squared deviation from the mean, in two passes, divided by (count - correction); of complex
    numbers that of the absolute value.
    """

def std(
    x: _TensorLike,
    axis: _Shape | None = None,
    correction: float = 0.0,
    keepdims: _bool = False,
    *,
    ddof: float | None = None,
) -> Tensor:
    """Return the square root of `var`."""

def logsumexp(x: _TensorLike, axis: _Shape | None = None, keepdims: _bool = False) -> Tensor:
    """Return log(sum(exp(x))) over axes without overflow."""

def cumsum(x: _TensorLike, axis: SupportsIndex | None = None, dtype: _DTypeLike | None = None) -> Tensor:
    """Return running sums along an axis, added in order; 16-bit floats accumulate in float32."""

def reshape(x: _TensorLike, shape: _Shape, copy: _bool | None = None) -> Tensor:
    """Return the same elements in row-major order under another shape; a view where strides allow it."""

def permute_dims(x: _TensorLike, axes: _Shape) -> Tensor:
    """Return a view with the axes in another order."""

def transpose(x: _TensorLike, axes: _Shape | None = None) -> Tensor:
    """Return a view with the axes in the order given, or in reverse order."""

def matrix_transpose(x: _TensorLike) -> Tensor:
    """Return a view with the last two axes swapped."""

def broadcast_to(x: _TensorLike, shape: _Shape) -> Tensor:
    """Return a read-only view repeated along axes of size 1 and new leading axes."""

def expand_dims(x: _TensorLike, axis: SupportsIndex = 0) -> Tensor:
    """Return a view with a new axis of size 1 at the given place."""

def squeeze(x: _TensorLike, axis: _Shape | None = None) -> Tensor:
    """Return a view without the given axes of size 1."""

def flip(x: _TensorLike, axis: _Shape | None = None) -> Tensor:
    """Return a view with the elements in reverse order along axes (all by default)."""

def concat(arrays: _TensorList, axis: SupportsIndex = 0) -> Tensor:
    """Join tensors along an existing axis."""

def stack(arrays: _TensorList, axis: SupportsIndex = 0) -> Tensor:
    """Join tensors of one shape along a new axis."""

def take(x: _TensorLike, indices: _TensorLike, axis: SupportsIndex | None = None) -> Tensor:
    """Return the elements at given indices along an axis; an index outside [-size, size) raises IndexError."""

def take_along_axis(x: _TensorLike, indices: _TensorLike, axis: SupportsIndex = -1) -> Tensor:
    """Return, for every position, the element of x at the given index along an axis."""

def tril(x: _TensorLike, k: SupportsIndex = 0) -> Tensor:
    """Return matrices with zeros above the k-th diagonal."""

def triu(x: _TensorLike, k: SupportsIndex = 0) -> Tensor:
    """Return matrices with zeros below the k-th diagonal."""

def embedding(indices: _TensorLike, weight: _TensorLike) -> Tensor:
    """Return the rows of weight [entries, features] at the given indices."""

def scatter(x: _TensorLike, indices: _TensorLike, values: _TensorLike, axis: SupportsIndex = -1) -> Tensor:
    """Return x with values written at the given indices along an axis, the last one where indices repeat. The
    indices have the shape of x but along the axis, or broadcast to it, and so do the values to them; the inverse of
    `take_along_axis`. An index outside [-size, size) raises IndexError.
    """

def scatter_add(x: _TensorLike, indices: _TensorLike, values: _TensorLike, axis: SupportsIndex = -1) -> Tensor:
    """Return x with values added at the given indices along an axis, one after another where indices repeat. Shapes
    and errors are those of `scatter`.
    """

def scatter_multiply(x: _TensorLike, indices: _TensorLike, values: _TensorLike, axis: SupportsIndex = -1) -> Tensor:
    """Return x multiplied by values at the given indices along an axis, one after another where indices repeat.
    Shapes and errors are those of `scatter`. The gradient of a value that is 0 is NaN.
    """

def scatter_maximum(x: _TensorLike, indices: _TensorLike, values: _TensorLike, axis: SupportsIndex = -1) -> Tensor:
    """Return the larger one of x and the values at the given indices along an axis, NaN if one of them is. Shapes
    and errors are those of `scatter`.
    """

def scatter_minimum(x: _TensorLike, indices: _TensorLike, values: _TensorLike, axis: SupportsIndex = -1) -> Tensor:
    """Return the smaller one of x and the values at the given indices along an axis, NaN if one of them is. Shapes
    and errors are those of `scatter`.
    """

def segment_sum(values: _TensorLike, segment_ids: _TensorLike, num_segments: SupportsIndex) -> Tensor:
    """Return the sums of the rows of values [n, ...] that have the same one of the segment_ids [n], added in order,
    as [num_segments, ...]; 0 where there are none. An id outside [-num_segments, num_segments) raises IndexError.
    """

def matmul(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Multiply matrices [..., m, k] and [..., k, n] with broadcast leading axes; vectors as in NumPy."""

def linear(x: _TensorLike, weight: _TensorLike, bias: _TensorLike | None = None) -> Tensor:
    """Return x @ weight.T + bias for x [..., in], weight [out, in], bias [out]."""

def softmax(x: _TensorLike, axis: SupportsIndex = -1) -> Tensor:
    """Return exp(x) divided by its sum along an axis, without overflow."""

def log_softmax(x: _TensorLike, axis: SupportsIndex = -1) -> Tensor:
    """Return the logarithm of softmax along an axis, without overflow."""

def relu(x: _TensorLike) -> Tensor:
    """Return max(x, 0)."""

def gelu(x: _TensorLike) -> Tensor:
    """Return x times the normal distribution function of x: x/2 (1 + erf(x / sqrt(2)))."""

def layer_norm(
    x: _TensorLike,
    weight: _TensorLike | None = None,
    bias: _TensorLike | None = None,
    eps: float = 1e-05,
) -> Tensor:
    """Normalise the last axis to mean 0 and variance 1, then scale by weight and shift by bias."""

def sort(x: _TensorLike, axis: SupportsIndex = -1, descending: _bool = False, stable: _bool = True) -> Tensor:
    """Return the elements in order along an axis, equal ones in the order they had, NaNs last either way; complex
    ones by their real parts, then by their imaginary parts.
    """

def argsort(x: _TensorLike, axis: SupportsIndex = -1, descending: _bool = False, stable: _bool = True) -> Tensor:
    """Return the int64 indices that sort a tensor along an axis, in the order of `sort`."""

def cummax(x: _TensorLike, axis: SupportsIndex | None = None) -> Tensor:
    """Return the largest element so far along an axis; NaN from the first NaN on."""

def cummin(x: _TensorLike, axis: SupportsIndex | None = None) -> Tensor:
    """Return the smallest element so far along an axis; NaN from the first NaN on."""

def cumprod(x: _TensorLike, axis: SupportsIndex | None = None, dtype: _DTypeLike | None = None) -> Tensor:
    """Return running products along an axis, multiplied in order; 16-bit floats are rounded once per result."""

def real(x: _TensorLike) -> Tensor:
    """Return the real part; of real numbers, the numbers."""

def imag(x: _TensorLike) -> Tensor:
    """Return the imaginary part of complex numbers."""

def conj(x: _TensorLike) -> Tensor:
    """Return the complex conjugate; of real numbers, the numbers."""

def angle(x: _TensorLike) -> Tensor:
    """Return the angle in [-pi, pi] from the positive real axis to x."""

def complex(x1: _TensorLike, x2: _TensorLike) -> Tensor:
    """Return complex numbers with the real parts x1 and the imaginary parts x2."""

def _slice(x: _TensorLike, starts: Sequence[int], sizes: Sequence[int], steps: Sequence[int]) -> Tensor:
    """Return a view of evenly spaced elements: start + step * i for i in [0, size), per axis."""

def _places_under_mask(mask: _TensorLike, length: _Shape) -> Tensor:
    """Return how many elements before each one of a mask are true, at most length - 1; there must be `length` of
    them.
    """

def _cholesky(x: _TensorLike, upper: _bool) -> Tensor:
    """Return the triangular L with L @ L^H = x, or U with U^H @ U = x."""

def _solve(a: _TensorLike, b: _TensorLike) -> Tensor:
    """Return x with a @ x = b."""

def _inv(x: _TensorLike) -> Tensor:
    """Return the inverse of matrices."""

def _det(x: _TensorLike) -> Tensor:
    """Return determinants."""

def _slogdet(x: _TensorLike) -> Tensor:
    """Return, as one vector, the signs of determinants and the logarithms of their sizes."""

def _qr(x: _TensorLike, complete: _bool) -> Tensor:
    """Return, as one vector, Q with orthonormal columns and upper triangular R with Q @ R = x."""

def _svd(x: _TensorLike, full_matrices: _bool) -> Tensor:
    """Return, as one vector, U, the singular values and V^H of U @ diag(S) @ V^H = x."""

def _svdvals(x: _TensorLike) -> Tensor:
    """Return singular values, the largest first."""

def _eigh(x: _TensorLike) -> Tensor:
    """Return, as one vector, the eigenvalues of Hermitian matrices in ascending order, and eigenvectors."""

def _eigvalsh(x: _TensorLike) -> Tensor:
    """Return the eigenvalues of Hermitian matrices in ascending order."""

def _eig(x: _TensorLike) -> Tensor:
    """Return, as one vector, the eigenvalues of matrices and eigenvectors, both complex."""

def _eigvals(x: _TensorLike) -> Tensor:
    """Return the eigenvalues of matrices, complex."""

def _convolution(
    x: _TensorLike,
    weight: _TensorLike,
    bias: _TensorLike | None = None,
    *,
    stride: Sequence[int],
    dilation: Sequence[int],
    before: Sequence[int],
    groups: SupportsIndex,
    after: Sequence[int],
) -> Tensor:
    """Correlate [batch, channels, ...] with weight [out, channels / groups, ...] and add bias [out]."""

def _convolution_source(
    y: _TensorLike,
    weight: _TensorLike,
    bias: _TensorLike | None = None,
    *,
    stride: Sequence[int],
    dilation: Sequence[int],
    before: Sequence[int],
    groups: SupportsIndex,
    size: Sequence[int],
) -> Tensor:
    """Return the transpose, in its input, of the convolution with weight, of y, and add bias."""

def _convolution_weights(
    x: _TensorLike,
    y: _TensorLike,
    stride: Sequence[int],
    dilation: Sequence[int],
    before: Sequence[int],
    groups: SupportsIndex,
    kernel: Sequence[int],
) -> Tensor:
    """Return the transpose, in its weights, of the convolution of x, of y."""

def _integer_linear(x: _TensorLike, weight: _TensorLike, zero_point: _TensorLike) -> Tensor:
    """Return (x - zero_point) @ weight.T of 8-bit integers and an int8 weight, exactly modulo 2^32."""

def _integer_convolution(
    x: _TensorLike,
    weight: _TensorLike,
    zero_point: _TensorLike,
    stride: Sequence[int],
    dilation: Sequence[int],
    before: Sequence[int],
    groups: SupportsIndex,
    after: Sequence[int],
) -> Tensor:
    """Correlate x - zero_point, 8-bit integers, with an int8 weight, exactly modulo 2^32, as int32."""

def _max_pool(
    x: _TensorLike,
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    before: Sequence[int],
    size: Sequence[int],
    adaptive: _bool,
    divisor: SupportsIndex,
) -> Tensor:
    """Return the largest element of each window of [batch, channels, ...]."""

def _max_pool_indices(
    x: _TensorLike,
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    before: Sequence[int],
    size: Sequence[int],
    adaptive: _bool,
    divisor: SupportsIndex,
) -> Tensor:
    """Return where in its plane the largest element of each window is."""

def _avg_pool(
    x: _TensorLike,
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    before: Sequence[int],
    size: Sequence[int],
    adaptive: _bool,
    divisor: SupportsIndex,
) -> Tensor:
    """Return the mean of each window of [batch, channels, ...]."""

def _avg_pool_source(
    x: _TensorLike,
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    before: Sequence[int],
    size: Sequence[int],
    adaptive: _bool,
    divisor: SupportsIndex,
    source: Sequence[int],
) -> Tensor:
    """Return the transpose of avg_pool: every number shared equally among the elements of its window."""

def _scatter_planes(values: _TensorLike, indices: _TensorLike, size: Sequence[int], add: _bool) -> Tensor:
    """Return planes of zeros with the values at indices into the plane of their channel."""

def _resample(x: _TensorLike, taps: _TensorLike, weights: _TensorLike, axis: SupportsIndex) -> Tensor:
    """Return sums over taps of weights times the elements at them, along an axis."""

def _resample_source(
    y: _TensorLike,
    taps: _TensorLike,
    weights: _TensorLike,
    axis: SupportsIndex,
    size: Sequence[int],
) -> Tensor:
    """Return the transpose of resample: every number added to what it was made of."""

def _fourier(
    x: _TensorLike,
    inverse: _bool,
    real: _bool,
    axis: SupportsIndex,
    length: _Shape,
    roots: SupportsIndex,
    conjugate: _bool = False,
) -> Tensor:
    """Return the discrete Fourier transform along an axis."""

def _lexsort(keys: _TensorList, axis: SupportsIndex = -1, descending: _bool = False) -> Tensor:
    """Return the int64 indices that sort along an axis by the last key, in the order of `sort`; where it is equal
    by the one before it, and so on. Complex numbers with a NaN come last: first where only the imaginary part is
    one, then where only the real part is.
    """

def _topk_indices(x: _TensorLike, k: SupportsIndex, axis: SupportsIndex = -1, largest: _bool = True) -> Tensor:
    """Return the int64 indices of the k first elements along an axis in the order of `sort`."""

def _places_in_sorted(sorted: _TensorLike, values: _TensorLike, right: _bool = False) -> Tensor:
    """Return how many elements of a sorted vector lie before (with right: not after) each value."""

def _places_of_nonzero(x: _TensorLike, length: _Shape) -> Tensor:
    """Return the places of true elements, of which there are `length`."""

def _counts_of_places(x: _TensorLike, length: _Shape) -> Tensor:
    """Return how often each of the first `length` numbers occurs."""

def _weights_of_places(x: _TensorLike, weights: _TensorLike, length: _Shape) -> Tensor:
    """Return the sum of the weights of each of the first `length` numbers, added in order."""

def _counts_in_bins(edges: _TensorLike, values: _TensorLike) -> Tensor:
    """Return how many values lie between neighbouring edges: at or above one and below the next, or at the last."""

def _weights_in_bins(edges: _TensorLike, values: _TensorLike, weights: _TensorLike) -> Tensor:
    """Return the sums of the weights of values between neighbouring edges, added in order."""
