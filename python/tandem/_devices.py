"""`td.device`: the name of a device."""

from __future__ import annotations

from tandem import _core


class device(str):
    """Name a device: "cpu", "cuda" (which is "cuda:0"), or the number of a GPU, as in "cuda:1".

    It is the text that `x.device` is, checked: BackendError when there is no such GPU, ValueError for other texts.

    >>> td.device("cpu")
    device('cpu')
    >>> td.asarray([1.0]).device == td.device("cpu")
    True
    """

    __slots__ = ()

    def __new__(cls, name: str = "cpu") -> device:
        return super().__new__(cls, _core._device(name))

    @property
    def type(self) -> str:
        """The kind of device: "cpu" or "cuda"."""
        return self.partition(":")[0]

    @property
    def index(self) -> int | None:  # type: ignore[override]
        """The number of the GPU; None for the CPU."""
        return int(self.partition(":")[2]) if self.type == "cuda" else None

    def __repr__(self) -> str:
        return f"device({str.__repr__(self)})"
