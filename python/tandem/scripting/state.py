"""The variables that a branch or a loop carries: taken from a frame, put back into it, and compared.

A value may be any tree of tuples, lists, dicts and dataclasses. Its tensors and numbers are what the graph carries;
everything else must be the same before and after. Where it is not, the variable gets an `Undefined` placeholder, which
costs nothing unless it is used and then says why there is no value.
"""

from __future__ import annotations

import sys
import types
from abc import ABCMeta
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from tandem import _core, pytree
from tandem.scripting.context import current, is_dim
from tandem.scripting.errors import PACKAGE, capture_error

PROTECTED = "__td_"  # the rewriter's own variables: read only when a flag says that they were set
CHOICE = "__td_choice"  # the value of a ternary, `and` or `or`


class _Unbound:
    """Marks a variable that has no value, so that the frame's variable is deleted again."""

    def __repr__(self) -> str:
        return "<unbound>"


UNBOUND = _Unbound()
KEPT = _Unbound()  # the `grad` of a tensor, which the recorder follows itself: it stays as it is


class Undefined:
    """Stands for a variable that has no single value; every use raises CaptureError with the reason."""

    __slots__ = ("_name", "_reason")

    def __init__(self, name: str, reason: str = "it is not set on every path") -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_reason", reason)

    def __repr__(self) -> str:
        return f"<undefined '{self._name}'>"

    @property
    def reason(self) -> str:
        return str(self._reason)

    def _raise(self, *_: Any, **__: Any) -> NoReturn:
        raise undefined_error(self)

    __bool__ = __len__ = __iter__ = __call__ = __getitem__ = __setitem__ = __contains__ = __index__ = _raise
    __int__ = __float__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _raise
    __neg__ = __pos__ = __abs__ = __invert__ = _raise
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __matmul__ = __rmatmul__ = _raise
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = _raise
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __lshift__ = __rlshift__ = _raise
    __rshift__ = __rrshift__ = _raise

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        self._raise()


def named(name: str) -> str:
    """How messages call a variable, which may be one of the rewriter's."""
    if name == CHOICE:
        return "the value of this expression"
    return "the returned value" if name.startswith(PROTECTED) else f"variable '{name}'"


def undefined_error(value: Undefined) -> Exception:
    return capture_error(
        named(value._name),
        f"no single value, because {value._reason}",
        "one dtype, shape and structure on every path that reaches this line",
        "giving it a value of the same dtype and shape on every path" + _before(value._reason),
    )


def _before(reason: str) -> str:
    return ", also before the loop" if "loop" in reason else ""


def describe(value: Any) -> str:
    """`f32[3, 4]` for a tensor, the type's name or the plain value otherwise."""
    if isinstance(value, (_Unbound, Undefined)):
        return "no value"
    if isinstance(value, _core.Tensor):
        return f"{value.dtype}[{', '.join(str(dim) for dim in value.shape)}]"
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    values, structure = pytree.flatten(value)
    if structure.is_leaf:
        return type(value).__name__
    return str(structure).replace("*", "{}").format(*map(describe, values)) if "{" not in str(structure) else "a dict"


def is_number(value: Any) -> bool:
    return type(value) in (bool, int, float) or is_dim(value)


def same_plain(a: Any, b: Any) -> bool:
    """True when two values are one object or equal plain values, so that nothing need be carried."""
    if a is b:
        return True
    if is_dim(a) and is_dim(b):
        return str(a) == str(b)  # `==` would add a guard
    if type(a) is not type(b) or not isinstance(a, (bool, int, float, str, bytes, type(None))):
        return False
    return bool(a == b) and (type(a) is not float or str(a) == str(b))  # -0.0 is not 0.0


def same_type(a: Any, b: Any) -> bool:
    """True when two tensors agree in dtype and shape."""
    return a.dtype == b.dtype and tuple(a.shape) == tuple(b.shape)


def is_weak(value: Any) -> bool:
    """True for a Python scalar, or a recorded tensor that promotes like one."""
    return is_number(value) or bool(getattr(value, "_weak", False))


def kind(value: Any) -> int:
    """bool 0, integer 1, floating 2, complex 3; of a number or a tensor."""
    if is_number(value):
        return 1 if is_dim(value) else (bool, int, float).index(type(value))
    text = str(value.dtype)
    return 0 if "bool" in text else 1 if "int" in text else 2 if "float" in text else 3


def widens(narrow: Any, wide: Any) -> bool:
    """True when a Python scalar takes the dtype of the other value: the same kind, or a number of a larger one."""
    a, b = kind(narrow), kind(wide)
    return a == b or 0 < a < b


def lift(value: Any) -> Any:
    """The value as a tensor of the graph."""
    return _core.lift(value)


@dataclass(slots=True)
class Entry:
    """One variable at one moment."""

    name: str
    value: Any
    leaves: list[Any]
    structure: pytree.Structure | None  # None when the variable has no value
    nodes: list[Any] = field(default_factory=list)  # its containers, each before what it holds


