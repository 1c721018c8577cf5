"""Look-ups in tables of vectors."""

from __future__ import annotations

from typing import Any

from tandem import _core
from tandem.autograd import no_grad
from tandem.nn import functional as F
from tandem.nn import init
from tandem.nn.modules.linear import empty
from tandem.nn.modules.module import Module
from tandem.nn.parameter import Parameter

Tensor = _core.Tensor


def _row(what: str, padding_idx: int | None, rows: int) -> int | None:
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise _core.OutOfBoundsError(f"{what}: got padding_idx={padding_idx}; need one of {rows} rows")
    return padding_idx % rows


class _Table(Module):
    """A table of vectors, one of which may stand for nothing."""

    def __init__(
        self, rows: int, size: int, padding_idx: int | None, _weight: Tensor | None, _freeze: bool, dtype: Any
    ):
        super().__init__()
        self.num_embeddings, self.embedding_dim = rows, size
        self.padding_idx = _row(type(self).__name__, padding_idx, rows)
        if _weight is None:
            self.weight = empty(rows, size, dtype=dtype)
            self.weight.requires_grad_(not _freeze)
            self.reset_parameters()
        elif tuple(_weight.shape) != (rows, size):
            raise _core.ShapeError(f"{type(self).__name__}: got weights of shape {_weight.shape}; need {(rows, size)}")
        else:
            self.weight = Parameter(_weight, not _freeze)

    def reset_parameters(self) -> None:
        """Draw the first values again: normal numbers, and zeros for padding_idx."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0


class Embedding(_Table):
    """The rows of `weight` [num_embeddings, embedding_dim] at given indices: integers [...] to [..., embedding_dim].

    padding_idx: a row that begins with zeros and gets no gradient. max_norm: rows that are looked up are first scaled
    in place to at most that norm.

    >>> td.nn.Embedding(10, 3)(td.asarray([[1, 2], [4, 5]])).shape
    (2, 2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if scale_grad_by_freq or sparse:
            raise _core.ArgumentError("Embedding: got scale_grad_by_freq or sparse; need neither: gradients are dense")
        super().__init__(num_embeddings, embedding_dim, padding_idx, _weight, _freeze, dtype)
        self.max_norm, self.norm_type = max_norm, norm_type

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
    ) -> Embedding:
        """Return an embedding with these rows, which are not trained unless freeze=False."""
        rows, size = embeddings.shape
        return cls(rows, size, padding_idx, max_norm, norm_type, _weight=embeddings, _freeze=freeze)

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type)

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        return text if self.max_norm is None else f"{text}, max_norm={self.max_norm}"


class EmbeddingBag(_Table):
    """The sum, mean or largest of the rows at the indices of each bag.

    Takes [bags, n], or a vector of all indices and where each bag begins in it; gives [bags, embedding_dim].

    >>> bag = td.nn.EmbeddingBag(10, 3, mode="sum")
    >>> bag(td.asarray([1, 2, 4, 5]), td.asarray([0, 3])).shape
    (2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if scale_grad_by_freq or sparse:
            raise _core.ArgumentError(
                "EmbeddingBag: got scale_grad_by_freq or sparse; need neither: gradients are dense"
            )
        super().__init__(num_embeddings, embedding_dim, padding_idx, _weight, False, dtype)
        self.max_norm, self.norm_type, self.mode = max_norm, norm_type, mode
        self.include_last_offset = include_last_offset

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            mode=self.mode,
            per_sample_weights=per_sample_weights,
            include_last_offset=self.include_last_offset,
            padding_idx=self.padding_idx,
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        text += f", mode={self.mode!r}"
        return text if self.padding_idx is None else f"{text}, padding_idx={self.padding_idx}"