def opened(value: Any) -> tuple[str, ...] | None:
    """The attributes of an object of a plain class of the user's, made during this capture; None for others.

    Such an object may be taken apart, and others like it made: nobody outside of the function knows it.
    """
    cls = type(value)
    capture = current()
    if capture is None or capture.watch is None or capture.watch.knows(value) or type(cls) not in (type, ABCMeta):
        return None
    for base in cls.__mro__[:-1]:
        own = vars(base)
        if not base.__flags__ & _HEAP or base.__module__.startswith("tandem.") or not _ACCESS.isdisjoint(own):
            return None
    slots = [name for base in cls.__mro__ for name, item in vars(base).items() if type(item) is _Member]
    names = (*(name for name in slots if hasattr(value, name)), *getattr(value, "__dict__", ()))
    return names if all(isinstance(name, str) for name in names) else None


_HEAP = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement
_ACCESS = frozenset({"__new__", "__getattribute__", "__setattr__", "__delattr__", "__del__"})
_Member = types.MemberDescriptorType


def open_entry(entry: Entry) -> Entry:
    """The entry with its object, and what that holds, as a container."""
    return entry if entry.structure is None else Entry(entry.name, entry.value, *pytree.nodes(entry.value, opened))


class Snapshot:
    """The values of some variables of a frame. Lists and dicts are remembered with their contents."""

    def __init__(self, names: Iterable[str], scope: dict[str, Any]) -> None:
        self.entries = []
        self.places: set[Any] = set()  # of attributes and containers among them, as guards identify them
        for name in names:
            value = _read(name, scope)
            if "." in name:
                owner, _, attribute = name.rpartition(".")
                self.places.add(("attr", id(_read(owner, scope, outer=True)), attribute))
            if isinstance(value, (_Unbound, Undefined)):
                self.entries.append(Entry(name, value, [], None))
            else:
                self.entries.append(Entry(name, value, *pytree.nodes(value)))
            self.places.update(map(id, self.entries[-1].nodes))

    def variables(self) -> dict[str, Any]:
        return {entry.name: entry.value for entry in self.entries}

    def values(self) -> tuple[Any, ...]:
        """The values as they were, containers refilled in place."""
        return tuple(
            entry.value if entry.structure is None else pytree.rebuild(entry.structure, entry.leaves, entry.nodes)
            for entry in self.entries
        )


def _read(name: str, scope: dict[str, Any], outer: bool = False) -> Any:
    """The value of `a.b.c`; `a` may be a global if there is more to it than a name, or with `outer`."""
    head, *attributes = name.split(".")
    value = scope.get(head, UNBOUND)
    if (attributes or outer) and value is UNBOUND:
        value = _global(head)
    for attribute in attributes:
        if attribute == "grad" and isinstance(value, _core.Tensor):
            return KEPT
        value = UNBOUND if isinstance(value, (_Unbound, Undefined)) else getattr(value, attribute, UNBOUND)
    return value


def _global(name: str) -> Any:
    """A global of the function that is running, unless the name is one of its own variables."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    if frame is None:
        return UNBOUND
    code = frame.f_code
    own = name in code.co_varnames or name in code.co_cellvars or name in code.co_freevars
    return UNBOUND if own else frame.f_globals.get(name, UNBOUND)


def zeros_like(value: Any) -> Any:
    """A value of the same type that no path reads."""
    return Later(value)()


class Later:
    """A zero of some type, made when it is asked for: not in the region that the type was seen in."""

    def __init__(self, like: Any) -> None:
        self.number = (False, 0, 0.0)[kind(like)] if is_weak(like) else None
        self.shape: tuple[Any, ...] = () if is_weak(like) else tuple(like.shape)
        self.dtype = None if is_weak(like) else like.dtype

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Later) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, *rows: int) -> Any:
        """The zero; `rows`: further axes in front."""
        return self.number if self.dtype is None else _core.zeros((*rows, *self.shape), dtype=self.dtype)


def zeros_later(leaves: list[Any]) -> list[Any]:
    return [Later(leaf) for leaf in leaves]


def truth(value: Any) -> Any:
    """A condition as a 0-d bool tensor, by the rules of `bool(tensor)`."""
    value = _core.lift(value)
    if tuple(value.shape):
        if any(dim != 1 for dim in value.shape):
            raise capture_error(
                "condition",
                f"a tensor {describe(value)}",
                "a single truth value",
                "'.any()' or '.all()', or td.where for a choice per element",
            )
        value = value.reshape(())
    return value if "bool" in str(value.dtype) else value != 0


def tested(value: Any) -> Any:
    """What decides the truth of a value: for an object with a `__bool__` of the user's, that of its result."""
    method = getattr(type(value), "__bool__", None)
    if type(method) is not types.FunctionType or current() is None:
        return value
    from tandem.scripting.primitives import call

    decides = call(method)(value)
    if isinstance(decides, _core.Tensor) and not decides._weak:
        kind_of = type(decides)
        raise TypeError(f"__bool__ should return bool, returned {kind_of.__module__}.{kind_of.__name__}")
    return decides
